// Package program holds what a switch should have: fragments of flows and
// groups, and the difference between them and what a switch holds.
//
// A fragment is the flows and groups of one owner in one role. It is encoded
// once, never changed, and shared by pointer among all hosts that have it, so
// that a thousand hosts with the same fragments cost the memory of one. A
// host's program is a set of fragments; a changed program is another set.
//
// The package is pure: it opens no socket and knows no network, endpoint or
// host. What a Key means is its author's business (package flows). Package
// openflow/session sends the differences.
package program
