// Package walk runs packets through the programs of several hosts in memory
// and says where they come out: in how many copies, at which ports, through
// which flows, or which flow dropped them and why.
//
// A [Switch] does what Open vSwitch 3.1 does with a packet; an [Underlay]
// carries what comes out of a tunnel port to the host that has the VTEP. A
// switch remembers the connections that it has tracked: walk a packet and then
// its answer, and the answer is that of an established connection. What comes
// out at the port to a host's kernel ends there; what the kernel makes of it is
// not the walker's to say. What the walker does not know it reports as an error
// when a packet gets there, and never guesses.
//
// It is pure: no sockets, no clock. The controller imports it for traces, and
// tests that ask whether programs do what they are for. It knows flows, not
// networks and endpoints: who is behind a port is the caller's business. Of
// package flows it uses only the words that explain a cookie.
package walk
