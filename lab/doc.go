// Package lab builds a whole Weft installation on one machine from a topology
// file: hosts as network namespaces, each with its own ovsdb-server and
// ovs-vswitchd, a routed underlay between them, containers as namespaces, and
// the controller. Packets that cross it cross real Open vSwitch.
//
// It is for `weft lab`, end-to-end tests and measurements; no other package
// imports it.
// It treats the controller as a user would, over REST and through
// `ovs-vsctl set-manager`, and must not know how flows are made. Nothing in
// the root network namespace is changed: every interface is created inside
// the namespace it belongs to.
//
// The hosts use Open vSwitch's userspace datapath, because that needs no kernel
// module and can exist many times on one machine. Where that datapath needs
// special care, the comment says "userspace datapath".
package lab
