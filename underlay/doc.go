// Package underlay finds the ways between hosts that do not all reach each
// other directly: for every pair, the neighbour that a packet goes to next on
// the cheapest way.
//
// It is pure and knows hosts by number only. The controller imports it; it
// imports nothing of this module. Which links there are and which of them work
// is the caller's business: it hands over those that do, and gets what changed.
package underlay
