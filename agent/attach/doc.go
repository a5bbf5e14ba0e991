// Package attach gives containers that Docker started without a network
// (--net none) interfaces in the networks of Weft: when the command says so, or a
// label of the container, or when the stock ovs-docker has plugged one in.
//
// What is attached is remembered on disk (ledger.go), for a veth goes with the
// container's namespace and has to be made anew whenever the container starts.
// Everything is compared with Docker's list and with the ports of br-weft, when
// Docker says that something has happened and now and then (compare.go). What
// Docker's list has no more is taken away; nothing is while Docker does not
// answer.
//
// A call that needs the controller while none answers is refused at once. What
// takes something away is always accepted, and carried out when it can be.
//
// The command weft imports it. Containers on networks that Docker knows are
// package docker's.
package attach
