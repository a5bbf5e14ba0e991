package flows

// part is how a host takes part in a network. Each way includes the one before.
type part uint8

const (
	// absent: it has no flow of the network.
	absent part = iota
	// sender: an endpoint on it is in a network whose router leads here.
	sender
	// exit: packets leave the network there.
	exit
	// member: it has an endpoint of the network, or a NIC that is in it.
	member
)

// receives reports whether frames of the network go to such a host.
func (p part) receives() bool { return p >= exit }

// meets reports whether one of two hosts sends to the other.
func (p part) meets(o part) bool {
	return p != absent && o != absent && (p.receives() || o.receives())
}

func (n *network) part(number uint32) part {
	switch {
	case len(n.members[number]) > 0:
		return member
	case n.lists(number):
		return exit
	case n.Gateway != nil && n.reached[number] > 0:
		return sender
	}
	return absent
}

// join notes that an endpoint of the network is on a host now.
func (f *Fabric) join(n *network, number, endpoint uint32) {
	if f.hosts[number] == nil {
		return
	}
	f.staleGroups[place{n.VNI, number}] = struct{}{}
	here := n.members[number]
	if here == nil {
		here = map[uint32]struct{}{}
		n.members[number] = here
	}
	here[endpoint] = struct{}{}
	f.settle(n, number)
}

// leave notes that an endpoint of the network is no longer on a host.
func (f *Fabric) leave(n *network, number, endpoint uint32) {
	if f.hosts[number] == nil {
		return
	}
	f.staleGroups[place{n.VNI, number}] = struct{}{}
	here := n.members[number]
	delete(here, endpoint)
	if len(here) == 0 {
		delete(n.members, number)
	}
	f.settle(n, number)
}

// settle makes a host take the part that it has by the facts.
func (f *Fabric) settle(n *network, number uint32) { f.take(n, number, n.part(number)) }

// take makes a host take a part in a network.
func (f *Fabric) take(n *network, number uint32, now part) {
	was, h := n.parts[number], f.hosts[number]
	if was == now || h == nil {
		return
	}
	if now == absent {
		delete(n.parts, number)
		delete(h.networks, n.VNI)
		delete(h.accepts, n.VNI)
	} else {
		n.parts[number] = now
		h.networks[n.VNI] = struct{}{}
		f.accept(h, n)
	}
	f.acquaint(n, h, was, now)
	f.equip(n, number, now)
	for _, e := range n.endpoints {
		f.give(n, number, e)
	}
	if (was == member) == (now == member) {
		return
	}
	for m := range n.members {
		f.staleGroups[place{n.VNI, m}] = struct{}{}
	}
	if n.everyone() {
		f.resteer(n)
	}
	f.lead(n, number, now == member)
}

// acquaint lets the hosts of a network accept each other's frames, and find the
// way to each other, as the new part of one of them wants it.
func (f *Fabric) acquaint(n *network, h *host, was, now part) {
	if l := f.links[h.Number]; l != nil {
		for neighbour := range l.neighbours {
			f.admit(n, h.Number, neighbour)
		}
	}
	for m, part := range n.parts {
		if m == h.Number {
			continue
		}
		other := f.hosts[m]
		f.admit(n, m, h.Number)
		f.admit(n, h.Number, m)
		switch before, after := was.meets(part), now.meets(part); {
		case after && !before:
			f.meet(h, other)
		case before && !after:
			f.part(h, other)
		}
	}
}

// equip gives a host what it has of a network as a whole.
func (f *Fabric) equip(n *network, number uint32, now part) {
	own, router, limits, segment := n.own, n.router, n.limits, n.segment
	if now != member {
		own = nil
	}
	if !now.receives() {
		router = nil
	}
	if now == absent {
		limits, segment = nil, nil
	}
	f.set(number, networkKey(KindNetwork, n.VNI), own)
	f.set(number, networkKey(KindGateway, n.VNI), router)
	f.set(number, networkKey(KindLimit, n.VNI), limits)
	f.set(number, networkKey(KindSegment, n.VNI), segment)
	f.encapsulate(n, f.hosts[number])
	f.tellMachines(n, number)
	f.staleGroups[place{n.VNI, number}] = struct{}{}
	f.staleSteers[place{n.VNI, number}] = struct{}{}
	f.staleBases[number] = struct{}{}
}

// lead makes a host that has got its first endpoint of a network, or has lost
// its last one, take part in the networks that its router leads to.
func (f *Fabric) lead(n *network, number uint32, joins bool) {
	if n.Gateway == nil {
		return
	}
	for _, vni := range n.Gateway.Peers {
		peer := f.networks[vni]
		if peer == nil || peer == n {
			continue
		}
		if joins {
			peer.reached[number]++
		} else if peer.reached[number]--; peer.reached[number] == 0 {
			delete(peer.reached, number)
		}
		f.settle(peer, number)
	}
}

// meet and part count the networks by which one of two hosts sends to the
// other: while there is one, each has the way to the other.
func (f *Fabric) meet(a, b *host) {
	a.peers[b.Number]++
	b.peers[a.Number]++
	if a.peers[b.Number] == 1 {
		f.set(a.Number, pathKey(b.Number), f.way(a, b))
		f.set(b.Number, pathKey(a.Number), f.way(b, a))
	}
}

func (f *Fabric) part(a, b *host) {
	a.peers[b.Number]--
	b.peers[a.Number]--
	if a.peers[b.Number] == 0 {
		delete(a.peers, b.Number)
		delete(b.peers, a.Number)
		f.set(a.Number, pathKey(b.Number), nil)
		f.set(b.Number, pathKey(a.Number), nil)
	}
}

func (f *Fabric) accept(h *host, n *network) {
	delete(h.accepts, n.VNI)
	if h.VTEP.IsValid() {
		h.accepts[n.VNI] = h.member(n)
	}
}
