// Package session is one OpenFlow connection to one switch, from the accepted
// TCP connection to its end.
//
// A caller says what the switch should have, whole (Session.Wanted) or by what
// changed (Session.Update), and never waits: the session works out the
// difference, sends it as one atomic bundle, and reports through a Handler what
// the switch confirmed, what it refused, and what somebody else changed there.
//
// Five goroutines make a session. The reader always reads, so that a switch
// that has much to say never blocks on us; the writer alone writes; the sender
// compares and sends, one bundle at a time; one calls the Handler; one watches
// for silence.
//
// Only package controller should need it. It knows flows and groups, but
// nothing of networks, endpoints, hosts or OVSDB.
package session
