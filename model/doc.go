// Package model holds the nouns of Weft (network, endpoint, router, forward, NIC,
// host, port) as
// the API shows them, with their validation and their defaults.
//
// Every other package may import it; it imports the standard library only.
// It knows nothing of flows, sessions, storage or HTTP: a value here is what
// somebody wants or what somebody saw, never how it is done.
package model
