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
// A host takes part in a network while an endpoint of the network is on it,
// and has flows of no other network. What a program is depends on the facts
// alone, not on the order in which they came.
//
// A Fabric is not safe for concurrent use.
type Fabric struct {
	networks  map[uint32]*network // by VNI
	endpoints map[uint32]*endpoint
	hosts     map[uint32]*host

	base        *program.Fragment
	touched     map[uint32]map[program.Key]*program.Fragment // host → what it had at the last Flush
	staleGroups map[place]struct{}
}

// place is a network on a host.
type place struct{ vni, host uint32 }

type network struct {
	Network
	own       *program.Fragment
	endpoints map[uint32]*endpoint           // all of the network
	members   map[uint32]map[uint32]struct{} // host → the endpoints on it
}

type host struct {
	Host
	wanted   map[program.Key]*program.Fragment
	networks map[uint32]struct{}
	peers    map[uint32]int // other host → how many networks both take part in
	way      *program.Fragment
	accepts  map[uint32]*program.Fragment // VNI → what lets this host's frames in elsewhere
}

// NewFabric returns one without any facts.
func NewFabric() *Fabric {
	return &Fabric{
		networks:    map[uint32]*network{},
		endpoints:   map[uint32]*endpoint{},
		hosts:       map[uint32]*host{},
		base:        Base(),
		touched:     map[uint32]map[program.Key]*program.Fragment{},
		staleGroups: map[place]struct{}{},
	}
}

// PutNetwork adds a network, or changes it.
func (f *Fabric) PutNetwork(n Network) {
	old := f.networks[n.VNI]
	if old == nil {
		f.networks[n.VNI] = &network{
			Network: n, own: n.fragment(),
			endpoints: map[uint32]*endpoint{}, members: map[uint32]map[uint32]struct{}{},
		}
		return
	}
	if old.Network == n {
		return
	}
	rebuild := old.IPv6 != n.IPv6
	old.Network, old.own = n, n.fragment()
	for h := range old.members {
		f.set(h, old.own.Key, old.own)
	}
	if rebuild {
		for _, e := range old.endpoints {
			e.build(n, nil)
			f.spread(old, e)
		}
	}
}

// DeleteNetwork forgets a network and all its endpoints.
func (f *Fabric) DeleteNetwork(vni uint32) {
	n := f.networks[vni]
	if n == nil {
		return
	}
	for number := range maps.Clone(n.endpoints) {
		f.DeleteEndpoint(number)
	}
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
	now.build(n.Network, old)
	f.endpoints[e.Number], n.endpoints[e.Number] = now, now
	var before uint32
	if old != nil {
		before = old.Host
	}
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
	for h := range n.members {
		f.remove(h, e)
	}
	f.leave(n, e.Host, number)
}

// PutHost adds a host, or changes what others see of it.
func (f *Fabric) PutHost(h Host) {
	old := f.hosts[h.Number]
	if old == nil {
		old = &host{
			wanted: map[program.Key]*program.Fragment{}, networks: map[uint32]struct{}{},
			peers: map[uint32]int{}, accepts: map[uint32]*program.Fragment{},
		}
		f.hosts[h.Number] = old
		f.set(h.Number, f.base.Key, f.base)
	} else if old.Host.equal(h) {
		return
	}
	moved := old.VTEP != h.VTEP
	old.Host = h
	key := program.Key{Kind: uint8(KindTunnel)}
	if h.TunnelPort != 0 {
		f.set(h.Number, key, Tunnel(h.TunnelPort))
	} else {
		f.set(h.Number, key, nil)
	}
	if !moved {
		return
	}
	old.way = nil
	if h.VTEP.IsValid() {
		old.way = h.path()
	}
	for peer := range old.peers {
		f.set(peer, pathKey(h.Number), old.way)
	}
	for vni := range old.networks {
		f.accept(old, vni)
		for m := range f.networks[vni].members {
			f.staleGroups[place{vni, m}] = struct{}{}
			if m != h.Number {
				f.set(m, memberKey(vni, h.Number), old.accepts[vni])
			}
		}
	}
}

// DeleteHost forgets a host. No endpoint may be on it.
func (f *Fabric) DeleteHost(number uint32) {
	delete(f.hosts, number)
	delete(f.touched, number)
}

// Members are the hosts that take part in a network, in order.
func (f *Fabric) Members(vni uint32) []uint32 {
	n := f.networks[vni]
	if n == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(n.members))
}

// Networks are the networks that a host takes part in, in order.
func (f *Fabric) Networks(number uint32) []uint32 {
	h := f.hosts[number]
	if h == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(h.networks))
}

// join notes that an endpoint of the network is on a host now.
func (f *Fabric) join(n *network, number, endpoint uint32) {
	h := f.hosts[number]
	if h == nil {
		return
	}
	f.staleGroups[place{n.VNI, number}] = struct{}{}
	if here := n.members[number]; here != nil {
		here[endpoint] = struct{}{}
		return
	}
	h.networks[n.VNI] = struct{}{}
	f.accept(h, n.VNI)
	for m := range n.members {
		other := f.hosts[m]
		f.set(m, memberKey(n.VNI, number), h.accepts[n.VNI])
		f.set(number, memberKey(n.VNI, m), other.accepts[n.VNI])
		f.meet(h, other)
		f.staleGroups[place{n.VNI, m}] = struct{}{}
	}
	n.members[number] = map[uint32]struct{}{endpoint: {}}
	f.set(number, n.own.Key, n.own)
	for _, e := range n.endpoints {
		f.give(number, e)
	}
}

// leave notes that an endpoint of the network is no longer on a host.
func (f *Fabric) leave(n *network, number, endpoint uint32) {
	h := f.hosts[number]
	if h == nil {
		return
	}
	f.staleGroups[place{n.VNI, number}] = struct{}{}
	here := n.members[number]
	delete(here, endpoint)
	if len(here) > 0 {
		return
	}
	delete(n.members, number)
	delete(h.networks, n.VNI)
	delete(h.accepts, n.VNI)
	for m := range n.members {
		f.set(m, memberKey(n.VNI, number), nil)
		f.set(number, memberKey(n.VNI, m), nil)
		f.part(h, f.hosts[m])
		f.staleGroups[place{n.VNI, m}] = struct{}{}
	}
	f.set(number, n.own.Key, nil)
	for _, e := range n.endpoints {
		f.remove(number, e)
	}
}

// meet and part count the networks that two hosts share: while there is one,
// each has the way to the other.
func (f *Fabric) meet(a, b *host) {
	a.peers[b.Number]++
	b.peers[a.Number]++
	if a.peers[b.Number] == 1 {
		f.set(a.Number, pathKey(b.Number), b.way)
		f.set(b.Number, pathKey(a.Number), a.way)
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

func (f *Fabric) accept(h *host, vni uint32) {
	delete(h.accepts, vni)
	if h.VTEP.IsValid() {
		h.accepts[vni] = h.member(vni)
	}
}

// spread gives every member of the network what it has to have of an endpoint.
func (f *Fabric) spread(n *network, e *endpoint) {
	for h := range n.members {
		f.give(h, e)
	}
}

func (f *Fabric) give(number uint32, e *endpoint) {
	for i, kind := range endpointKinds {
		f.set(number, e.key(kind), e.on(number, i))
	}
}

func (f *Fabric) remove(number uint32, e *endpoint) {
	for _, kind := range endpointKinds {
		f.set(number, e.key(kind), nil)
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
