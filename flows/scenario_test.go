package flows

import (
	"net/netip"
	"slices"
)

// router is a Fabric of three hosts; each has a port to its kernel, and watches
// the others.
func router() *Fabric {
	f := NewFabric()
	for n := uint32(1); n <= 3; n++ {
		h := Host{
			Number: n, VTEP: vtep(n), TunnelPorts: TunnelPorts{1}, GatewayPort: 2,
			Transit:      transit(n),
			TransitRange: TransitRange{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fd77:6566:7400::/64")},
			WatchPorts:   map[uint32]uint32{},
		}
		for o := uint32(1); o <= 3; o++ {
			if o != n {
				h.WatchPorts[o] = 100 + o
			}
		}
		f.PutHost(h)
	}
	return f
}

// transit is an address by its place in the range of all.
func transit(place uint32) Transit {
	hi, mid, lo := byte(place>>16), byte(place>>8), byte(place)
	v6 := netip.MustParseAddr("fd77:6566:7400::").As16()
	v6[13], v6[14], v6[15] = hi, mid, lo
	return Transit{netip.AddrFrom4([4]byte{100, 64 + hi, mid, lo}), netip.AddrFrom16(v6)}
}

func (f *Fabric) putRouted(vni uint32, g Gateway, subnets ...string) {
	n := Network{VNI: vni}
	for _, s := range subnets {
		p := netip.MustParsePrefix(s)
		n.IPv6 = n.IPv6 || p.Addr().Is6()
		g.Subnets = append(g.Subnets, p)
		g.Addresses = append(g.Addresses, p.Addr().Next())
	}
	g.Limit = 1450
	if g.Mode.Leaves() {
		g.Zone = uint16(vni)
	}
	n.Gateway = &g
	f.PutNetwork(n)
}

// putThere adds an endpoint with the address of its number in each subnet.
func (f *Fabric) putThere(number, vni, host uint32, forwards ...Forward) {
	e := Endpoint{Number: number, VNI: vni, Host: host, Port: number + 10, Forwards: forwards,
		MAC: [6]byte{2, 0x42, 0, 0, byte(vni), byte(number)}}
	g := f.networks[vni].Gateway
	for _, p := range g.Subnets {
		a := p.Addr().AsSlice()
		a[len(a)-1] = byte(number)
		address, _ := netip.AddrFromSlice(a)
		e.Addresses = append(e.Addresses, address)
	}
	if g.Mode == SNAT {
		e.Transit = transit(0x10000 + number)
	}
	f.PutEndpoint(e)
}

// single is two networks with the same addresses that leave by host 3, which has
// no endpoint of them, one of them in both families; and two that are on a
// router and leave by nobody.
func single() *Fabric {
	f := router()
	f.putRouted(256, Gateway{Mode: SNAT, Hosts: []Exit{{Host: 3}}}, "10.65.10.0/24", "2001:db8:100::/64")
	f.putRouted(257, Gateway{Mode: SNAT, Hosts: []Exit{{Host: 3}}}, "10.65.10.0/24")
	f.putRouted(500, Gateway{Mode: Local, Peers: []uint32{600}}, "10.0.1.0/24")
	f.putRouted(600, Gateway{Mode: Local, Peers: []uint32{500}}, "10.0.2.0/24")
	f.putThere(2, 256, 1)
	f.putThere(3, 256, 2)
	f.putThere(4, 257, 1)
	f.putThere(5, 500, 1)
	f.putThere(6, 600, 2)
	f.Flush()
	return f
}

// several is a network with two gateways and one that is being drained, whose
// hosts reach in.
func several() *Fabric {
	f := router()
	f.putRouted(256, Gateway{Mode: SNAT, HostAccess: true, Hosts: []Exit{{Host: 1}, {Host: 2, Draining: true}, {Host: 3}}}, "10.65.10.0/24")
	f.putThere(2, 256, 1)
	f.putThere(3, 256, 2, Forward{Protocol: protoTCP, Port: 80}, Forward{Protocol: protoUDP, Port: 53})
	f.Flush()
	return f
}

// routed is two networks whose addresses the world knows.
func routed() *Fabric {
	f := router()
	for i, hosts := range [][]Exit{{{Host: 1}}, {{Host: 1}, {Host: 2}}} {
		g := Gateway{Mode: Routed, Hosts: hosts, Peers: slices.DeleteFunc([]uint32{256, 257}, func(v uint32) bool { return v == uint32(256+i) })}
		f.putRouted(uint32(256+i), g, "10.65.1"+string(rune('0'+i))+".0/24", "2001:db8:10"+string(rune('0'+i))+"::/64")
	}
	f.putThere(2, 256, 2)
	f.putThere(3, 257, 3)
	f.Flush()
	return f
}

// ownWays is a network in which each host is its own way out, and a port of each
// leads to an endpoint on one of them.
func ownWays() *Fabric {
	f := router()
	f.putRouted(256, Gateway{Mode: SNAT}, "10.65.10.0/24")
	f.putRouted(257, Gateway{Mode: SNAT}, "10.65.10.0/24")
	f.putThere(2, 256, 1, Forward{Protocol: protoTCP, Port: 80})
	f.putThere(3, 256, 2)
	f.putThere(4, 257, 1)
	f.putThere(5, 257, 2)
	f.Flush()
	return f
}

// machines is a network with a NIC on host 1, and one with a VLAN tag on host 3;
// it leaves by host 2. A network on the same router is on host 3 only, and one of
// layer 2 has a NIC, too.
func machines() *Fabric {
	f := router()
	f.putRouted(256, Gateway{Mode: SNAT, Hosts: []Exit{{Host: 2}}, Fallback: transit(0x8000 + 256), Peers: []uint32{257}}, "10.65.10.0/24", "2001:db8:100::/64")
	f.putRouted(257, Gateway{Mode: Local, Peers: []uint32{256}}, "10.65.11.0/24")
	f.PutNetwork(Network{VNI: 300})
	f.putThere(2, 256, 1)
	f.putThere(3, 257, 3)
	f.PutEndpoint(Endpoint{Number: 4, VNI: 300, Host: 2, Port: 14, MAC: [6]byte{2, 0x42, 0, 0, 44, 4}})
	f.PutNIC(NIC{Number: 21, VNI: 256, Host: 1, Port: 31})
	f.PutNIC(NIC{Number: 22, VNI: 256, Host: 3, Port: 32, VLAN: 7})
	f.PutNIC(NIC{Number: 23, VNI: 300, Host: 1, Port: 33})
	f.Flush()
	return f
}

// meshed is hosts 1, 2 and 3 in a row: 1 and 3 reach each other by 2 only. A
// network of Geneve is on 1 and 3, with a NIC on each; one of VXLAN has gateways
// on 1 and 3 and an endpoint on 2 and 3; one of GRE has a VNI that cannot be
// relayed.
func meshed() *Fabric {
	f := router()
	for n := uint32(1); n <= 3; n++ {
		h := f.hosts[n].Host
		h.TunnelPorts = TunnelPorts{1, 4, 5}
		f.PutHost(h)
	}
	f.PutLinks(1, []uint32{2})
	f.PutLinks(2, []uint32{1, 3})
	f.PutLinks(3, []uint32{2})
	for _, way := range [][3]uint32{{1, 2, 2}, {1, 3, 2}, {2, 1, 1}, {2, 3, 3}, {3, 1, 2}, {3, 2, 2}} {
		f.PutNext(way[0], way[1], way[2])
	}
	f.putRouted(256, Gateway{Mode: SNAT, Hosts: []Exit{{Host: 1}, {Host: 3}}}, "10.65.10.0/24")
	f.putThere(2, 256, 2)
	f.putThere(3, 256, 3)
	f.PutNetwork(Network{VNI: 300, Encap: Geneve})
	f.PutNetwork(Network{VNI: 0xa00000, Encap: GRE})
	f.PutNIC(NIC{Number: 21, VNI: 300, Host: 1, Port: 31})
	f.PutNIC(NIC{Number: 22, VNI: 300, Host: 3, Port: 32})
	for i, at := range [][2]uint32{{300, 1}, {300, 3}, {0xa00000, 1}, {0xa00000, 2}, {0xa00000, 3}} {
		number := uint32(10 + i)
		f.PutEndpoint(Endpoint{Number: number, VNI: at[0], Host: at[1], Port: number + 10, MAC: [6]byte{2, 0x42, 0, 0, 1, byte(number)}})
	}
	f.Flush()
	return f
}
