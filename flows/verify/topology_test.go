package verify

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/openflow/program"
)

// topology is a fabric under test and the facts that it is made of.
type topology struct {
	*flows.Fabric
	Facts
}

// newTopology computes the programs of what the facts say.
func newTopology(facts Facts) *topology {
	t := &topology{flows.NewFabric(), facts}
	for _, h := range facts.Hosts {
		t.PutHost(h.Host)
	}
	for _, n := range facts.Networks {
		t.PutNetwork(n)
	}
	for _, e := range facts.Endpoints {
		t.PutEndpoint(e)
	}
	for _, c := range facts.NICs {
		t.PutNIC(c)
	}
	t.Flush()
	for i := range t.Hosts {
		t.Hosts[i].Program = t.Fabric.Program(t.Hosts[i].Number)
	}
	return t
}

func hostOf(number uint32, vtep string, tunnel uint32) Host {
	h := Host{Host: flows.Host{Number: number, TunnelPorts: flows.TunnelPorts{tunnel}}}
	if vtep != "" {
		h.VTEP = netip.MustParseAddr(vtep)
	}
	return h
}

// even is hosts with endpoints of all networks, spread evenly.
func even(hosts, networks, endpoints int, ipv6 bool) Facts {
	var f Facts
	for h := range hosts {
		f.Hosts = append(f.Hosts, Host{Host: flows.Host{Number: uint32(h + 1), TunnelPorts: flows.TunnelPorts{1},
			VTEP: netip.AddrFrom4([4]byte{192, 0, byte(2 + h/250), byte(1 + h%250)})}})
	}
	for n := range networks {
		f.Networks = append(f.Networks, flows.Network{VNI: uint32(100 + n), IPv6: ipv6})
	}
	for e := range endpoints {
		n, i := e%networks, e/networks
		ep := flows.Endpoint{
			Number: uint32(e + 1), VNI: uint32(100 + n), Host: uint32(i%hosts + 1), Port: uint32(e + 10),
			MAC:       [6]byte{2, 0x42, 10, byte(n), byte(i >> 8), byte(i)},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 65, byte(i >> 8), byte(i)})},
		}
		if ipv6 {
			ep.Addresses = append(ep.Addresses, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i + 1)}))
		}
		f.Endpoints = append(f.Endpoints, ep)
	}
	return f
}

// random is a topology with everything that there may be in one.
func random(r *rand.Rand) Facts {
	var f Facts
	for h := range 1 + r.IntN(4) {
		in := hostOf(uint32(h+1), "", 0)
		switch r.IntN(6) {
		case 0: // no VTEP
		case 1:
			in.VTEP = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0xff, 15: byte(h + 1)})
		default:
			in.VTEP = netip.AddrFrom4([4]byte{192, 0, 2, byte(h + 1)})
		}
		if r.IntN(8) > 0 {
			in.TunnelPorts = flows.TunnelPorts{uint32(1 + r.IntN(3)), 600, 601}
		}
		f.Hosts = append(f.Hosts, in)
	}
	ports := map[uint32]uint32{}
	number := uint32(0)
	var subnets []int // those of one number are equal
	for n := range 1 + r.IntN(3) {
		network := flows.Network{VNI: uint32(256 + n), Flood: r.IntN(2) == 0, IPv6: r.IntN(2) == 0, Encap: flows.Encap(n % 3)}
		f.Networks = append(f.Networks, network)
		s := r.IntN(2) * (n + 1)
		subnets = append(subnets, s)
		for i := range r.IntN(7) {
			number++
			e := flows.Endpoint{Number: number, VNI: network.VNI}
			if r.IntN(6) > 0 {
				e.MAC = [6]byte{2, 0x42, 0, 0, byte(n * r.IntN(2)), byte(i + 1)} // also twice, in two networks
			}
			if r.IntN(6) > 0 {
				e.Host = uint32(1 + r.IntN(len(f.Hosts)))
				if r.IntN(6) > 0 {
					ports[e.Host]++
					e.Port = 10 + ports[e.Host]
				}
			}
			if r.IntN(4) > 0 {
				e.Addresses = append(e.Addresses, netip.AddrFrom4([4]byte{10, 65, byte(s), byte(i + 1)}))
			}
			if network.IPv6 && r.IntN(3) > 0 {
				e.Addresses = append(e.Addresses, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(s), 15: byte(i + 1)}))
			}
			f.Endpoints = append(f.Endpoints, e)
		}
	}
	f.addGateways(r, subnets)
	for i, n := range f.Networks {
		if r.IntN(3) == 0 {
			f.NICs = append(f.NICs, flows.NIC{Number: uint32(1000 + i), VNI: n.VNI, Host: uint32(1 + r.IntN(len(f.Hosts))), Port: uint32(300 + i), VLAN: uint16(r.IntN(2) * 7)})
		}
	}
	return f
}

// addGateways gives some networks gateways of all sorts, and connects some of
// those with different subnets by a router.
func (f *Facts) addGateways(r *rand.Rand, subnets []int) {
	for i := range f.Hosts {
		h := &f.Hosts[i]
		h.TransitRange = flows.TransitRange{V4: netip.MustParsePrefix("100.64.0.0/10"), V6: netip.MustParsePrefix("fd77::/64")}
		h.Transit = flows.Transit{V4: netip.AddrFrom4([4]byte{100, 64, 0, byte(h.Number)}), V6: netip.AddrFrom16([16]byte{0xfd, 0x77, 15: byte(h.Number)})}
		if r.IntN(8) > 0 {
			h.GatewayPort = 100
		}
		h.WatchPorts = map[uint32]uint32{}
		for _, other := range f.Hosts {
			if other.Number != h.Number {
				h.WatchPorts[other.Number] = 200 + other.Number
			}
		}
	}
	on := map[int]bool{} // the subnets on the router
	var routed []*flows.Network
	for i := range f.Networks {
		n, s := &f.Networks[i], byte(subnets[i])
		if r.IntN(3) == 0 {
			continue
		}
		g := &flows.Gateway{
			Mode: []flows.Mode{flows.Local, flows.Routed, flows.SNAT, flows.SNAT}[r.IntN(4)], Limit: 1450, Zone: uint16(i + 1),
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 65, s, 254})},
			Subnets:   []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 65, s, 0}), 24)},
		}
		if n.IPv6 {
			six := [16]byte{0x20, 1, 0xd, 0xb8, 7: s}
			g.Subnets = append(g.Subnets, netip.PrefixFrom(netip.AddrFrom16(six), 64))
			six[15] = 254
			g.Addresses = append(g.Addresses, netip.AddrFrom16(six))
		}
		if s == 0 && g.Mode == flows.Routed {
			g.Mode = flows.SNAT
		}
		g.HostAccess = s != 0 && r.IntN(2) == 0
		for _, h := range r.Perm(len(f.Hosts))[:r.IntN(len(f.Hosts)+1)] {
			g.Hosts = append(g.Hosts, flows.Exit{Host: f.Hosts[h].Number, Draining: r.IntN(6) == 0})
		}
		n.Gateway = g
		if !on[subnets[i]] && r.IntN(3) > 0 {
			on[subnets[i]] = true
			routed = append(routed, n)
		}
	}
	for _, n := range routed {
		for _, other := range routed {
			if n != other {
				n.Gateway.Peers = append(n.Gateway.Peers, other.VNI)
			}
		}
	}
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		if g := f.network(e.VNI).Gateway; g == nil || g.Mode != flows.SNAT {
			continue
		}
		e.Transit = flows.Transit{V4: netip.AddrFrom4([4]byte{100, 65, 0, byte(e.Number)}), V6: netip.AddrFrom16([16]byte{0xfd, 0x77, 13: 1, 15: byte(e.Number)})}
		if r.IntN(4) == 0 {
			e.Forwards = []flows.Forward{{Protocol: 6, Port: 80}}
		}
	}
}

func (f *Facts) network(vni uint32) flows.Network {
	return f.Networks[slices.IndexFunc(f.Networks, func(n flows.Network) bool { return n.VNI == vni })]
}

// mayReach is the oracle: whether a packet of an endpoint may come out of a
// port.
func (f *Facts) mayReach(from flows.Endpoint, h *host, port uint32) bool {
	g := f.network(from.VNI).Gateway
	for _, e := range f.Endpoints {
		if e.Host == h.Number && e.Port == port {
			return e.VNI == from.VNI || g != nil && slices.Contains(g.Peers, e.VNI)
		}
	}
	for _, c := range f.NICs {
		if c.Host == h.Number && c.Port == port {
			return c.VNI == from.VNI || g != nil && slices.Contains(g.Peers, c.VNI)
		}
	}
	if port != h.GatewayPort || g == nil || g.Mode == flows.Local {
		return false
	}
	for _, x := range g.Hosts {
		if x.Host == h.Number {
			return true
		}
	}
	return len(g.Hosts) == 0
}

// with is the facts with more flows and groups on a host, each in place of
// those of its identity.
func (f Facts) with(number uint32, extra *program.Fragment) Facts {
	hosts := make([]Host, len(f.Hosts))
	copy(hosts, f.Hosts)
	f.Hosts = hosts
	for i := range hosts {
		if hosts[i].Number == number {
			hosts[i].Program = replaced(hosts[i].Program, extra)
		}
	}
	return f
}

func replaced(p []*program.Fragment, extra *program.Fragment) []*program.Fragment {
	flow := map[program.Identity]bool{}
	group := map[uint32]bool{}
	for _, f := range extra.Flows {
		flow[f.Identity()] = true
	}
	for _, g := range extra.Groups {
		group[g.ID()] = true
	}
	var out []*program.Fragment
	for _, f := range p {
		kept := &program.Fragment{Key: f.Key}
		for _, x := range f.Flows {
			if !flow[x.Identity()] {
				kept.Flows = append(kept.Flows, x)
			}
		}
		for _, x := range f.Groups {
			if !group[x.ID()] {
				kept.Groups = append(kept.Groups, x)
			}
		}
		out = append(out, kept)
	}
	return append(out, extra)
}
