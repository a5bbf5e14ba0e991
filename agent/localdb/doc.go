// Package localdb keeps a connection to the ovsdb-server of this host, over its
// Unix socket, and through it learns what the controller wants of the host side:
// the external_ids of the interface weft-gw. It writes one thing, the agent's
// report.
//
// Package agent imports it. It knows rows, and not what is in them.
//
// Package ovsdb is the other end of the same protocol's use: it has accepted a
// connection, from whoever reached the port, makes a whole bridge, and holds the
// lock of who may. Here root's own socket is dialled, the peer is trusted, and
// libovsdb's decoders do.
package localdb
