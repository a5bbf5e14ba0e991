package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// probeTimeout is how long an old connection may take to show that it is
// alive, when a host of the same system-id comes from another address.
const probeTimeout = 3 * time.Second

// welcome makes a connection that of its host, if it may be.
//
// A system-id that is connected already is let in at once from the same
// address: that is a host after a power cut, whose old connection nobody has
// missed yet. From elsewhere the old one is asked first, and wins if it answers.
//
// What is sent to ensure wakes who makes the host's bridge as wanted.
func (c *Controller) welcome(ctx context.Context, conn *ovsdb.Conn, v *ovsdb.View, ensure chan struct{}) (*hostLink, error) {
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
		l.rows, l.worked, l.switchLost = nil, l.sw != nil && l.sw.ready, false
		l.ensure = ensure
		c.log.Info("host connected", "host", c.snapshot().hostName(l.systemID), "from", from)
	})
	return l, errors.Join(err, failed)
}

// impostor notes that a second host speaks under a system-id.
func (c *Controller) impostor(systemID string, from netip.Addr) {
	l := c.linkOf(systemID)
	now := []model.Condition{{Type: model.DuplicateSystemID, Message: fmt.Sprintf(
		"another host, at %s, has the same system-id %q and was refused: give it one of its own there, ovs-vsctl set Open_vSwitch . external_ids:system-id=ID", from, systemID)}}
	l.rivalSeen = time.Now()
	if !slices.Equal(l.rivals, now) {
		l.rivals = now
		c.refresh(context.Background(), l)
		c.forgetRivals(l)
	}
}

// rivalMemory is how long a host that was refused is spoken of: one that is
// still there tries again every 8 s.
const rivalMemory = 30 * time.Second

func (c *Controller) forgetRivals(l *hostLink) {
	time.AfterFunc(rivalMemory, func() {
		_ = c.do(context.Background(), func() {
			if time.Since(l.rivalSeen) < rivalMemory {
				c.forgetRivals(l)
				return
			}
			l.rivals = nil
			c.refresh(context.Background(), l)
		})
	})
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
	l.lastLife = l.heard()
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
