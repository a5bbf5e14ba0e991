package controller

import (
	"context"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// counterInterval is how often drop counters are read. Open vSwitch itself
// brings them up to date about once a second.
const counterInterval = 5 * time.Second

// readCounters reads what only the switch's counters tell, until ctx ends:
// which endpoints' ports send only with a MAC that is not theirs, and, where
// foreign changes are not repaired, whether they are still there.
func (c *Controller) readCounters(ctx context.Context, h *switchHandler) {
	ticker := time.NewTicker(counterInterval)
	defer ticker.Stop()
	before := map[uint32]sent{}
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := c.readMismatches(ctx, h, before); err != nil {
			return // the session ends, and says why
		}
		if err := c.readTampering(ctx, h); err != nil {
			return
		}
	}
}

// sent is how many packets an endpoint's port has sent: with its own MAC, and
// with another.
type sent struct{ own, other uint64 }

// readMismatches compares counters with those of the last time. Most of the
// time no port sends with a foreign MAC, so only those drops are asked for.
func (c *Controller) readMismatches(ctx context.Context, h *switchHandler, before map[uint32]sent) error {
	const kindMask, reasonMask = uint64(0xff) << 56, uint64(0xff)
	local := uint64(flows.KindLocal) << 56
	drops, err := h.sw.session.Dump(ctx, openflow.FlowsByCookie(local|uint64(flows.SpoofedMAC), kindMask|reasonMask))
	if err != nil {
		return err
	}
	rising := false
	for _, f := range drops {
		_, number, _, _ := flows.SplitCookie(f.Cookie)
		rising = rising || f.Packets != before[number].other
	}
	var mismatched map[uint32]bool
	if rising || len(before) > 0 {
		request := openflow.FlowsByCookie(local, kindMask)
		request.Table = flows.TableSecurity
		all, err := h.sw.session.Dump(ctx, request)
		if err != nil {
			return err
		}
		mismatched = judge(all, before)
	}
	return c.do(ctx, func() { c.noteMismatches(h.l, mismatched) })
}

// judge says of each endpoint that sent anything whether it sent only with
// another MAC than its own, and keeps the counters for the next time.
func judge(all []openflow.FlowStats, before map[uint32]sent) map[uint32]bool {
	now := map[uint32]sent{}
	for _, f := range all {
		_, number, _, reason := flows.SplitCookie(f.Cookie)
		s := now[number]
		if reason == flows.SpoofedMAC {
			s.other += f.Packets
		} else {
			s.own += f.Packets
		}
		now[number] = s
	}
	out := map[uint32]bool{}
	for number, s := range now {
		was := before[number]
		if s.own < was.own || s.other < was.other {
			was = sent{} // the flows are new, and so are their counters
		}
		switch {
		case s.own > was.own:
			out[number] = false
		case s.other > was.other:
			out[number] = true
		}
	}
	clear(before)
	for number, s := range now {
		if s.other > 0 {
			before[number] = s
		}
	}
	return out
}

// noteMismatches marks the places of endpoints whose ports send with another MAC.
func (c *Controller) noteMismatches(l *hostLink, mismatched map[uint32]bool) {
	t := c.begin()
	changed := false
	for number, mismatch := range mismatched {
		e := first[endpointRecord](t.view, tableEndpoint, byNumber, number)
		if e == nil {
			continue
		}
		if p := t.place(e.ID); p.Host == l.systemID && p.Mismatch != mismatch {
			now := *p
			now.Mismatch = mismatch
			t.put(tablePlace, &now)
			changed = true
		}
	}
	if !changed {
		t.abort()
		return
	}
	c.commitFacts(context.Background(), t)
}

// readTampering looks, where foreign changes are only reported, whether any is
// left.
func (c *Controller) readTampering(ctx context.Context, h *switchHandler) error {
	if c.config.Repair {
		return nil
	}
	var fragments []*program.Fragment
	var tampered bool
	err := c.do(ctx, func() {
		if host := c.snapshot().host(h.l.systemID); host != nil && h.l.tampered {
			tampered, fragments = true, c.fabric.Program(host.Number)
		}
	})
	if err != nil || !tampered {
		return err
	}
	comparison := program.NewComparison(fragments)
	if err := h.sw.session.ReadBack(ctx, comparison); err != nil {
		return err
	}
	if d := comparison.Difference(); !d.Empty() {
		return nil
	}
	return c.do(ctx, func() {
		h.l.tampered = false
		c.refresh(ctx, h.l)
	})
}
