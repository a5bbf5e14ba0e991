// Package openflow is the wire: OpenFlow 1.4 with the Nicira extensions, as
// Open vSwitch 3.1 speaks it, and its text, as ovs-ofctl prints it.
//
// Encoders append to the caller's slice. Decoders keep what they do not know,
// so that a flow that somebody else installed survives being read and written.
//
// Any package may import openflow. It imports none of ours, opens no socket
// and knows nothing of networks, endpoints or hosts.
package openflow
