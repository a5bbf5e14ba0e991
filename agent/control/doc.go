// Package control is the agent's view of the controllers: it calls them, and
// it knows the networks that they declare.
//
// What it knows of the networks is followed while a controller answers, and
// kept in a file, so that an agent that starts while none answers knows as much
// as the one before it did. So is which addresses of the host's own slices are
// taken. Nothing else is kept, and nothing is decided here:
// what a call asks for, and what is done without its answer, is the caller's.
//
// The packages of the agent import it. It never hears of Docker.
package control
