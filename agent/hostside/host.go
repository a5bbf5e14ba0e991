package hostside

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/google/nftables"
	nfnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
)

// Host is the kernel of this host. It is not for several goroutines at once.
type Host struct {
	conn  *nftables.Conn
	table *table

	// For which gateway stale connections were last looked for: the kernel's table
	// of them can be large, and changes all the time.
	flushed *Gateway
}

// Open connects to the kernel.
func Open() (*Host, error) {
	// A transaction must fit into the socket as a whole, like nft(8)'s own.
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(func(c *nfnetlink.Conn) error {
		return c.SetWriteBuffer(16 << 20)
	}))
	if err != nil {
		return nil, fmt.Errorf("connect to nftables: %w", err)
	}
	return &Host{conn: conn, table: newTable(conn)}, nil
}

// Close lets go of the connection. Nothing in the kernel changes.
func (h *Host) Close() error { return h.conn.CloseLasting() }

// Apply makes the host side of a gateway as told. What of it cannot be done is
// in the error; all else is done nevertheless.
func (h *Host) Apply(g Gateway) error {
	if !hasIPv6() {
		g = g.without6()
	}
	_, v6 := g.address(false)
	before, err := h.before()
	if err != nil {
		return err
	}
	// The guard stands before anything can come through the gate.
	if err := h.table.ensure(g); err != nil {
		return err
	}
	err = withInterface(func(link netlink.Link) error {
		return errors.Join(ensureInterfaceSettings(v6), ensureLink(link, g))
	})
	return errors.Join(err,
		ensureForwarding(v6),
		ensureAccepted(h.conn, true),
		checkLegacy(),
		h.flush(before, g),
	)
}

// Remove takes away all that Apply ever made on this host. Forwarding stays on:
// others may have come to rely on it.
func (h *Host) Remove() error {
	before, err := h.before()
	if err != nil {
		return err
	}
	if err = withInterface(clearLink); errors.Is(err, ErrNoInterface) {
		err = nil
	}
	err = errors.Join(err, ensureAccepted(h.conn, false), h.table.remove())
	return errors.Join(err, h.flush(before, Gateway{}))
}

// before is what of a gateway an earlier Apply has left in the table, this
// agent's or another's.
func (h *Host) before() (Gateway, error) {
	have, err := h.table.read()
	if err != nil || have == nil {
		return Gateway{}, err
	}
	return Gateway{Transit: have.transit(), Forwards: have.forwards()}, nil
}

// flush ends stale connections, if there can be others than the last time.
func (h *Host) flush(before, now Gateway) error {
	s := stale{transit: slices.Concat(now.Transit, before.Transit), now: now}
	for _, f := range before.Forwards {
		if !slices.Contains(now.Forwards, f) {
			s.gone = append(s.gone, f)
		}
	}
	if len(s.transit) == 0 || h.flushed != nil && len(s.gone) == 0 && reflect.DeepEqual(*h.flushed, now) {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	h.flushed = &now
	return nil
}
