package hostside

import (
	"errors"
	"fmt"
	"net/netip"
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

	// What stale connections were last looked for with: the kernel's table of
	// them can be large, and changes all the time.
	flushed *stale
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
	before, err := h.transit()
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
		h.flush(stale{transit: union(g.Transit, before), now: g}),
	)
}

// Remove takes away all that Apply ever made on this host. Forwarding stays on:
// others may have come to rely on it.
func (h *Host) Remove() error {
	before, err := h.transit()
	if err != nil {
		return err
	}
	if err = withInterface(clearLink); errors.Is(err, ErrNoInterface) {
		err = nil
	}
	err = errors.Join(err, ensureAccepted(h.conn, false), h.table.remove())
	if len(before) == 0 {
		return err
	}
	return errors.Join(err, h.flush(stale{transit: before}))
}

// transit is what an earlier Apply had for transit prefixes.
func (h *Host) transit() ([]netip.Prefix, error) {
	have, err := h.table.read()
	if err != nil || have == nil {
		return nil, err
	}
	return have.transit(), nil
}

func union(a, b []netip.Prefix) []netip.Prefix {
	all := slices.Clone(a)
	for _, p := range b {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// flush looks for stale connections, if they are others than the last time.
func (h *Host) flush(s stale) error {
	if h.flushed != nil && reflect.DeepEqual(*h.flushed, s) {
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	h.flushed = &s
	return nil
}
