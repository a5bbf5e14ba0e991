// Package verify proves from the flows and groups of all switches that no
// packet of one network comes out in another that is on no router with it, and
// that everybody reaches whom they should and finds the way out, or names the packet and the flows that show the contrary. It is
// symbolic: what holds is said of every packet there can be, not of samples.
//
// It is pure: no sockets, no clock. The controller imports it; it imports
// flows, openflow and openflow/program. It knows what Open vSwitch does with a
// flow, and of Weft's own pipeline no more than where to cut it in two so that
// the work grows with the number of flows and not with their square; a proof
// does not depend on that.
//
// The work is done in three steps.
//
//  1. A sweep per network from its endpoints' ports, in which packet headers
//     are unknown and only what the pipeline itself sets (metadata, registers,
//     tunnel fields) has values. It sees too many ways, never too few: where
//     it finds nothing wrong, that is the proof.
//  2. What the sweep suspects is followed exactly: a path is a set of packets,
//     a cube (value and mask for each field) less the cubes that flows of
//     higher priority took. A solver finds a packet in it, or that there is
//     none. A packet that is found is run through the flows once more.
//  3. For reachability, each sender is followed to where the packet is looked
//     up by its destination, and each destination from there; what leaves a
//     network, from there to where it is translated, and each sender from there.
//
// What the connection tracker says of a packet, which bucket of a group or which
// number of a hash it gets, is not known: each is followed, and all have to be
// right. Things outside the model (NORMAL, fields that are not followed, …) are
// named where a packet can get to them, and nothing is called proved then.
package verify
