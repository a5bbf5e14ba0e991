package controller

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/underlay"
)

// Damping: a link that comes back is used as before when it has been up for a second
// without a break (BFD of a host that starts often comes up twice), and one that
// went down three times within ten seconds when it has been up for five. Each of
// its changes moves traffic of many hosts, which costs more than a detour does.
const (
	defaultLinkCalm = time.Second
	flapCount       = 3
	flapWindow      = 10 * time.Second
	flapCalm        = 5 * time.Second
)

// adjacencyRecord is a declared link between two hosts and what is seen of it.
// Durable is only which are not used as they were declared, so that a restart
// changes no flow.
type adjacencyRecord struct {
	Hosts [2]string `json:"-"` // system-ids, in order
	Cost  uint32    `json:"-"`
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"`
	Used  bool      `json:"-"`

	seen  bool        // that it was up, at least once since it was declared
	downs []time.Time // when it went down, as far as damping needs that
	calm  time.Time   // of a damped link: since when it is up without a break
	again time.Time   // when it has to be looked at again, at the latest
}

// adjacencies are the links of a host.
func (v view) adjacencies(systemID string) iter.Seq[*adjacencyRecord] {
	return each[adjacencyRecord](v, tableAdjacency, byHost, systemID)
}

// other is the system-id of the host at the other end.
func (a *adjacencyRecord) other(systemID string) string {
	if a.Hosts[0] == systemID {
		return a.Hosts[1]
	}
	return a.Hosts[0]
}

// joins are the links that an underlay declares, each with its cost: the lowest,
// where it is declared more than once.
func (u *underlayRecord) joins() map[[2]string]uint32 {
	joins := map[[2]string]uint32{}
	note := func(a, b string, cost int) {
		pair := [2]string{min(a, b), max(a, b)}
		if had, ok := joins[pair]; !ok || uint32(cost) < had {
			joins[pair] = uint32(cost)
		}
	}
	for _, l := range u.Links {
		note(l.Hosts[0], l.Hosts[1], l.Cost)
	}
	for _, g := range u.Groups {
		for i, a := range g.Hosts {
			for _, b := range g.Hosts[i+1:] {
				note(a, b, g.Cost)
			}
		}
	}
	return joins
}

// adjoin makes the adjacencies those of the underlay. A link of which nothing is
// known yet is used: it was declared because it is there.
func (t *tx) adjoin() {
	joins := map[[2]string]uint32{}
	if u := t.declaredUnderlay(); u != nil {
		joins = u.joins()
	}
	for _, a := range slices.Collect(all[adjacencyRecord](t.view, tableAdjacency)) {
		cost, declared := joins[a.Hosts]
		switch {
		case !declared:
			t.delete(tableAdjacency, a)
		case cost != a.Cost:
			now := *a
			now.Cost = cost
			t.put(tableAdjacency, &now)
		}
		delete(joins, a.Hosts)
	}
	for pair, cost := range joins {
		t.put(tableAdjacency, &adjacencyRecord{Hosts: pair, Cost: cost, State: model.LinkUnknown, Used: true})
	}
	for _, a := range slices.Collect(all[adjacencyRecord](t.view, tableAdjacency)) {
		t.look(a)
	}
	t.route()
}

// adjoinStored has the links at the start as they were at the end. Each may have
// been up before, so one over which nothing is seen is not given time to come up.
func (t *tx) adjoinStored() {
	t.adjoin()
	for _, a := range slices.Collect(all[adjacencyRecord](t.view, tableAdjacency)) {
		now := *a
		now.seen = true
		t.put(tableAdjacency, &now)
	}
}

// sight is what hosts see of each other over a link.
type sight int

const (
	unseen   sight = iota // nobody who could tell is connected
	starting              // BFD does not run yet
	up
	down
)

// seenOf is what a host sees of another.
func (v view) seenOf(from, to *hostRecord) (sight, time.Time) {
	l := v.link(from.SystemID)
	w, watches := l.Watches[to.Number]
	switch {
	case !watches || !l.OpenFlow:
		return unseen, time.Time{}
	case w.alive:
		return up, time.Time{}
	case w.dead():
		return down, time.Time{}
	}
	return starting, w.deadFrom
}

// seenOn is what both ends see. One that is away cannot tell, and does not
// count; if the two disagree, the one that sees nothing of the other is right:
// it takes both directions.
func (v view) seenOn(a, b *hostRecord) (sight, time.Time) {
	s1, again1 := v.seenOf(a, b)
	s2, again2 := v.seenOf(b, a)
	switch {
	case s1 == down || s2 == down:
		return down, time.Time{}
	case s1 == starting || s2 == starting:
		if again1.IsZero() || !again2.IsZero() && again2.Before(again1) {
			again1 = again2
		}
		return starting, again1
	case s1 == up || s2 == up:
		return up, time.Time{}
	}
	return unseen, time.Time{}
}

// fit reports whether frames may be sent over a host again: its switch has
// confirmed that it has its flows, and nothing says that it lost them since.
func (t *tx) fit(h *hostRecord) bool {
	l := t.link(h.SystemID)
	return l.OpenFlow && l.Confirmed > 0 && !t.c.linkOf(h.SystemID).switchLost
}

// apart says why two hosts cannot have a tunnel, empty if they can.
func apart(a, b *hostRecord) string {
	for _, h := range []*hostRecord{a, b} {
		if !h.VTEP.IsValid() {
			return "host " + h.Name + " has no tunnel address"
		}
	}
	if a.VTEP.Is4() != b.VTEP.Is4() {
		return "the tunnel addresses " + a.VTEP.String() + " and " + b.VTEP.String() + " are of two families"
	}
	return ""
}

// look decides anew about a link, and reports whether ways may be others now.
func (t *tx) look(was *adjacencyRecord) (turned bool) {
	a, b := t.host(was.Hosts[0]), t.host(was.Hosts[1])
	if a == nil || b == nil {
		return false
	}
	now := *was
	seen, again := t.seenOn(a, b)
	now.again = again
	if apart(a, b) != "" {
		seen = down
	}
	switch {
	case seen == down, seen == starting && was.seen:
		now.fail(t.now)
	case seen == up && (was.Used || t.fit(a) && t.fit(b)):
		now.recover(t.now, t.c.config.LinkCalm)
	}
	if now.State == was.State && now.Used == was.Used && now.seen == was.seen && now.calm.Equal(was.calm) && now.again.Equal(was.again) {
		return false
	}
	if now.State != was.State {
		now.Since = t.now.UTC()
	}
	t.put(tableAdjacency, &now)
	if !now.again.IsZero() && !now.again.Equal(was.again) {
		t.after = append(t.after, func() { t.c.lookAgain(now.Hosts, now.again) })
	}
	return now.price() != was.price()
}

// price is what a way over the link costs, 0 if there is none. One that has to
// stay for a while first is so dear that it is the last resort: what has no other
// way had better go over a link that flaps.
func (a *adjacencyRecord) price() uint32 {
	switch {
	case a.Used:
		return a.Cost
	case a.State == model.LinkDamped:
		return underlay.MaxCost
	}
	return 0
}

// fail takes a link out of use.
func (a *adjacencyRecord) fail(at time.Time) {
	a.calm, a.again = time.Time{}, time.Time{}
	if a.Used || a.State == model.LinkDamped {
		recent := slices.DeleteFunc(slices.Clone(a.downs), func(t time.Time) bool { return at.Sub(t) > flapWindow })
		a.downs = append(recent, at)
	}
	a.State, a.Used = model.LinkDown, false
}

// recover uses a link again that has been up for long enough; longer, if it
// flaps.
func (a *adjacencyRecord) recover(at time.Time, calm time.Duration) {
	a.seen = true
	if a.Used {
		a.State = model.LinkUp
		return
	}
	if a.flaps() {
		calm = flapCalm
	}
	if a.calm.IsZero() {
		a.calm = at
	}
	if until := a.calm.Add(calm); at.Before(until) {
		a.State, a.again = model.LinkDamped, until
		return
	}
	if a.flaps() {
		a.downs = nil
	}
	a.State, a.Used, a.calm, a.again = model.LinkUp, true, time.Time{}, time.Time{}
}

func (a *adjacencyRecord) flaps() bool { return len(a.downs) >= flapCount }

// lookAround decides anew about all links of a host, after anything that they
// depend on may have changed.
func (t *tx) lookAround(systemID string) {
	turned := false
	for _, a := range slices.Collect(t.adjacencies(systemID)) {
		turned = t.look(a) || turned
	}
	if turned {
		t.route()
	}
}

// lookAgain decides anew about a link when time may have changed it.
func (c *Controller) lookAgain(pair [2]string, when time.Time) {
	time.AfterFunc(time.Until(when)+time.Millisecond, func() {
		_ = c.do(context.Background(), func() {
			t := c.begin()
			a := first[adjacencyRecord](t.view, tableAdjacency, byID, pair[0], pair[1])
			if a == nil {
				t.abort()
				return
			}
			if t.look(a) {
				t.route()
			}
			c.commitFacts(context.Background(), t)
		})
	})
}
