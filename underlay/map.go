package underlay

import (
	"cmp"
	"maps"
	"slices"
)

// MaxTransmissions is how often a frame is sent on a way at the most: three
// bits of the tunnel id count what is left.
const MaxTransmissions = 8

// Map holds the cheapest ways between all hosts that have links. Of ways of one
// cost it takes those with the fewest relays, and then those by the neighbour
// with the lowest number, so it depends on the links alone and not on the order
// in which they came and went.
//
// Every host's next hops agree with those of the others: following them from
// host to host costs less at every step, so nothing goes round in circles.
type Map struct {
	costs map[pair]uint32
	hosts []uint32
	index map[uint32]int
	edges [][]edge
	trees []tree // by the host that they lead to
}

type edge struct {
	to   int
	cost uint32
}

// Change is a pair of hosts with another next hop than before, and nobody (0)
// where there is no way, or one that is too long.
type Change struct{ From, To, Next uint32 }

// NewMap returns one without any links.
func NewMap() *Map { return &Map{index: map[uint32]int{}} }

// Set makes these all the links that work, and returns which next hops became
// others, in order. It works out what to compute anew itself.
func (m *Map) Set(links []Link) []Change {
	costs := cheapest(links)
	if maps.Equal(costs, m.costs) {
		return nil
	}
	before := *m
	hosts := hostsOf(costs)
	sameHosts := slices.Equal(hosts, m.hosts)
	*m = Map{costs: costs, hosts: hosts, index: map[uint32]int{}, trees: make([]tree, len(hosts))}
	for i, h := range hosts {
		m.index[h] = i
	}
	m.edges = make([][]edge, len(hosts))
	for p, c := range costs {
		a, b := m.index[p.low], m.index[p.high]
		m.edges[a] = append(m.edges[a], edge{b, c})
		m.edges[b] = append(m.edges[b], edge{a, c})
	}
	different := m.differences(&before)
	var s search
	kept := map[uint32]bool{}
	for to, h := range hosts {
		if kept[h] = sameHosts && !before.trees[to].concernedBy(different); kept[h] {
			m.trees[to] = before.trees[to]
		} else {
			m.trees[to] = s.tree(m.edges, to)
		}
	}
	return m.changes(&before, kept)
}

// difference is a link whose cost is another than before; 0 stands for no link.
type difference struct {
	a, b        int
	before, now uint32
}

// differences are the links that are not as they were, in terms of the hosts
// that there are now.
func (m *Map) differences(before *Map) []difference {
	var out []difference
	note := func(p pair) {
		if was, is := before.costs[p], m.costs[p]; was != is {
			out = append(out, difference{m.index[p.low], m.index[p.high], was, is})
		}
	}
	for p := range m.costs {
		note(p)
	}
	for p := range before.costs {
		if _, still := m.costs[p]; !still {
			note(p)
		}
	}
	return out
}

// changes compares all next hops but those on the ways that were kept.
func (m *Map) changes(before *Map, kept map[uint32]bool) []Change {
	hosts := m.hosts
	if !slices.Equal(m.hosts, before.hosts) {
		hosts = slices.Concat(m.hosts, before.hosts)
		slices.Sort(hosts)
		hosts = slices.Compact(hosts)
	}
	var out []Change
	for _, to := range hosts {
		if kept[to] {
			continue
		}
		now, was := m.column(to, hosts), before.column(to, hosts)
		for i, from := range hosts {
			if now[i] != was[i] {
				out = append(out, Change{from, to, now[i]})
			}
		}
	}
	slices.SortFunc(out, func(a, b Change) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return out
}

// column are the next hops of some hosts on their ways to one, 0 for none.
func (m *Map) column(to uint32, from []uint32) []uint32 {
	out := make([]uint32, len(from))
	t, known := m.index[to]
	if !known {
		return out
	}
	for i, h := range from {
		f := i
		if len(from) != len(m.hosts) {
			if f, known = m.index[h]; !known {
				continue
			}
		}
		out[i] = m.toward(m.trees[t], f)
	}
	return out
}

// toward is the next hop of a host in a tree, 0 for none.
func (m *Map) toward(t tree, from int) uint32 {
	if n := t.hops(from); n == 0 || n > MaxTransmissions {
		return 0
	}
	return m.hosts[t.next[from]]
}

// Next is the neighbour to which a packet goes next on its way; false if there
// is no way, or none that is short enough.
func (m *Map) Next(from, to uint32) (uint32, bool) {
	f, t, ok := m.places(from, to)
	if !ok {
		return 0, false
	}
	next := m.toward(m.trees[t], f)
	return next, next != 0
}

// Transmissions is how many links the way has, however many that are; 0 if
// there is no way.
func (m *Map) Transmissions(from, to uint32) int {
	f, t, ok := m.places(from, to)
	if !ok {
		return 0
	}
	return m.trees[t].hops(f)
}

func (m *Map) places(from, to uint32) (f, t int, ok bool) {
	f, known := m.index[from]
	t, known2 := m.index[to]
	return f, t, known && known2
}
