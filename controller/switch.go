package controller

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/openflow/session"
)

// attach makes a connection that of a host's bridge.
func (c *Controller) attach(l *hostLink, sw *switchLink) error {
	if l.conn == nil {
		return fmt.Errorf("the host's OVSDB connection ended meanwhile")
	}
	if l.sw != nil {
		// It connects anew, and its old connection did not even end yet.
		l.sw.session.Close()
		l.lostFlows()
	}
	l.sw = sw
	return nil
}

// detached notes that the connection of a host's bridge ended.
func (c *Controller) detached(l *hostLink, sw *switchLink, why error) {
	if l.sw != sw {
		return
	}
	l.lastLife = l.heard()
	l.sw = nil
	if l.conn != nil && !errors.Is(why, context.Canceled) { // which is this controller's own end
		l.lostFlows()
	}
	c.supersede(l, why)
	c.note(l, fmt.Sprintf("OpenFlow connection ended: %v", why))
}

// supersede remembers the generation id of another cluster's controller, which
// the switch takes for a newer one than ours. The host is ours by its mark and
// by the OVSDB lock that we hold, so that controller is its master no more.
func (c *Controller) supersede(l *hostLink, why error) {
	var stale *session.StaleError
	if !errors.As(why, &stale) || !l.owned {
		return
	}
	t := c.begin()
	h := t.host(l.systemID)
	if h == nil || stale.Seen <= h.Superseded {
		t.abort()
		return
	}
	now := *h
	now.Superseded = stale.Seen
	t.put(tableHost, &now)
	c.commitFacts(context.Background(), t)
}

// synchronize hands a switch the whole program, when everything is known that
// it depends on: both connections have delivered complete facts, and the
// bridge is ours. Before that a program would lack what is not known yet.
func (c *Controller) synchronize(ctx context.Context, l *hostLink) {
	if l.sw == nil || !l.sw.ready || l.sw.synced || !l.owned || !l.caughtUp {
		return
	}
	v := c.snapshot()
	h := v.host(l.systemID)
	if h == nil {
		return
	}
	l.sw.synced = true
	l.tampered = false // what is found now is mended, whoever did it
	generation := l.sw.session.Wanted(c.fabric.Program(h.Number))
	l.sw.pending = append(l.sw.pending, confirmation{generation, v.link(l.systemID).Wanted})
}

// push hands what changed to the sessions. They work out what to send; a
// switch that is slow, or away, holds up nobody.
func (c *Controller) push(changes []flows.HostChanges) {
	if len(changes) == 0 {
		return
	}
	v := c.snapshot()
	for _, hc := range changes {
		h := first[hostRecord](v, tableHost, byNumber, hc.Host)
		if h == nil {
			continue
		}
		l := c.linkOf(h.SystemID)
		if l.sw == nil || !l.sw.synced {
			continue
		}
		fragments := make([]program.Change, len(hc.Changes))
		for i, ch := range hc.Changes {
			fragments[i] = program.Change{Key: ch.Key, Fragment: ch.After}
		}
		generation := l.sw.session.Update(fragments)
		l.sw.pending = append(l.sw.pending, confirmation{generation, v.link(h.SystemID).Wanted})
	}
}

// confirmed notes which generation of the program is on the switch.
func (c *Controller) confirmed(l *hostLink, sw *switchLink, generation uint64, refused []session.Refusal) {
	if l.sw != sw {
		return
	}
	reached := uint64(0)
	for len(sw.pending) > 0 && sw.pending[0].session <= generation {
		reached = sw.pending[0].program
		sw.pending = sw.pending[1:]
	}
	t := c.begin()
	now := *t.link(l.systemID)
	h := t.host(l.systemID)
	if h == nil {
		t.abort()
		return
	}
	if reached > now.Confirmed {
		now.Confirmed = reached
	}
	now.Refused = nil
	for _, r := range refused {
		if now.Refused == nil {
			now.Refused = map[program.Key]string{}
		}
		owner := t.ownerOf(flows.Kind(r.Key.Kind), r.Key.Owner, r.Key.VNI)
		now.Refused[r.Key] = fmt.Sprintf("%s: %v (%s)", owner, r.Err, r.Subject)
		c.log.Error("a switch refused a flow", "host", h.Name, "owner", owner, "subject", r.Subject, "err", r.Err)
	}
	first := !sw.confirmed
	if first {
		sw.confirmed, l.switchLost = true, false
	}
	t.put(tableLink, &now)
	t.lookAround(l.systemID)
	c.commitFacts(context.Background(), t)
	c.progress.wake()
	c.releasePresence(l)
	c.flushStale(l)
	if first {
		l.wakeEnsure()
	}
}

// switchHandler takes what a session reports to the loop.
type switchHandler struct {
	c  *Controller
	l  *hostLink
	sw *switchLink
}

func (h *switchHandler) do(f func()) { _ = h.c.do(context.Background(), f) }

// Ready implements session.Handler.
func (h *switchHandler) Ready(ports []openflow.Port) {
	h.do(func() {
		if h.l.sw != h.sw {
			return
		}
		h.sw.ports, h.sw.watched = map[string]uint32{}, map[string]watch{}
		for _, p := range ports {
			h.sw.notePort(p)
		}
		h.sw.ready, h.l.worked = true, true
		h.c.refresh(context.Background(), h.l)
		if len(h.sw.watched) > 0 {
			h.c.beside(h.examine)
		}
		h.c.synchronize(context.Background(), h.l)
	})
}

// PortChanged implements session.Handler.
func (h *switchHandler) PortChanged(p openflow.Port, gone bool) {
	h.do(func() {
		if h.l.sw != h.sw {
			return
		}
		if !h.sw.changes(p, gone) {
			return
		}
		if gone {
			delete(h.sw.ports, p.Name)
			delete(h.sw.watched, p.Name)
		} else {
			h.sw.notePort(p)
		}
		if isOurs(p.Name) {
			h.c.refresh(context.Background(), h.l)
		} else {
			h.c.renumber(context.Background(), h.l, p.Name)
		}
	})
}

// changes reports whether a port's status tells anything new.
func (sw *switchLink) changes(p openflow.Port, gone bool) bool {
	has := sw.ports[p.Name] == p.Number
	_, watches := watchedHost(p.Name)
	return has == gone || watches && !gone && sw.watched[p.Name].alive != p.Live()
}

func (sw *switchLink) notePort(p openflow.Port) {
	sw.ports[p.Name] = p.Number
	if _, watches := watchedHost(p.Name); watches {
		sw.watched[p.Name] = sw.watched[p.Name].next(p.Live())
	}
}

// PacketIn implements session.Handler.
func (h *switchHandler) PacketIn(p *openflow.PacketIn) {
	if ask, is := flows.AskOf(p.Cookie, p.Match); is {
		h.tell(p, ask)
		return
	}
	if nic, is := flows.ProbeOf(p.Cookie, p.Match); is {
		h.do(func() { h.c.probeSeen(nic, p.Data) })
		return
	}
	h.do(func() { h.c.learnMAC(h.l, p) })
}

// Installed implements session.Handler.
func (h *switchHandler) Installed(generation uint64, refused []session.Refusal) {
	h.do(func() { h.c.confirmed(h.l, h.sw, generation, refused) })
}

// Tampered implements session.Handler.
func (h *switchHandler) Tampered(d program.Difference) {
	h.do(func() {
		if h.l.sw != h.sw {
			return
		}
		v := h.c.snapshot()
		lines := d.Lines(openflow.Names{})
		verb := "was not repaired (--no-repair)"
		if h.c.config.Repair {
			verb = "is being repaired"
			h.l.repairs += uint64(d.Len())
		} else {
			h.l.tampered = true
		}
		message := fmt.Sprintf("somebody else changed br-weft, which %s; differences: %d, the first: %s", verb, len(lines), firstOf(lines))
		h.c.log.Warn("foreign change on a switch", "host", v.hostName(h.l.systemID), "places", len(lines), "repair", h.c.config.Repair)
		for _, line := range lines {
			h.c.log.Debug("foreign change", "host", v.hostName(h.l.systemID), "flow", line)
		}
		h.c.note(h.l, message)
	})
}

func firstOf(lines []string) string {
	if len(lines) == 0 {
		return "-"
	}
	return lines[0]
}

// learnMAC adopts the MAC of an endpoint from the first frame that its port
// sends.
func (c *Controller) learnMAC(l *hostLink, p *openflow.PacketIn) {
	kind, number, _, _ := flows.SplitCookie(p.Cookie)
	if kind != flows.KindAdopt || len(p.Data) < 12 {
		return
	}
	t := c.begin()
	e := first[endpointRecord](t.view, tableEndpoint, byNumber, number)
	mac := [6]byte(p.Data[6:12])
	if e == nil || !e.MAC.IsZero() || t.place(e.ID).Host != l.systemID || mac[0]&1 == 1 || mac == [6]byte{} || mac == flows.RouterMAC {
		t.abort()
		return
	}
	now := *e
	now.MAC = model.MACFrom(mac)
	now.Adopted = t.portRow(t.place(e.ID))
	t.put(tableEndpoint, &now)
	if err := t.checkUnique(&now); err != nil {
		t.abort()
		c.log.Warn("a port sends with the MAC of another endpoint", "endpoint", e.Title(), "mac", now.MAC, "err", err)
		return
	}
	c.log.Info("adopted the MAC of an endpoint", "endpoint", e.Title(), "mac", now.MAC)
	c.commitFacts(context.Background(), t)
}
