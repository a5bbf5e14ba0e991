package flows

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/openflow/program"
)

// index says, of a number, in which networks it is named.
type index map[uint32]map[uint32]struct{}

func (x index) put(number, vni uint32) {
	if x[number] == nil {
		x[number] = map[uint32]struct{}{}
	}
	x[number][vni] = struct{}{}
}

func (x index) remove(number, vni uint32) {
	delete(x[number], vni)
	if len(x[number]) == 0 {
		delete(x, number)
	}
}

// everyone reports whether every member of the network is a way out of it that
// the other members have to know.
func (n *network) everyone() bool {
	return n.leaves() && len(n.Gateway.Hosts) == 0 && (n.Gateway.HostAccess || n.forwards > 0)
}

// enter makes a network what it is now. Its endpoints stay.
func (f *Fabric) enter(n *network, now Network) {
	n.Network, n.own, n.limits, n.segment = now, now.fragment(len(n.nics) > 0), nil, nil
	if len(n.nics) > 0 {
		n.segment = now.segment()
	}
	n.steers = map[steerKey]*program.Fragment{}
	n.tunnels = map[uint32]*program.Fragment{}
	n.relayed = map[uint32]*program.Fragment{}
	n.strangers = nil
	if g := now.Gateway; g != nil {
		n.limits = now.limit()
		for _, vni := range g.Peers {
			f.routers.put(vni, n.VNI)
		}
		for _, e := range g.Hosts {
			f.exits.put(e.Host, n.VNI)
		}
	}
	clear(n.reached)
	for vni := range f.routers[n.VNI] {
		if other := f.networks[vni]; other != n {
			for h, part := range other.parts {
				if part == member {
					n.reached[h]++
				}
			}
		}
	}
	f.reroute(n)
	f.rebuild(n)
	for h := range n.members {
		f.settle(n, h)
	}
	for h := range n.reached {
		f.settle(n, h)
	}
	if n.leaves() {
		for _, e := range n.Gateway.Hosts {
			f.settle(n, e.Host)
		}
	}
}

// exit makes all hosts leave a network.
func (f *Fabric) exit(n *network) {
	for h := range n.parts {
		f.take(n, h, absent)
	}
	if g := n.Gateway; g != nil {
		for _, vni := range g.Peers {
			f.routers.remove(vni, n.VNI)
		}
		for _, e := range g.Hosts {
			f.exits.remove(e.Host, n.VNI)
		}
	}
	n.Network = Network{VNI: n.VNI}
	f.reroute(n)
}

// appoint makes a host that came or went take part where it is named as a way
// out.
func (f *Fabric) appoint(number uint32) {
	for vni := range f.exits[number] {
		n := f.networks[vni]
		f.settle(n, number)
		f.resteer(n)
	}
}

// rebuild makes the fragments of a network's endpoints anew.
func (f *Fabric) rebuild(n *network) {
	for _, e := range n.endpoints {
		was := *e
		e.build(n, &was)
		f.spread(n, e)
	}
}

// reroute makes a network's router anew, and those of the networks that lead to
// it.
func (f *Fabric) reroute(n *network) {
	f.buildRouter(n)
	for vni := range f.routers[n.VNI] {
		f.buildRouter(f.networks[vni])
	}
}

func (f *Fabric) buildRouter(n *network) {
	n.router = nil
	if n.Gateway != nil {
		var peers []Network
		for _, vni := range n.Gateway.Peers {
			if peer := f.networks[vni]; peer != nil && peer != n && peer.Gateway != nil {
				peers = append(peers, peer.Network)
			}
		}
		n.router = n.gateway(peers)
	}
	for h, part := range n.parts {
		if part.receives() {
			f.set(h, networkKey(KindGateway, n.VNI), n.router)
		}
	}
}

// countForwards notes that an endpoint, of those that a forward leads to, came
// or went.
func (f *Fabric) countForwards(n *network, e *endpoint, by int) {
	if len(e.Forwards) == 0 {
		return
	}
	n.forwards += by
	f.resteer(n)
}

// resteer notes that the way out of a network changed on every host.
func (f *Fabric) resteer(n *network) {
	if !n.leaves() {
		return
	}
	clear(n.steers)
	for h, part := range n.parts {
		if part.receives() {
			f.staleSteers[place{n.VNI, h}] = struct{}{}
		}
	}
}

// steerKey tells the ways out of a network apart that its hosts have.
type steerKey struct {
	exit   bool
	self   uint32 // the host, where exits know each other
	watch  string // the ports by which it watches the others
	linked bool   // others may relay what it sends and gets
}

// steer builds anew the way out of a network from a host.
func (f *Fabric) steer(p place) {
	key := networkKey(KindSteer, p.vni)
	n := f.networks[p.vni]
	if n == nil || !n.leaves() || !n.parts[p.host].receives() {
		f.set(p.host, key, nil)
		return
	}
	x := f.exitsOf(n, f.hosts[p.host].Host)
	variant := steerKey{linked: x.linked}
	if variant.exit = x.place() >= 0; variant.exit && (x.pinned || x.Gateway.HostAccess) {
		variant.self = p.host
	}
	if x.pinned && x.named {
		variant.watch = fmt.Sprint(x.alwaysAlive(), x.here.WatchPorts, x.cut)
	}
	if n.steers[variant] == nil {
		n.steers[variant] = x.steer()
	}
	f.set(p.host, key, n.steers[variant])
}

// exitsOf are the ways out of a network, as one of its hosts sees them.
func (f *Fabric) exitsOf(n *network, here Host) *exits {
	x := &exits{Network: n.Network, here: here, nics: len(n.nics) > 0, named: len(n.Gateway.Hosts) > 0}
	switch {
	case x.named:
		x.pinned = len(n.Gateway.Hosts) > 1
		f.nameExits(x)
	case n.everyone():
		x.pinned = true
		for m := range n.members {
			x.add(f.hosts[m])
		}
		slices.SortFunc(x.hosts, func(a, b Host) int { return int(a.Number) - int(b.Number) })
		x.active = len(x.hosts)
	default:
		x.hosts, x.active = []Host{here}, 1
	}
	x.pinned = x.pinned && len(x.hosts) > 0
	if l := f.links[here.Number]; l != nil {
		x.linked, x.cut = true, map[uint32]bool{}
		for _, h := range x.hosts {
			x.cut[h.Number] = h.Number != here.Number && l.next[h.Number] == 0
		}
	}
	return x
}

// nameExits are the exits that the network names, less those that nobody can
// reach.
func (f *Fabric) nameExits(x *exits) {
	for _, draining := range []bool{false, true} {
		for _, e := range x.Gateway.Hosts {
			if e.Draining == draining && len(x.hosts) < groupGateways {
				x.add(f.hosts[e.Host])
			}
		}
		if !draining {
			x.active = len(x.hosts)
		}
	}
	if x.active == 0 {
		x.active = len(x.hosts) // all are being drained: better those than none
	}
}

func (x *exits) add(h *host) {
	if h != nil && (h.VTEP.IsValid() || h.Number == x.here.Number) {
		x.hosts = append(x.hosts, h.Host)
	}
}
