package walk

import (
	"net/netip"

	"github.com/weft-sdn/weft/flows"
)

// anyPacket makes up a packet that comes in at a port of a host. Its parts are
// such as endpoints have, so that most packets are nearly right.
func (w *world) anyPacket() (host flows.Host, port uint32, p Packet) {
	host = w.hosts[w.IntN(len(w.hosts))]
	var from flows.Endpoint
	for _, i := range w.Perm(len(w.endpoints)) {
		if e := w.endpoints[i]; e.Host == host.Number && e.Port != 0 {
			from = e
		}
	}
	p = w.anyFrame(from)
	switch {
	case from.MAC != noMAC && w.chance(2):
		p = w.rightPacket(from)
	case from.MAC != noMAC && w.chance(2):
		p = w.toRouter(from)
	}
	for _, c := range w.nics {
		if c.Host == host.Number && w.chance(4) {
			return host, c.Port, w.fromNIC(c)
		}
	}
	switch {
	case w.chance(5) && host.GatewayPort != 0:
		return host, host.GatewayPort, w.fromKernel(host)
	case w.chance(5) && host.TunnelPorts[flows.VXLAN] != 0:
		source := w.hosts[w.IntN(len(w.hosts))]
		if w.sources[source.Number].Is4() == w.sources[host.Number].Is4() && source.Number != host.Number {
			vni := w.networks[w.IntN(len(w.networks))].VNI
			if w.linked && w.chance(2) {
				p, vni = p.VLAN(uint16(1+w.IntN(len(w.hosts)+1))), vni|uint32(w.IntN(8))<<21
			}
			return host, host.TunnelPorts[flows.VXLAN], p.Through(vni, w.sources[source.Number], w.sources[host.Number])
		}
		return host, nobodysPort, p
	case from.Port == 0 || w.chance(20):
		return host, nobodysPort, p
	}
	return host, from.Port, p
}

// fromKernel is what a host's kernel may hand in, be it to endpoints by their
// transit addresses or their own, or in somebody's name.
func (w *world) fromKernel(host flows.Host) Packet {
	v4 := w.chance(2)
	any := func() netip.Addr {
		var e flows.Endpoint
		if len(w.endpoints) > 0 {
			e = w.endpoints[w.IntN(len(w.endpoints))]
		}
		a := some(w, transitOf(e, someTarget(v4)), outside(v4), w.anyAddr(v4, e), transitOf(flows.Endpoint{Transit: host.Transit}, someTarget(v4)))
		if !a.IsValid() {
			return outside(v4)
		}
		return a
	}
	return w.anyTransport(Frame(flows.HostMAC(host.Number), flows.RouterMAC).IP(some(w, outside(v4), any()), any()))
}

// fromNIC is what a machine behind a NIC may send.
func (w *world) fromNIC(c flows.NIC) Packet {
	machine := flows.Endpoint{VNI: c.VNI, MAC: [6]byte{2, 0x55, 0, 0, 0, byte(w.IntN(2))}, Addresses: []netip.Addr{
		netip.AddrFrom4([4]byte{10, 0, byte(w.subnets[w.index(c.VNI)]), byte(100 + w.IntN(2))}), someTarget(false)}}
	p := w.anyFrame(machine)
	if w.chance(3) {
		p = w.toRouter(machine)
	}
	if c.VLAN != 0 && !w.chance(4) {
		p = p.VLAN(c.VLAN)
	}
	return p
}

// outside is an address that is no endpoint's.
func outside(v4 bool) netip.Addr {
	if v4 {
		return netip.MustParseAddr("8.8.8.8")
	}
	return netip.MustParseAddr("2001:4860::8888")
}

// toRouter is what an endpoint sends to its gateway, or asks about it.
func (w *world) toRouter(from flows.Endpoint) Packet {
	target := w.anyAddr(w.chance(2), from)
	if g := w.network(from.VNI).Gateway; g != nil {
		target = some(w, outside(w.chance(2)), target, g.Addresses[w.IntN(len(g.Addresses))])
	}
	source, may := w.family(from, target)
	if !may {
		source = someTarget(target.Is4())
	}
	if w.chance(5) {
		return Question(from.MAC, source, target)
	}
	p := Frame(from.MAC, flows.RouterMAC).IP(source, target)
	if w.chance(4) {
		p = p.HopLimit(uint8(w.IntN(3)))
	}
	return w.anyTransport(p)
}

// rightPacket is one that the endpoint may send, to somebody who can have it or
// about somebody who has it.
func (w *world) rightPacket(from flows.Endpoint) Packet {
	other := from
	for _, i := range w.Perm(len(w.endpoints)) {
		if e := w.endpoints[i]; e.VNI == from.VNI && e.MAC != noMAC {
			other = e
		}
	}
	if target := w.anyAddr(w.chance(2), other); w.chance(3) {
		if source, may := w.family(from, target); may {
			return Question(from.MAC, source, target)
		}
	}
	all := w.legitimate(from, some(w, other.MAC, Broadcast), someTarget)
	return all[w.IntN(len(all))]
}

// nobodysPort is a port of every host that no endpoint has.
const nobodysPort = 900

// some is the first value, or mostly so, else any of the others.
func some[T any](w *world, mostly T, others ...T) T {
	if len(others) == 0 || w.IntN(4) > 0 {
		return mostly
	}
	return others[w.IntN(len(others))]
}

func (w *world) anyMAC() [6]byte {
	if len(w.endpoints) > 0 && !w.chance(6) {
		if mac := w.endpoints[w.IntN(len(w.endpoints))].MAC; mac != noMAC {
			return mac
		}
	}
	return strangeMAC
}

func (w *world) anyAddr(v4 bool, of flows.Endpoint) netip.Addr {
	if a, has := w.family(of, someTarget(v4)); has && w.chance(2) {
		return a
	}
	if len(w.endpoints) > 0 && !w.chance(5) {
		if a, has := w.family(w.endpoints[w.IntN(len(w.endpoints))], someTarget(v4)); has {
			return a
		}
	}
	return someTarget(v4)
}

func (w *world) anyFrame(from flows.Endpoint) Packet {
	to := some(w, w.anyMAC(), Broadcast, GroupMAC(allNodes), [6]byte{0x01, 0x80, 0xc2, 0, 0, 2}, [6]byte{0x01, 0x00, 0x5e, 1, 2, 3})
	mac := from.MAC
	if mac == noMAC || w.chance(8) {
		mac = w.anyMAC()
	}
	p := Frame(mac, to)
	if w.chance(20) {
		p = p.VLAN(uint16(w.IntN(3)))
	}
	switch w.IntN(10) {
	case 0:
		return p.EtherType(0x88b5)
	case 1, 2, 3:
		src, dst := w.anyAddr(true, from), w.anyAddr(true, flows.Endpoint{})
		unspecified := netip.IPv4Unspecified()
		return p.ARP(uint16(some(w, 1, 2, 3, 0)), some(w, mac, w.anyMAC()), some(w, src, unspecified, dst), some(w, noMAC, to), dst)
	case 4, 5:
		return w.anyTransport(p.IP(w.family4(from), w.anyAddr(true, flows.Endpoint{})).HopLimit(uint8(w.IntN(256))))
	}
	src := some(w, w.family6(from), netip.IPv6Unspecified(), w.anyAddr(false, from))
	dst := some(w, w.anyAddr(false, flows.Endpoint{}), allNodes)
	p = p.IP(src, dst)
	if w.chance(3) {
		return w.anyTransport(p)
	}
	return w.anyND(p, mac, w.anyAddr(false, from))
}

func (w *world) family4(e flows.Endpoint) netip.Addr { return w.firstOf(e, true) }
func (w *world) family6(e flows.Endpoint) netip.Addr { return w.firstOf(e, false) }

// firstOf is mostly an address of the endpoint's own.
func (w *world) firstOf(e flows.Endpoint, v4 bool) netip.Addr {
	if a, has := w.family(e, someTarget(v4)); has && !w.chance(5) {
		return a
	}
	return w.anyAddr(v4, e)
}

func (w *world) anyTransport(p Packet) Packet {
	switch w.IntN(4) {
	case 0:
		p = p.TCP(40000, 80)
	case 1:
		p = p.UDP(68, 67)
	case 2:
		p = p.Echo()
	default:
		p = p.Protocol(132)
		if w.chance(2) {
			p = p.Protocol(47)
		}
	}
	return w.anyFragment(p)
}

func (w *world) anyFragment(p Packet) Packet {
	switch {
	case w.chance(8):
		return p.FirstFragment()
	case w.chance(8):
		return p.LaterFragment()
	}
	return p
}

func (w *world) anyND(p Packet, mac [6]byte, target netip.Addr) Packet {
	lla := some(w, mac, noMAC, w.anyMAC())
	switch w.IntN(6) {
	case 0:
		p = p.HopLimit(255).ICMP(uint8(some(w, 134, 133, 137, 143)), 0)
	case 1, 2:
		p = p.Advertise(target, lla)
	case 3:
		p = p.HopLimit(255).ICMP(uint8(some(w, ndSolicit, ndAdvert)), 1)
	default:
		p = p.Solicit(target, lla)
	}
	if w.chance(12) {
		p = p.HopLimit(254)
	}
	if w.chance(12) {
		return w.anyFragment(p)
	}
	return p
}
