package controller

import (
	"maps"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/underlay"
)

// waysRecord is to which neighbour a host sends what is for others. It follows
// from the links that are used, and is only there where an underlay is declared.
type waysRecord struct {
	Host uint32            // number
	Next map[uint32]uint32 // by the number of the destination; where there is none, there is no way
}

// ways are the next hops of a host.
func (v view) ways(number uint32) map[uint32]uint32 {
	if w := first[waysRecord](v, tableWays, byID, number); w != nil {
		return w.Next
	}
	return nil
}

// usedLinks are the links over which frames may go.
func (v view) usedLinks() []underlay.Link {
	var links []underlay.Link
	for a := range all[adjacencyRecord](v, tableAdjacency) {
		if price := a.price(); price != 0 {
			if one, other := v.hostNumber(a.Hosts[0]), v.hostNumber(a.Hosts[1]); one != 0 && other != 0 {
				links = append(links, underlay.Link{A: one, B: other, Cost: price})
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
	changed := map[uint32]*waysRecord{}
	for _, ch := range t.c.ways.Set(t.usedLinks()) {
		w := changed[ch.From]
		if w == nil {
			w = &waysRecord{ch.From, map[uint32]uint32{}}
			maps.Copy(w.Next, t.ways(ch.From))
			changed[ch.From] = w
		}
		if ch.Next == 0 {
			delete(w.Next, ch.To)
		} else {
			w.Next[ch.To] = ch.Next
		}
	}
	for from, w := range changed {
		if len(w.Next) > 0 {
			t.put(tableWays, w)
		} else if t.ways(from) != nil {
			t.delete(tableWays, w)
		}
	}
}

// weaveLinks puts what changed of links and next hops into the fabric.
func (v view) weaveLinks(f *flows.Fabric, changes memdb.Changes) {
	relinked := map[string]bool{}
	for _, ch := range changes {
		switch r := either(ch).(type) {
		case *underlayRecord:
			if ch.Before == nil || ch.After == nil {
				for h := range all[hostRecord](v, tableHost) {
					relinked[h.SystemID] = true
				}
			}
		case *adjacencyRecord:
			if ch.Before == nil || ch.After == nil {
				relinked[r.Hosts[0]], relinked[r.Hosts[1]] = true, true
			}
		case *hostRecord:
			if ch.After == nil {
				f.DeleteLinks(r.Number)
			}
			relinked[r.SystemID] = relinked[r.SystemID] || ch.Before == nil
		}
	}
	for id, again := range relinked {
		if h := v.host(id); h != nil && again {
			v.relink(f, h)
		}
	}
	for _, ch := range changes {
		if ch.Table != tableWays {
			continue
		}
		host := either(ch).(*waysRecord).Host
		now := v.ways(host)
		if was, ok := ch.Before.(*waysRecord); ok {
			for to := range was.Next {
				if now[to] == 0 {
					f.PutNext(host, to, 0)
				}
			}
		}
		for to, next := range now {
			f.PutNext(host, to, next)
		}
	}
}

// relink tells the fabric to which hosts a host has links, used or not.
func (v view) relink(f *flows.Fabric, h *hostRecord) {
	if v.declaredUnderlay() == nil {
		f.DeleteLinks(h.Number)
		return
	}
	neighbours := []uint32{}
	for a := range v.adjacencies(h.SystemID) {
		neighbours = append(neighbours, v.hostNumber(a.other(h.SystemID)))
	}
	f.PutLinks(h.Number, neighbours)
}
