package program

import (
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// CookieRange is a set of cookies: those equal to Value where Mask has ones.
type CookieRange struct{ Value, Mask uint64 }

// Contains tells whether a cookie is in the range.
func (r CookieRange) Contains(cookie uint64) bool { return cookie&r.Mask == r.Value&r.Mask }

// CookieRanges is the union of ranges.
type CookieRanges []CookieRange

// Contains tells whether a cookie is in one of them.
func (rs CookieRanges) Contains(cookie uint64) bool {
	return slices.ContainsFunc(rs, func(r CookieRange) bool { return r.Contains(cookie) })
}

// Compare returns how a switch that holds the given flows and groups differs
// from the wanted fragments. It owns every flow and group of the switch; flows
// whose cookie is in an excepted range are left alone.
func Compare(wanted []*Fragment, flows []Installed, groups []Group, except ...CookieRange) Difference {
	c := NewComparison(wanted, except...)
	for _, f := range flows {
		c.Flow(f)
	}
	for _, g := range groups {
		c.Group(g)
	}
	return c.Difference()
}

// Comparison is a Compare that is told what the switch holds bit by bit, so
// that a dump need not be kept.
type Comparison struct {
	flows  []wantedFlow     // in the order of the fragments, which a switch is then told in
	index  map[Identity]int // of flows; made when the switch turns out to hold any
	groups map[uint32]wantedGroup
	except CookieRanges
	d      Difference
}

type wantedFlow struct {
	key   Key
	flow  *Flow
	there bool // the switch has one of its identity
}

type wantedGroup struct {
	key   Key
	group *Group
}

// NewComparison starts a comparison with the wanted fragments. They have
// passed Check, or it is not said which of two flows of one identity wins.
func NewComparison(wanted []*Fragment, except ...CookieRange) *Comparison {
	n := 0
	for _, fr := range wanted {
		n += len(fr.Flows)
	}
	c := &Comparison{
		flows:  make([]wantedFlow, 0, n),
		groups: make(map[uint32]wantedGroup),
		except: except,
	}
	for _, fr := range wanted {
		for i := range fr.Flows {
			c.flows = append(c.flows, wantedFlow{key: fr.Key, flow: &fr.Flows[i]})
		}
		for i := range fr.Groups {
			c.wantGroup(fr.Key, &fr.Groups[i])
		}
	}
	return c
}

// find returns the wanted flow of an identity that the switch was not said to
// hold yet, or nil. id does not escape, so that a look-up allocates nothing.
func (c *Comparison) find(id Identity) *wantedFlow {
	if i, wanted := c.index[id]; wanted && !c.flows[i].there {
		return &c.flows[i]
	}
	return nil
}

// makeIndex is for the first flow that the switch holds: an empty switch, and
// one that only gets more, need none.
func (c *Comparison) makeIndex() {
	if c.index != nil {
		return
	}
	c.index = make(map[Identity]int, len(c.flows))
	for i, w := range c.flows {
		c.index[w.flow.Identity()] = i
	}
}

func (c *Comparison) wantGroup(k Key, g *Group) {
	if other, taken := c.groups[g.id]; !taken || k.Compare(other.key) < 0 {
		c.groups[g.id] = wantedGroup{k, g}
	}
}

// Stats is Flow for one that was dumped. Nearly all that is dumped is as
// wanted, and of that nothing is copied.
func (c *Comparison) Stats(s *openflow.EncodedFlowStats) {
	c.makeIndex()
	w := c.find(Identity{s.Table, s.Priority, string(s.MatchBytes)})
	if w != nil && w.flow.isDumped(s) && !c.except.Contains(s.Cookie) {
		w.there = true
		return
	}
	c.Flow(FromStats(s))
}

// Flow tells the comparison a flow that the switch holds.
func (c *Comparison) Flow(f Installed) { c.flow(f, Key{}) }

// flow is Flow with the fragment that the flow was installed for.
func (c *Comparison) flow(f Installed, from Key) {
	if c.except.Contains(f.cookie) {
		return
	}
	c.makeIndex()
	w := c.find(f.Identity())
	if w == nil {
		c.d.DelFlows = append(c.d.DelFlows, KeyedFlow{Key: from, Flow: f.Flow})
		return
	}
	w.there = true
	if !f.Is(*w.flow) {
		was := f // a copy, or each f would be allocated
		c.d.AddFlows = append(c.d.AddFlows, KeyedFlow{Key: w.key, Flow: *w.flow, Replaces: &was})
	}
}

// Group tells the comparison a group that the switch holds.
func (c *Comparison) Group(g Group) { c.group(g, Key{}) }

// group is Group with the fragment that the group was installed for.
func (c *Comparison) group(g Group, from Key) {
	w, wanted := c.groups[g.id]
	if !wanted {
		c.d.DelGroups = append(c.d.DelGroups, KeyedGroup{Key: from, Group: g})
		return
	}
	delete(c.groups, g.id)
	if *w.group != g {
		c.d.AddGroups = append(c.d.AddGroups, KeyedGroup{Key: w.key, Group: *w.group, Replaces: &g})
	}
}

// Difference ends the comparison: what the switch was not said to hold is
// missing.
func (c *Comparison) Difference() Difference {
	missing := 0
	for i := range c.flows {
		if !c.flows[i].there {
			missing++
		}
	}
	c.d.AddFlows = slices.Grow(c.d.AddFlows, missing)
	for _, w := range c.flows {
		if !w.there {
			c.d.AddFlows = append(c.d.AddFlows, KeyedFlow{Key: w.key, Flow: *w.flow})
		}
	}
	for _, w := range c.groups {
		c.d.AddGroups = append(c.d.AddGroups, KeyedGroup{Key: w.key, Group: *w.group})
	}
	c.flows, c.index, c.groups = nil, nil, nil
	return c.d
}

// CompareGroups is Compare for groups alone.
func CompareGroups(wanted []*Fragment, groups []Group) Difference {
	c := Comparison{groups: make(map[uint32]wantedGroup)}
	for _, fr := range wanted {
		for i := range fr.Groups {
			c.wantGroup(fr.Key, &fr.Groups[i])
		}
	}
	for _, g := range groups {
		c.Group(g)
	}
	return c.Difference()
}

// CompareSeen is Compare for a few flows, of each of which a flow monitor said
// last what it is, or nil where it said that the flow is gone.
func CompareSeen(wanted []*Fragment, seen map[Identity]*Installed, except ...CookieRange) Difference {
	c := Comparison{except: except}
	for _, fr := range wanted {
		for i := range fr.Flows {
			if _, ok := seen[fr.Flows[i].Identity()]; ok {
				c.flows = append(c.flows, wantedFlow{key: fr.Key, flow: &fr.Flows[i]})
			}
		}
	}
	for _, f := range seen {
		if f != nil {
			c.Flow(*f)
		}
	}
	return c.Difference()
}

// Between returns the difference between two sets of fragments, of which one is
// installed and the other is wanted. It is Compare without a dump, and needs
// only the fragments that changed.
func Between(before, after []*Fragment) Difference {
	c := NewComparison(without(after, before))
	for _, fr := range without(before, after) {
		for _, f := range fr.Flows {
			c.flow(Installed{Flow: f}, fr.Key)
		}
		for _, g := range fr.Groups {
			c.group(g, fr.Key)
		}
	}
	return c.Difference()
}

// without returns the fragments of a that are not in b. Fragments are shared,
// so the same pointer is the same content.
func without(a, b []*Fragment) []*Fragment {
	in := make(map[*Fragment]bool, len(b))
	for _, fr := range b {
		in[fr] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(fr *Fragment) bool { return in[fr] })
}
