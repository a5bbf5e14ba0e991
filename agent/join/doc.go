// Package join makes a host a member of a cluster, and keeps it one: it gossips,
// finds the controller, points the host's Open vSwitch at it, says there what
// only the host knows (tunnel address, datapath, MTU of the underlay), and where
// there is no kernel module prepares the underlay for the userspace datapath.
//
// All that it must be told is a token and one address (Config); both are kept in
// the state directory, so that a restart needs neither. It follows controllers
// of its own cluster only, and goes on without any. What people set in Open
// vSwitch is theirs: it changes what it made itself, and nothing else.
//
// Check looks for what a host lacks. The command weft imports this package.
package join
