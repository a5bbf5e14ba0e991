package controller

import (
	"maps"
	"slices"

	"github.com/weft-sdn/weft/underlay"
)

// noWay stands in the place of a neighbour where there is no way to a host.
const noWay = 0

// waysRecord is to which neighbour a host sends what is for others. It follows
// from the links that are used, and is only there where an underlay is declared.
type waysRecord struct {
	Host uint32 // number
	// Next is by the number of the destination. Hosts that are neighbours
	// themselves, by the cheapest way, are not in it.
	Next map[uint32]uint32
}

// ways are the next hops of a host, nil where all are direct.
func (v view) ways(number uint32) map[uint32]uint32 {
	if w := first[waysRecord](v, tableWays, byID, number); w != nil {
		return w.Next
	}
	return nil
}

// usedLinks are the links over which frames go.
func (v view) usedLinks() []underlay.Link {
	var links []underlay.Link
	for a := range all[adjacencyRecord](v, tableAdjacency) {
		if a.Used {
			if one, other := v.hostNumber(a.Hosts[0]), v.hostNumber(a.Hosts[1]); one != 0 && other != 0 {
				links = append(links, underlay.Link{A: one, B: other, Cost: a.Cost})
			}
		}
	}
	return links
}

// route makes the next hops of all hosts follow the links that are used. The map
// of the loop says what changed; if the transaction comes to nothing, abort
// takes it back.
func (t *tx) route() {
	t.routed = true
	if t.declaredUnderlay() == nil {
		t.c.ways.Set(nil)
		if _, err := t.txn.DeleteAll(tableWays, byID); err != nil {
			panic(err) // an error of this program: there is no such table
		}
		return
	}
	changes := t.c.ways.Set(t.usedLinks())
	next := t.settled()
	changed := map[uint32]bool{}
	for _, ch := range changes {
		if t.hostByNumber(ch.From) == nil || t.hostByNumber(ch.To) == nil {
			continue
		}
		if !changed[ch.From] {
			changed[ch.From], next[ch.From] = true, maps.Clone(next[ch.From])
		}
		if ch.Next == ch.To {
			delete(next[ch.From], ch.To)
		} else {
			next[ch.From][ch.To] = ch.Next
		}
	}
	for from := range changed {
		t.put(tableWays, &waysRecord{from, next[from]})
	}
}

// settled are the next hops as they were, of exactly the hosts that there are
// now. If one came or went, they are worked out anew: a host has no way to any
// until a link says so.
func (t *tx) settled() map[uint32]map[uint32]uint32 {
	numbers := map[uint32]bool{}
	for h := range all[hostRecord](t.view, tableHost) {
		numbers[h.Number] = true
	}
	next := make(map[uint32]map[uint32]uint32, len(numbers))
	same := true
	for _, w := range slices.Collect(all[waysRecord](t.view, tableWays)) {
		if next[w.Host] = w.Next; !numbers[w.Host] {
			t.delete(tableWays, w)
			same = false
		}
	}
	if same && len(next) == len(numbers) {
		return next
	}
	clear(next)
	for from := range numbers {
		next[from] = t.waysFrom(from, numbers)
		t.put(tableWays, &waysRecord{from, next[from]})
	}
	return next
}

// waysFrom are the next hops of a host to others, as the map of the loop has
// them.
func (t *tx) waysFrom(from uint32, hosts map[uint32]bool) map[uint32]uint32 {
	ways := map[uint32]uint32{}
	for to := range hosts {
		switch next, ok := t.c.ways.Next(from, to); {
		case to == from:
		case !ok:
			ways[to] = noWay
		case next != to:
			ways[to] = next
		}
	}
	return ways
}

// rejoin makes the next hops know the hosts that there are, after one came or
// went.
func (t *tx) rejoin() {
	if t.declaredUnderlay() != nil {
		t.route()
	}
}

func (v view) hostByNumber(number uint32) *hostRecord {
	return first[hostRecord](v, tableHost, byNumber, number)
}
