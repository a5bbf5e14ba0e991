package verify

import (
	"math/rand/v2"
	"net/netip"

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
	t.Flush()
	for i := range t.Hosts {
		t.Hosts[i].Program = t.Fabric.Program(t.Hosts[i].Number)
	}
	return t
}

func hostOf(number uint32, vtep string, tunnel uint32) Host {
	h := Host{Host: flows.Host{Number: number, TunnelPort: tunnel}}
	if vtep != "" {
		h.VTEP = netip.MustParseAddr(vtep)
	}
	return h
}

// even is hosts with endpoints of all networks, spread evenly.
func even(hosts, networks, endpoints int, ipv6 bool) Facts {
	var f Facts
	for h := range hosts {
		f.Hosts = append(f.Hosts, Host{Host: flows.Host{Number: uint32(h + 1), TunnelPort: 1,
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
			in.TunnelPort = uint32(1 + r.IntN(3))
		}
		f.Hosts = append(f.Hosts, in)
	}
	ports := map[uint32]uint32{}
	number := uint32(0)
	for n := range 1 + r.IntN(3) {
		network := flows.Network{VNI: uint32(256 + n), Flood: r.IntN(2) == 0, IPv6: r.IntN(2) == 0}
		f.Networks = append(f.Networks, network)
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
				e.Addresses = append(e.Addresses, netip.AddrFrom4([4]byte{10, 65, 0, byte(i + 1)}))
			}
			if network.IPv6 && r.IntN(3) > 0 {
				e.Addresses = append(e.Addresses, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i + 1)}))
			}
			f.Endpoints = append(f.Endpoints, e)
		}
	}
	return f
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
