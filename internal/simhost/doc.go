// Package simhost simulates a host: an Open vSwitch that dials the controller,
// of which a thousand fit into one process. It forwards no packet.
//
// It has a database side, which speaks OVSDB (RFC 7047) to the manager that it
// is told, and a switch side, which speaks OpenFlow 1.4 to whatever controller
// the database's rows name. What it accepts it keeps, so that a test can ask
// for the flows; and it refuses what Open vSwitch 3.1 refuses. A test runs the
// same scenarios against it and against the real one.
//
// Tests and benchmarks import it. It knows nothing of networks and endpoints,
// and does not know who is at the other end.
package simhost
