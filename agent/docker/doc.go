// Package docker is Weft as Docker sees it: the network driver and the IPAM
// driver "weft", and the networks of the controller among those of the engine.
//
// It has two halves. The handlers answer Docker's calls; they ask the controller
// and change the host, and never ask Docker, which holds its locks meanwhile.
// The follower (follow.go) is no part of any call: it makes the engine's networks
// equal to the controller's, and does later what a handler could not.
// Between them stands what Docker has told, kept on disk (records.go), since
// Docker tells nothing twice.
//
// A call that needs the controller while none answers is refused at once. What
// takes something away is always accepted, and carried out when it can be.
//
// The command weft imports it.
package docker
