package controller

import (
	"context"
	"slices"
)

// attendAll notes which hosts may have flows of which networks when the
// transaction is committed: a host that has an endpoint or a NIC of a
// network attends it and those on a common router, and a gateway host those that leave through
// it. It may note too much, and never too little: what is not there is
// released at the next confirmation.
func (t *tx) attendAll() {
	for _, ch := range t.txn.Changes() {
		switch ch.Table {
		case tablePlace:
			if p, ok := ch.After.(*placeRecord); ok && p.Host != "" {
				if e := t.endpoint(p.Endpoint); e != nil {
					t.attendWith(p.Host, e.Network)
				}
			}
		case tableNIC:
			if n, ok := ch.After.(*nicRecord); ok {
				t.attendWith(n.SystemID, n.Network)
			}
		case tableNetwork:
			if n, ok := ch.After.(*networkRecord); ok {
				t.attendNetwork(n)
			}
		case tableRouter:
			if r, ok := ch.After.(*routerRecord); ok {
				for _, name := range r.Networks {
					if n := t.network(name); n != nil {
						t.attendNetwork(n)
					}
				}
			}
		case tableHost:
			if h, ok := ch.After.(*hostRecord); ok {
				for n := range t.leavingBy(h.Name) {
					t.attend(h.SystemID, n)
				}
			}
		}
	}
}

// attendWith has a host attend a network, and those that it is routed to.
func (t *tx) attendWith(systemID, network string) {
	n := t.network(network)
	if n == nil {
		return
	}
	t.attend(systemID, n)
	for _, vni := range t.peersOf(network) {
		t.attend(systemID, t.networkByVNI(vni))
	}
}

// attendNetwork has every host attend a network that has to.
func (t *tx) attendNetwork(n *networkRecord) {
	for _, p := range slices.Collect(each[presenceRecord](t.view, tablePresence, byVNI, n.VNI)) {
		if p.Zone != n.Zone {
			t.put(tablePresence, &presenceRecord{p.Host, n.VNI, n.Zone})
		}
	}
	for _, h := range t.exitHosts(n) {
		t.attend(h.SystemID, n)
	}
	for _, vni := range append(t.peersOf(n.Name), n.VNI) {
		for _, number := range t.c.fabric.Members(vni) {
			if h := first[hostRecord](t.view, tableHost, byNumber, number); h != nil {
				t.attend(h.SystemID, n)
			}
		}
	}
}

// attend notes that a host may have flows of a network from now on.
func (t *tx) attend(systemID string, n *networkRecord) {
	now := presenceRecord{systemID, n.VNI, n.Zone}
	if p := first[presenceRecord](t.view, tablePresence, byID, systemID, n.VNI); p == nil || *p != now {
		t.put(tablePresence, &now)
	}
}

// releasePresence forgets the VNIs that a switch has confirmed to have no more
// flows of. It is a change of its own, because it has to be stored and the
// confirmation has not: a full disk must not lose what is not said twice.
//
// The connections of a network that had a conntrack zone are flushed before, so
// that the zone is empty when another has it. What cannot be flushed now is
// flushed after the next confirmation.
func (c *Controller) releasePresence(l *hostLink) {
	gone := c.unattended(l)
	var clean []*presenceRecord
	for _, p := range gone {
		if p.Zone == 0 {
			clean = append(clean, p)
		} else {
			c.emptyAndForget(l, p)
		}
	}
	c.forgetPresence(clean)
}

// unattended are the VNIs that a switch has confirmed to have no flows of.
func (c *Controller) unattended(l *hostLink) []*presenceRecord {
	v := c.snapshot()
	h, now := v.host(l.systemID), v.link(l.systemID)
	if h == nil || !now.OpenFlow || now.Confirmed == 0 || now.Confirmed < now.Wanted {
		return nil
	}
	present := c.fabric.Networks(h.Number)
	var gone []*presenceRecord
	for p := range each[presenceRecord](v, tablePresence, byHost, h.SystemID) {
		if !slices.Contains(present, p.VNI) {
			gone = append(gone, p)
		}
	}
	return gone
}

// emptyAndForget flushes the connections of a network from a switch, beside the
// loop, and then forgets that the switch had it.
func (c *Controller) emptyAndForget(l *hostLink, p *presenceRecord) {
	sw := l.sw
	if sw == nil || sw.emptying[p.Zone] {
		return
	}
	sw.emptying[p.Zone] = true
	wanted := c.snapshot().link(l.systemID).Wanted
	c.beside(func(ctx context.Context) {
		err := emptyZones(ctx, sw, p.Zone)
		_ = c.do(ctx, func() {
			delete(sw.emptying, p.Zone)
			switch {
			case err != nil:
				c.log.Warn("cannot flush the connections of a network that is gone; its zone stays taken until that is done",
					"host", c.snapshot().hostName(l.systemID), "vni", p.VNI, "err", err)
			case l.sw != sw:
			case c.snapshot().link(l.systemID).Wanted != wanted:
				c.releasePresence(l) // it may have had the network again meanwhile
			default:
				c.forgetPresence([]*presenceRecord{p})
			}
		})
	})
}

func (c *Controller) forgetPresence(gone []*presenceRecord) {
	if len(gone) == 0 {
		return
	}
	t := c.begin()
	for _, p := range gone {
		t.delete(tablePresence, p)
	}
	c.commitFacts(context.Background(), t)
}
