// Package ovsdb keeps one accepted OVSDB connection: a host's ovsdb-server
// dials the controller (ovs-vsctl set-manager tcp:CONTROLLER:6640) and is, once
// connected, an ordinary JSON-RPC peer on which this side is the client.
//
// It does two things. It shows what of that Open vSwitch concerns its caller,
// as complete immutable snapshots ([View]), and it makes one bridge with its
// tunnel ports and its OpenFlow controller be as told ([Conn.Ensure] takes the
// complete [Wanted] state and works out the difference itself).
//
// The controller imports it. It imports nothing of this module and must not
// know what a network, an endpoint or another host is; it knows rows.
//
// The protocol is RFC 7047, with what ovsdb-server(7) says of it. Requests are
// built from libovsdb's types. What comes in is decoded here instead: libovsdb's
// decoders index and type-assert what the peer sent, so that an empty array for
// a value panics, and the peer is whoever reached the port.
package ovsdb
