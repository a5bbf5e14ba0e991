package ovsdb

import "time"

// LockName is the OVSDB lock (RFC 7047 section 4.1.8) that every transaction of
// ours asserts: of several controllers only the one that holds it writes.
const LockName = "weft"

// MarkKey is the external_ids key that every row of ours carries; its value is
// the cluster's id.
const MarkKey = "weft"

// Config says which bridge a connection is about and what a peer may cost. Zero
// values stand for the defaults.
type Config struct {
	// Bridge is the name of the one bridge that is ours. Default br-weft.
	Bridge string

	// HandshakeTimeout is the time from Accept to the first complete View.
	// Default 10 s: a healthy ovsdb-server needs milliseconds.
	HandshakeTimeout time.Duration

	// ProbeAfter is the silence after which the peer is sent an echo request
	// (RFC 7047 section 4.1.11). Default 5 s, as Open vSwitch's own.
	ProbeAfter time.Duration

	// DropAfter is the time in which the peer must complete a message, be it
	// only the answer to a probe. Default 15 s.
	DropAfter time.Duration

	// MaxMessage caps one message, and also all rows held of this peer, since
	// the first dump brings them in one message. Default 16 MiB, some 20,000
	// ports.
	MaxMessage int

	// MaxRows caps the rows of all monitored tables together; a port is a Port
	// row and an Interface row. Default 40,000.
	MaxRows int
}

func (c Config) withDefaults() Config {
	if c.Bridge == "" {
		c.Bridge = "br-weft"
	}
	if c.HandshakeTimeout == 0 {
		c.HandshakeTimeout = 10 * time.Second
	}
	if c.ProbeAfter == 0 {
		c.ProbeAfter = 5 * time.Second
	}
	if c.DropAfter == 0 {
		c.DropAfter = 15 * time.Second
	}
	if c.MaxMessage == 0 {
		c.MaxMessage = 16 << 20
	}
	if c.MaxRows == 0 {
		c.MaxRows = 40_000
	}
	return c
}
