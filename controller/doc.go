// Package controller is the only place that decides: it holds what is wanted
// and what was seen, and turns changes of either into programs for hosts.
//
// One loop writes. Requests and facts from hosts come to it as functions; it
// makes a transaction of each, stores what must last, updates the programs and
// hands them to the sessions, which work out what to send. Readers look at
// immutable snapshots and never wait for the loop.
//
// rest and cmd/weft import it. It knows nothing of HTTP, and of the wire only
// what openflow/session and ovsdb show.
package controller
