package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow/session"
	"github.com/weft-sdn/weft/ovsdb"
)

const (
	// probeTimeout is how long an old connection may take to show that it is
	// alive, when a host of the same system-id comes from another address.
	probeTimeout = 3 * time.Second
	// parkTimeout is how long a bridge's connection waits for its host's OVSDB
	// connection: after a restart of the controller either may come first.
	// Open vSwitch tries again after 8 s at the most.
	parkTimeout = 20 * time.Second
)

// welcome makes a connection that of its host, if it may be.
//
// A system-id that is connected already is let in at once from the same
// address: that is a host after a power cut, whose old connection nobody has
// missed yet. From elsewhere the old one is asked first, and wins if it answers.
func (c *Controller) welcome(ctx context.Context, conn *ovsdb.Conn, v *ovsdb.View) (*hostLink, error) {
	if v.SystemID == "" || len(v.SystemID) > maxSystemID {
		return nil, fmt.Errorf("its system-id has %d bytes: 1 to %d are taken", len(v.SystemID), maxSystemID)
	}
	var old *ovsdb.Conn
	if err := c.do(ctx, func() { old = c.linkOf(v.SystemID).conn }); err != nil {
		return nil, err
	}
	from := conn.RemoteAddr().Addr().Unmap()
	if old != nil && old.RemoteAddr().Addr().Unmap() != from {
		probe, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		if old.Probe(probe) == nil {
			_ = c.do(ctx, func() { c.impostor(v.SystemID, from) })
			return nil, fmt.Errorf("system-id %q is that of the host at %s, which answers: give this host another system-id", v.SystemID, old.RemoteAddr().Addr())
		}
	}
	var l *hostLink
	var failed error
	err := c.do(ctx, func() {
		l = c.linkOf(v.SystemID)
		if l.conn != nil {
			l.conn.Close(errReplaced)
		}
		t := c.begin()
		if _, failed = t.identify(v.SystemID, v, from); failed != nil {
			t.abort()
			l = nil
			return
		}
		if _, failed = c.commit(ctx, t); failed != nil {
			l = nil
			return
		}
		l.conn, l.view, l.owned, l.caughtUp = conn, v, false, false
		l.ensure = make(chan struct{}, 1)
		go c.keepEnsured(ctx, l, conn, l.ensure)
		c.log.Info("host connected", "host", c.snapshot().hostName(l.systemID), "from", from)
	})
	return l, errors.Join(err, failed)
}

// impostor notes that a second host speaks under a system-id.
func (c *Controller) impostor(systemID string, from netip.Addr) {
	l := c.linkOf(systemID)
	now := []model.Condition{{Type: model.DuplicateSystemID, Message: fmt.Sprintf(
		"another host, at %s, has the same system-id %q and was refused: give it one of its own there, ovs-vsctl set Open_vSwitch . external_ids:system-id=ID", from, systemID)}}
	if !slices.Equal(l.rivals, now) {
		l.rivals = now
		c.refresh(context.Background(), l)
	}
}

// seen works in what a host's OVSDB shows.
func (c *Controller) seen(ctx context.Context, l *hostLink, v *ovsdb.View) {
	t := c.begin()
	conditions, err := t.identify(l.systemID, v, l.conn.RemoteAddr().Addr().Unmap())
	if err != nil {
		t.abort()
		l.conn.Close(err)
		return
	}
	l.view, l.identity = v, conditions
	t.refresh(l)
	if t.renamed {
		t.settlePinned()
	}
	if _, err := c.commit(ctx, t); err != nil {
		c.log.Error("cannot store what a host reports", "host", c.snapshot().hostName(l.systemID), "err", err)
		c.retryFacts()
		return
	}
	l.caughtUp = true
	l.wakeEnsure()
	c.unpark(l)
	c.synchronize(ctx, l)
	c.revisitClaims(l)
}

// revisitClaims lets others look again at a tunnel address or a name that a
// host may have given up.
func (c *Controller) revisitClaims(changed *hostLink) {
	for _, l := range c.hosts {
		if l == changed || l.conn == nil || l.view == nil || len(l.identity) == 0 {
			continue
		}
		t := c.begin()
		conditions, err := t.identify(l.systemID, l.view, l.conn.RemoteAddr().Addr().Unmap())
		if err != nil || slices.Equal(conditions, l.identity) {
			t.abort()
			continue
		}
		l.identity = conditions
		t.refresh(l)
		c.commitFacts(context.Background(), t)
	}
}

// lost notes that a host's OVSDB connection ended.
func (c *Controller) lost(l *hostLink, conn *ovsdb.Conn, why error) {
	if l.conn != conn {
		return
	}
	l.conn, l.owned, l.ensure = nil, false, nil
	c.away(l)
	c.note(l, fmt.Sprintf("OVSDB connection ended: %v", why))
	c.log.Warn("host disconnected", "host", c.snapshot().hostName(l.systemID), "err", why)
}

// note refreshes a host's records with a last error.
func (c *Controller) note(l *hostLink, message string) {
	t := c.begin()
	if t.host(l.systemID) == nil {
		t.abort()
		return
	}
	now := *t.link(l.systemID)
	now.LastError = message
	t.put(tableLink, &now)
	t.refresh(l)
	c.commitFacts(context.Background(), t)
	c.progress.wake()
}

// parkedSwitch is a bridge's connection that waits for that of its host.
type parkedSwitch struct {
	from  netip.Addr
	ready chan *hostLink // gets the host, or is closed
}

// claimSwitch finds the host of a bridge: known by its datapath id, and coming
// from the address that its OVSDB connection comes from.
func (c *Controller) claimSwitch(ctx context.Context, s *session.Session, from netip.Addr) (*hostLink, error) {
	dpid := s.DatapathID()
	p := &parkedSwitch{from: from, ready: make(chan *hostLink, 1)}
	var failed error
	err := c.do(ctx, func() {
		h := first[hostRecord](c.snapshot(), tableHost, byDatapath, datapathText(dpid))
		if h == nil {
			failed = fmt.Errorf("no host has a bridge with datapath id %016x: hosts join by ovs-vsctl set-manager, and the controller points their br-weft at itself", dpid)
			return
		}
		l := c.linkOf(h.SystemID)
		if l.conn != nil && l.view != nil {
			if at := l.conn.RemoteAddr().Addr().Unmap(); at != from {
				failed = fmt.Errorf("datapath id %016x is that of host %s, which is at %s, not at %s", dpid, h.Name, at, from)
				return
			}
			p.ready <- l
			return
		}
		if waiting := c.parked[dpid]; waiting != nil {
			close(waiting.ready)
		}
		c.parked[dpid] = p
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	select {
	case l, ok := <-p.ready:
		if !ok {
			return nil, errReplaced
		}
		return l, nil
	case <-time.After(parkTimeout):
	case <-ctx.Done():
	}
	_ = c.do(context.Background(), func() {
		if c.parked[dpid] == p {
			delete(c.parked, dpid)
		}
	})
	return nil, fmt.Errorf("the OVSDB connection of the host with datapath id %016x did not come", dpid)
}

// unpark lets the bridge's connection in that waited for this host's.
func (c *Controller) unpark(l *hostLink) {
	h := c.snapshot().host(l.systemID)
	if h == nil || l.conn == nil {
		return
	}
	p := c.parked[h.DatapathID]
	if p == nil {
		return
	}
	delete(c.parked, h.DatapathID)
	if p.from != l.conn.RemoteAddr().Addr().Unmap() {
		close(p.ready)
		return
	}
	p.ready <- l
}

// DeleteHost forgets a host that is away.
func (c *Controller) DeleteHost(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		h := t.hostByName(name)
		if h == nil {
			return nil, noHost(name)
		}
		if err := checkRevision(options, fmt.Sprintf("host %q", name), h.Revision); err != nil {
			return nil, err
		}
		l := c.linkOf(h.SystemID)
		if l.conn != nil || l.sw != nil {
			return nil, model.Errorf(model.Conflict, "", "host %q is connected and would be back at once: run ovs-vsctl del-manager there first (and ovs-vsctl del-br br-weft, to take Weft off it)", name)
		}
		held := slices.Collect(each[placeRecord](t.view, tablePlace, byHost, h.SystemID))
		for _, f := range slices.Collect(each[portFact](t.view, tablePort, byHost, h.SystemID)) {
			t.delete(tablePort, f)
		}
		for _, p := range slices.Collect(each[presenceRecord](t.view, tablePresence, byHost, h.SystemID)) {
			t.delete(tablePresence, p)
		}
		if r := first[linkRecord](t.view, tableLink, byID, h.SystemID); r != nil {
			t.delete(tableLink, r)
		}
		t.delete(tableHost, h)
		for _, p := range held {
			if e := t.endpoint(p.Endpoint); e != nil {
				t.settle(e)
			}
		}
		if !options.DryRun {
			t.after = append(t.after, func() {
				delete(c.hosts, h.SystemID)
				c.revisitClaims(nil)
			})
		}
		return nil, nil
	})
}

// AdoptHost takes over a host that bears another cluster's mark, or whose
// br-weft has a controller of its own.
func (c *Controller) AdoptHost(ctx context.Context, name string) error {
	var failed error
	err := c.do(ctx, func() {
		h := c.snapshot().hostByName(name)
		if h == nil {
			failed = noHost(name)
			return
		}
		l := c.linkOf(h.SystemID)
		if l.conn == nil {
			failed = model.Errorf(model.Conflict, "", "host %q is not connected: it is adopted when it is", name)
			return
		}
		l.adopt = true
		l.wakeEnsure()
	})
	return errors.Join(err, failed)
}

// Hosts are all known hosts, by name.
func (c *Controller) Hosts() []model.Host {
	v := c.snapshot()
	out := []model.Host{}
	for h := range all[hostRecord](v, tableHost) {
		out = append(out, c.hostView(v, h))
	}
	slices.SortFunc(out, func(a, b model.Host) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Host is the host of that name.
func (c *Controller) Host(name string) (model.Host, error) {
	v := c.snapshot()
	h := v.hostByName(name)
	if h == nil {
		return model.Host{}, noHost(name)
	}
	return c.hostView(v, h), nil
}

func (c *Controller) hostView(v view, r *hostRecord) model.Host {
	h := v.hostView(r)
	if len(c.config.Admit) == 0 {
		h.Conditions = append(h.Conditions, model.Condition{Type: model.OpenDoor,
			Message: "any host that reaches the controller may join: start it with --admit CIDR to let in only those of your underlay"})
	}
	return h
}

// HostPorts are the ports of a host's br-weft.
func (c *Controller) HostPorts(name string) ([]model.Port, error) {
	v := c.snapshot()
	h := v.hostByName(name)
	if h == nil {
		return nil, noHost(name)
	}
	out := []model.Port{}
	for f := range each[portFact](v, tablePort, byHost, h.SystemID) {
		out = append(out, v.portView(f))
	}
	slices.SortFunc(out, func(a, b model.Port) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func noHost(name string) error {
	return model.Errorf(model.NotFound, "", "there is no host %q: GET /hosts lists them; a host joins by ovs-vsctl set-manager tcp:CONTROLLER:6640", name)
}
