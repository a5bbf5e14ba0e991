package ovsdb

import "context"

// Probe sends an echo request (RFC 7047 section 4.1.11) and waits for its
// answer: it tells whether a connection that looks open is.
func (c *Conn) Probe(ctx context.Context) error {
	_, err := c.peer.call(ctx, "echo", []any{}, nil)
	return err
}
