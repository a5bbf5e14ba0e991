package flows

import (
	"maps"
	"slices"

	"github.com/weft-sdn/weft/openflow/program"
)

// Fabric holds the facts that programs depend on, and the program of every
// host that follows from them. After any changes, [Fabric.Flush] says which
// fragments of which hosts changed.
//
// A host has flows only of networks that it takes part in (see [part]). What a
// program is depends on the facts alone, not on the order in which they came.
//
// A Fabric is not safe for concurrent use.
type Fabric struct {
	networks  map[uint32]*network // by VNI
	endpoints map[uint32]*endpoint
	hosts     map[uint32]*host
	nics      map[uint32]NIC
	links     map[uint32]*links // host → those that were put

	routers index // VNI → the networks whose gateway leads there
	exits   index // host → the networks that name it as a way out

	base, gatewayBase, nicBase, relayBase *program.Fragment

	touched     map[uint32]map[program.Key]*program.Fragment // host → what it had at the last Flush
	staleGroups map[place]struct{}
	staleSteers map[place]struct{}
	staleBases  map[uint32]struct{} // hosts that may have their first or no network with a gateway or a NIC
}

// place is a network on a host.
type place struct{ vni, host uint32 }

type network struct {
	Network
	own, router, limits, segment *program.Fragment
	steers                       map[steerKey]*program.Fragment
	tunnels                      map[uint32]*program.Fragment // of its encapsulation, by the number of the port
	strangers                    *program.Fragment
	relayed                      map[uint32]*program.Fragment // host → what lets its frames in, whoever sent them

	endpoints map[uint32]*endpoint           // all of the network
	nics      map[uint32]NIC                 // all that are in it
	members   map[uint32]map[uint32]struct{} // host → the endpoints and NICs on it
	reached   map[uint32]int                 // host → how many networks it is a member of that lead here
	parts     map[uint32]part                // host → how it takes part
	forwards  int                            // endpoints that a forward leads to
}

type host struct {
	Host
	wanted   map[program.Key]*program.Fragment
	networks map[uint32]struct{}
	peers    map[uint32]int // other host → how many networks both take part in
	way      *program.Fragment
	accepts  map[uint32]*program.Fragment // VNI → what lets this host's frames in elsewhere

	// What those have who reach this host not always directly.
	link, lost     *program.Fragment
	overs, relayed map[uint32]*program.Fragment // by the host that is next
}

// NewFabric returns one without any facts.
func NewFabric() *Fabric {
	return &Fabric{
		networks:    map[uint32]*network{},
		endpoints:   map[uint32]*endpoint{},
		hosts:       map[uint32]*host{},
		nics:        map[uint32]NIC{},
		routers:     index{},
		exits:       index{},
		base:        Base(),
		gatewayBase: GatewayBase(),
		nicBase:     NICBase(),
		relayBase:   RelayBase(),
		links:       map[uint32]*links{},
		touched:     map[uint32]map[program.Key]*program.Fragment{},
		staleGroups: map[place]struct{}{},
		staleSteers: map[place]struct{}{},
		staleBases:  map[uint32]struct{}{},
	}
}

// PutNetwork adds a network, or changes it.
func (f *Fabric) PutNetwork(now Network) {
	n := f.networks[now.VNI]
	if n == nil {
		n = &network{
			endpoints: map[uint32]*endpoint{}, members: map[uint32]map[uint32]struct{}{},
			nics: map[uint32]NIC{}, reached: map[uint32]int{}, parts: map[uint32]part{},
		}
		f.networks[now.VNI] = n
		f.enter(n, now)
		return
	}
	was := n.Network
	switch {
	case was.equal(now):
	case was.Encap == now.Encap && was.Gateway.equal(now.Gateway):
		n.Network, n.own = now, now.fragment(len(n.nics) > 0)
		for h := range n.members {
			f.set(h, n.own.Key, n.own)
		}
		if was.IPv6 != now.IPv6 {
			f.reroute(n)
			f.rebuild(n)
		}
	case was.Encap == now.Encap && was.Flood == now.Flood && was.IPv6 == now.IPv6 && was.Gateway.likeButDrained(now.Gateway):
		n.Network = now
		f.resteer(n)
	default:
		f.exit(n)
		f.enter(n, now)
	}
}

// DeleteNetwork forgets a network, all its endpoints and all its NICs.
func (f *Fabric) DeleteNetwork(vni uint32) {
	n := f.networks[vni]
	if n == nil {
		return
	}
	for number := range maps.Clone(n.endpoints) {
		f.DeleteEndpoint(number)
	}
	for number := range maps.Clone(n.nics) {
		f.DeleteNIC(number)
	}
	f.exit(n)
	delete(f.networks, vni)
}

// PutEndpoint adds an endpoint, or changes it. Its network and its host must
// be there.
func (f *Fabric) PutEndpoint(e Endpoint) {
	old := f.endpoints[e.Number]
	if old != nil && old.Endpoint.equal(e) {
		return
	}
	if old != nil && old.VNI != e.VNI {
		f.DeleteEndpoint(e.Number)
		old = nil
	}
	n := f.networks[e.VNI]
	if n == nil {
		return
	}
	now := &endpoint{Endpoint: e}
	now.build(n, old)
	f.endpoints[e.Number], n.endpoints[e.Number] = now, now
	var before uint32
	if old != nil {
		before = old.Host
		f.countForwards(n, old, -1)
	}
	f.countForwards(n, now, 1)
	if before != e.Host {
		f.join(n, e.Host, e.Number)
		f.leave(n, before, e.Number)
	}
	if e.Host != 0 {
		f.staleGroups[place{n.VNI, e.Host}] = struct{}{}
	}
	f.spread(n, now)
}

// DeleteEndpoint forgets an endpoint.
func (f *Fabric) DeleteEndpoint(number uint32) {
	e := f.endpoints[number]
	if e == nil {
		return
	}
	n := f.networks[e.VNI]
	delete(f.endpoints, number)
	delete(n.endpoints, number)
	f.countForwards(n, e, -1)
	for h := range n.parts {
		f.remove(h, e)
	}
	f.leave(n, e.Host, number)
}

// PutHost adds a host, or changes what others see of it.
func (f *Fabric) PutHost(now Host) {
	h := f.hosts[now.Number]
	if h == nil {
		h = &host{
			wanted: map[program.Key]*program.Fragment{}, networks: map[uint32]struct{}{},
			peers: map[uint32]int{}, accepts: map[uint32]*program.Fragment{},
			overs: map[uint32]*program.Fragment{}, relayed: map[uint32]*program.Fragment{},
		}
		f.hosts[now.Number] = h
		f.set(now.Number, f.base.Key, f.base)
		defer f.appoint(now.Number)
		defer f.relink(now.Number, nil)
	} else if h.Host.equal(now) {
		return
	}
	was := h.Host
	h.Host = now
	f.ports(h)
	if was.VTEP != now.VTEP {
		f.move(h)
	}
	for vni := range h.networks {
		if was.TunnelPorts != now.TunnelPorts {
			f.encapsulate(f.networks[vni], h)
		}
		if n := f.networks[vni]; was.VTEP != now.VTEP || was.Transit != now.Transit {
			f.resteer(n)
		} else if n.leaves() {
			f.staleSteers[place{vni, now.Number}] = struct{}{}
		}
	}
}

// ports gives a host what depends on the numbers of its own ports.
func (f *Fabric) ports(h *host) {
	for e, port := range h.TunnelPorts {
		var tunnel *program.Fragment
		if port != 0 {
			tunnel = Encap(e).tunnel(port)
		}
		f.set(h.Number, program.Key{Kind: uint8(KindTunnel), Owner: uint32(e)}, tunnel)
	}
	var kernel *program.Fragment
	if h.GatewayPort != 0 {
		kernel = h.kernel()
	}
	f.set(h.Number, program.Key{Kind: uint8(KindHostPort), Owner: h.Number}, kernel)
}

// move tells the others where a host is now.
func (f *Fabric) move(h *host) {
	h.way, h.lost, h.link = nil, nil, nil
	if h.VTEP.IsValid() {
		h.way, h.lost, h.link = h.path(), h.cut(), h.Host.link()
	}
	clear(h.overs)
	clear(h.relayed)
	f.moveLinks(h.Number)
	for peer := range h.peers {
		f.redirect(f.hosts[peer], h.Number)
	}
	for vni := range h.networks {
		n := f.networks[vni]
		f.accept(h, n)
		for m := range n.parts {
			if n.members[m] != nil || len(n.nics) > 0 {
				f.staleGroups[place{vni, m}] = struct{}{}
			}
			f.admit(n, m, h.Number)
		}
	}
}

// DeleteHost forgets a host. No endpoint and no NIC may be on it; of networks that name it
// as a way out, it is none any more.
func (f *Fabric) DeleteHost(number uint32) {
	h := f.hosts[number]
	if h == nil {
		return
	}
	for vni := range maps.Clone(h.networks) {
		f.take(f.networks[vni], number, absent)
	}
	delete(f.hosts, number)
	delete(f.touched, number)
	f.moveLinks(number)
	f.appoint(number)
}

// Members are the hosts that have an endpoint of a network, in order.
func (f *Fabric) Members(vni uint32) []uint32 {
	n := f.networks[vni]
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.members))
}

// Attendants are the hosts that take part in a network in any way, in order.
func (f *Fabric) Attendants(vni uint32) []uint32 {
	n := f.networks[vni]
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.parts))
}

// Networks are the networks that a host takes part in, in order.
func (f *Fabric) Networks(number uint32) []uint32 {
	h := f.hosts[number]
	if h == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(h.networks))
}

// spread gives every host that takes part in the network what it has to have
// of an endpoint.
func (f *Fabric) spread(n *network, e *endpoint) {
	for h := range n.parts {
		f.give(n, h, e)
	}
}

// give gives a host what its part in the network asks for of an endpoint.
func (f *Fabric) give(n *network, number uint32, e *endpoint) {
	part := n.parts[number]
	for i, kind := range endpointKinds {
		switch now := e.fragments[i]; {
		case now != nil && n.has(kind, e, number, part) && (kind != KindKnown || f.links[number] != nil):
			f.set(number, e.key(kind), now)
		case now != nil || e.lost[i]:
			f.set(number, e.key(kind), nil)
		}
	}
}

func (f *Fabric) remove(number uint32, e *endpoint) {
	for i, kind := range endpointKinds {
		if e.fragments[i] != nil {
			f.set(number, e.key(kind), nil)
		}
	}
}

// set makes a fragment, or none, what a host shall have under a key.
func (f *Fabric) set(number uint32, key program.Key, now *program.Fragment) {
	h := f.hosts[number]
	if h == nil {
		return
	}
	before := h.wanted[key]
	if before == now {
		return
	}
	touched := f.touched[number]
	if touched == nil {
		touched = map[program.Key]*program.Fragment{}
		f.touched[number] = touched
	}
	if _, noted := touched[key]; !noted {
		touched[key] = before
	}
	if now == nil {
		delete(h.wanted, key)
	} else {
		h.wanted[key] = now
	}
}

func pathKey(host uint32) program.Key {
	return program.Key{Kind: uint8(KindPath), Owner: host}
}

func memberKey(vni, host uint32) program.Key {
	return program.Key{Kind: uint8(KindMember), VNI: vni, Owner: host}
}

func networkKey(kind Kind, vni uint32) program.Key {
	return program.Key{Kind: uint8(kind), VNI: vni}
}
