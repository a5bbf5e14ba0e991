package controller

import (
	"context"
	"net/netip"
	"slices"

	"github.com/hashicorp/go-memdb"
)

// staleConnections are connections of an endpoint that is no longer as it was.
// A switch forgets them when it has the program of a generation, so that no
// packet makes them anew, and another that is given the endpoint's addresses
// does not have its connections.
type staleConnections struct {
	generation uint64 // of the host's program
	zone       uint16
	addresses  []netip.Addr
}

// noteStale finds what of the conntrack of hosts a commit has made stale.
func (c *Controller) noteStale(before view, changes memdb.Changes) {
	v := c.snapshot()
	for _, ch := range changes {
		switch was := ch.Before.(type) {
		case *endpointRecord:
			c.stale(v, before, was, v.lostAddresses(was))
		case *forwardRecord:
			// Connections through it would go on.
			if e := before.endpoint(was.Endpoint); e != nil {
				c.stale(v, before, e, before.allAddresses(e))
			}
		}
	}
}

// allAddresses are those of an endpoint and those that it is translated to.
func (v view) allAddresses(e *endpointRecord) []netip.Addr {
	var addresses []netip.Addr
	for _, a := range e.Addresses {
		addresses = append(addresses, a.Addr)
	}
	transit := v.transitOf(e)
	for _, a := range []netip.Addr{transit.V4, transit.V6} {
		if a.IsValid() {
			addresses = append(addresses, a)
		}
	}
	return addresses
}

// lostAddresses are those that an endpoint had and has not any more. What it
// kept goes on.
func (v view) lostAddresses(was *endpointRecord) []netip.Addr {
	var kept []netip.Addr
	if now := v.endpoint(was.ID); now != nil && now.Number == was.Number && now.Network == was.Network {
		kept = v.allAddresses(now)
	}
	return slices.DeleteFunc(v.allAddresses(was), func(a netip.Addr) bool { return slices.Contains(kept, a) })
}

// stale has the hosts of an endpoint's network forget its connections with some
// addresses.
func (c *Controller) stale(v, before view, e *endpointRecord, addresses []netip.Addr) {
	n := before.network(e.Network)
	if n == nil || n.Zone == 0 || len(addresses) == 0 || v.networkByVNI(n.VNI) == nil {
		return // of a network that is gone the whole zone is flushed
	}
	for p := range each[presenceRecord](before, tablePresence, byVNI, n.VNI) {
		l := c.linkOf(p.Host)
		if l.sw == nil {
			continue
		}
		for _, zone := range []uint16{n.Zone, n.Zone + pinningZone} {
			l.sw.stale = append(l.sw.stale, staleConnections{v.link(p.Host).Wanted, zone, addresses})
		}
		c.flushStale(l) // a switch whose program did not change confirms nothing
	}
}

// flushStale has a switch forget what it has confirmed to have no flows for.
func (c *Controller) flushStale(l *hostLink) {
	if l.sw == nil {
		return
	}
	confirmed := c.snapshot().link(l.systemID).Confirmed
	var due []staleConnections
	for len(l.sw.stale) > 0 && l.sw.stale[0].generation <= confirmed {
		due = append(due, l.sw.stale[0])
		l.sw.stale = l.sw.stale[1:]
	}
	if len(due) == 0 {
		return
	}
	sw, host := l.sw, c.snapshot().hostName(l.systemID)
	c.beside(func(ctx context.Context) {
		for _, s := range due {
			if err := sw.session.FlushConnections(ctx, s.zone, s.addresses...); err != nil {
				c.log.Warn("cannot flush connections of an endpoint that changed", "host", host, "err", err)
				return
			}
		}
	})
}
