package flows

import (
	"maps"

	"github.com/weft-sdn/weft/openflow/program"
)

// links are those of a host that does not reach all others directly.
type links struct {
	neighbours map[uint32]struct{}
	next       map[uint32]uint32 // destination → the neighbour that leads there
}

// relays reports whether others may send frames by the host. It depends on no
// next hop: a relay that knows more ways than it needs is no harm, and one that
// was only just needed knows them.
func (l *links) relays() bool { return l != nil && len(l.neighbours) > 1 }

// PutLinks says which hosts a host has a link to, whether those work or not.
// From then on it reaches others only as [Fabric.PutNext] says: where nothing
// is said, there is no way. A host without links put reaches everybody
// directly. The neighbours need not be there.
func (f *Fabric) PutLinks(number uint32, neighbours []uint32) {
	now := map[uint32]struct{}{}
	for _, n := range neighbours {
		if n != number {
			now[n] = struct{}{}
		}
	}
	l := f.links[number]
	if l == nil {
		l = &links{next: map[uint32]uint32{}}
	} else if maps.Equal(l.neighbours, now) {
		return
	}
	was := l.neighbours
	l.neighbours = now
	f.links[number] = l
	f.relink(number, was)
}

// DeleteLinks makes a host one that reaches everybody directly, and forgets
// what PutNext said of it.
func (f *Fabric) DeleteLinks(number uint32) {
	l := f.links[number]
	if l == nil {
		return
	}
	delete(f.links, number)
	f.relink(number, l.neighbours)
	if h := f.hosts[number]; h != nil {
		for destination := range l.next {
			f.redirect(h, destination)
		}
	}
}

// PutNext says by which neighbour a host reaches another: by itself, by a
// third, or (0) not at all. The links of the host must have been put.
func (f *Fabric) PutNext(number, destination, next uint32) {
	l := f.links[number]
	if l == nil || destination == number || l.next[destination] == next {
		return
	}
	reached := l.next[destination] != 0
	if next == 0 {
		delete(l.next, destination)
	} else {
		l.next[destination] = next
	}
	h := f.hosts[number]
	if h == nil {
		return
	}
	f.redirect(h, destination)
	if reached != (next != 0) {
		f.resteerFrom(h)
	}
}

// resteerFrom notes that ways out are others, as seen from a host.
func (f *Fabric) resteerFrom(h *host) {
	for vni := range h.networks {
		if f.networks[vni].leaves() {
			f.staleSteers[place{vni, h.Number}] = struct{}{}
		}
	}
}

// relink gives a host what follows from its links, which were others.
func (f *Fabric) relink(number uint32, was map[uint32]struct{}) {
	h, l := f.hosts[number], f.links[number]
	if h == nil {
		return
	}
	base := f.relayBase
	if l == nil {
		base = nil
	}
	f.set(number, f.relayBase.Key, base)
	concerned := maps.Clone(was)
	if concerned == nil {
		concerned = map[uint32]struct{}{}
	}
	if l != nil {
		maps.Copy(concerned, l.neighbours)
		for destination := range l.next {
			f.redirect(h, destination)
		}
	}
	for neighbour := range concerned {
		f.neighbour(h, neighbour)
	}
	for peer := range h.peers {
		f.redirect(h, peer)
	}
	for vni := range h.networks {
		n := f.networks[vni]
		for m := range n.parts {
			f.admit(n, number, m)
		}
		f.tellMachines(n, number)
	}
	f.resteerFrom(h)
}

// neighbour gives a host what lets in the frames that a neighbour relays, or
// wants relayed.
func (f *Fabric) neighbour(h *host, neighbour uint32) {
	var link *program.Fragment
	if n, l := f.hosts[neighbour], f.links[h.Number]; n != nil && l.relays() {
		if _, is := l.neighbours[neighbour]; is {
			link = n.link
		}
	}
	f.set(h.Number, program.Key{Kind: uint8(KindLink), Owner: neighbour}, link)
	for vni := range h.networks {
		f.admit(f.networks[vni], h.Number, neighbour)
	}
}

// redirect gives a host what leads to another, and what passes on frames that
// are for that.
func (f *Fabric) redirect(h *host, destination uint32) {
	var way, relay *program.Fragment
	d, l := f.hosts[destination], f.links[h.Number]
	if d != nil && l.relays() && d.reachable() {
		relay = d.relayedBy(f.hosts[l.next[destination]])
	}
	if d != nil && h.peers[destination] > 0 {
		way = f.way(h, d)
	}
	f.set(h.Number, pathKey(destination), way)
	f.set(h.Number, program.Key{Kind: uint8(KindRelay), Owner: destination}, relay)
}

// way is what leads from a host to another; none if that has no VTEP.
func (f *Fabric) way(from, to *host) *program.Fragment {
	l := f.links[from.Number]
	if l == nil || !to.VTEP.IsValid() || l.next[to.Number] == to.Number {
		return to.way
	}
	if next := f.hosts[l.next[to.Number]]; next != nil && next.VTEP.IsValid() && to.reachable() {
		if to.overs[next.Number] == nil {
			to.overs[next.Number] = to.over(next.Host)
		}
		return to.overs[next.Number]
	}
	return to.lost
}

// reachable reports whether frames to the host can be labelled, and the last
// relay knows where it is.
func (h *host) reachable() bool { return h.VTEP.IsValid() && h.Number <= maxLabel }

// relayedBy passes frames for the host on to the next; none if that is nowhere.
func (h *host) relayedBy(next *host) *program.Fragment {
	if next == nil || !next.VTEP.IsValid() {
		return nil
	}
	if h.relayed[next.Number] == nil {
		h.relayed[next.Number] = h.relay(next.Host)
	}
	return h.relayed[next.Number]
}

// moveLinks gives all hosts with links what follows from a host that came,
// went or has another VTEP.
func (f *Fabric) moveLinks(number uint32) {
	if len(f.links) == 0 {
		return
	}
	for _, n := range f.networks {
		delete(n.relayed, number)
	}
	for _, h := range f.hosts {
		delete(h.overs, number)
		delete(h.relayed, number)
	}
	for from, l := range f.links {
		h := f.hosts[from]
		if h == nil {
			continue
		}
		for destination, next := range l.next {
			if destination == number || next == number {
				f.redirect(h, destination)
			}
		}
		if _, is := l.neighbours[number]; is {
			f.neighbour(h, number)
		}
	}
}

// admit lets the frames of a network in that come from a host: from one that
// takes part in the network and, where others relay, from every neighbour.
func (f *Fabric) admit(n *network, at, from uint32) {
	var now *program.Fragment
	if at != from && n.parts[at].receives() {
		now = f.admission(n, at, from)
	}
	f.set(at, memberKey(n.VNI, from), now)
}

func (f *Fabric) admission(n *network, at, from uint32) *program.Fragment {
	h, l := f.hosts[from], f.links[at]
	if h == nil {
		return nil
	}
	takesPart := n.parts[from] != absent
	if l == nil {
		if !takesPart {
			return nil
		}
		return h.accepts[n.VNI]
	}
	if _, is := l.neighbours[from]; !is && !takesPart || !h.VTEP.IsValid() {
		return nil
	}
	if takesPart && len(n.nics) == 0 {
		return h.accepts[n.VNI]
	}
	if n.relayed[from] == nil {
		n.relayed[from] = h.relayer(n)
	}
	return n.relayed[from]
}

// tellMachines gives a host to which others relay what tells the frames of
// machines behind NICs from those of endpoints.
func (f *Fabric) tellMachines(n *network, number uint32) {
	var now *program.Fragment
	if f.links[number] != nil && n.parts[number] != absent && len(n.nics) > 0 {
		if n.strangers == nil {
			n.strangers = n.relayedSegment()
		}
		now = n.strangers
	}
	if len(n.nics) > 0 {
		for _, e := range n.endpoints {
			f.give(n, number, e)
		}
	}
	f.set(number, networkKey(KindStrangers, n.VNI), now)
}
