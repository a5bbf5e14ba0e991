package walk

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// attempt is a packet that an endpoint must not send, and why not.
type attempt struct {
	what string
	p    Packet
	why  flows.Reason
}

var (
	strangeMAC = [6]byte{2, 0x66, 6, 6, 6, 6}
	strange4   = netip.MustParseAddr("10.0.0.222")
	strange6   = netip.MustParseAddr("2001:db8::222")
	allNodes   = netip.MustParseAddr("ff02::1")
)

// attempts are what e tries against victim, whose MAC it knows.
func (w *world) attempts(e, victim flows.Endpoint) []attempt {
	list := []attempt{
		{"a foreign source MAC", Frame(strangeMAC, victim.MAC).EtherType(0x88b5), flows.SpoofedMAC},
		{"a group address as source MAC", Frame(Broadcast, victim.MAC).EtherType(0x88b5), flows.SpoofedMAC},
		{"a VLAN tag", Frame(e.MAC, victim.MAC).VLAN(5).EtherType(0x88b5), flows.VLANTag},
		{"a priority tag", Frame(e.MAC, victim.MAC).VLAN(0).EtherType(0x88b5), flows.VLANTag},
		{"a VLAN tag on a foreign MAC", Frame(strangeMAC, Broadcast).VLAN(5).EtherType(0x88b5), flows.VLANTag},
	}
	if victim.MAC != e.MAC {
		list = append(list, attempt{"the victim's MAC", Frame(victim.MAC, Broadcast).EtherType(0x88b5), flows.SpoofedMAC})
	}
	if len(e.Addresses) == 0 {
		return append(list, attempt{"a spanning tree frame", Frame(e.MAC, [6]byte{0x01, 0x80, 0xc2}).EtherType(0x0027), flows.LinkLocalProtocol})
	}
	list = append(list, attempt{"a protocol without addresses", Frame(e.MAC, victim.MAC).EtherType(0x88b5), flows.SpoofedAddress})
	list = append(list, w.attempts4(e, victim)...)
	return append(list, w.attempts6(e, victim)...)
}

func (w *world) attempts4(e, victim flows.Endpoint) (list []attempt) {
	own, may := w.family(e, strange4)
	spoofed := Frame(e.MAC, victim.MAC).IP(strange4, own4(own))
	list = []attempt{
		{"a foreign IPv4 source", spoofed.UDP(1, 2), flows.SpoofedAddress},
		{"a foreign IPv4 source in a first fragment", spoofed.UDP(1, 2).FirstFragment(), flows.SpoofedAddress},
		{"a foreign IPv4 source in a later fragment", spoofed.UDP(1, 2).LaterFragment(), flows.SpoofedAddress},
		{"IPv4 from nowhere (DHCP)", Frame(e.MAC, Broadcast).IP(netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255")).UDP(68, 67), flows.SpoofedAddress},
		{"an ARP reply for a foreign address", Frame(e.MAC, victim.MAC).ARP(ARPReply, e.MAC, strange4, victim.MAC, own4(own)), flows.SpoofedAddress},
		{"an announcement of a foreign address", Question(e.MAC, strange4, strange4), flows.SpoofedAddress},
	}
	if !may {
		return list
	}
	return append(list,
		attempt{"an ARP reply for the own address with a foreign MAC", Frame(e.MAC, victim.MAC).ARP(ARPReply, strangeMAC, own, victim.MAC, strange4), flows.SpoofedAddress},
		attempt{"an ARP request with a foreign sender MAC", Frame(e.MAC, Broadcast).ARP(ARPRequest, strangeMAC, own, noMAC, strange4), flows.SpoofedAddress},
		attempt{"an ARP reply from nowhere", Frame(e.MAC, victim.MAC).ARP(ARPReply, e.MAC, netip.IPv4Unspecified(), victim.MAC, strange4), flows.SpoofedAddress},
		attempt{"an LLDP-like frame from the own address", Frame(e.MAC, [6]byte{0x01, 0x80, 0xc2, 0, 0, 0x0e}).IP(own, strange4).UDP(1, 2), flows.LinkLocalProtocol},
		attempt{"a MAC that nobody has", Frame(e.MAC, strangeMAC).IP(own, strange4).UDP(1, 2), flows.UnknownMAC},
	)
}

// own4 is an IPv4 address also where the endpoint has none.
func own4(a netip.Addr) netip.Addr {
	if a.IsValid() {
		return a
	}
	return someTarget(true)
}

func (w *world) attempts6(e, victim flows.Endpoint) (list []attempt) {
	if !hasFamily(e, false) {
		return []attempt{
			{"IPv6", Frame(e.MAC, victim.MAC).IP(strange6, someTarget(false)).Echo(), flows.NoIPv6},
			{"a router solicitation", Frame(e.MAC, GroupMAC(allNodes)).IP(flows.LinkLocal(e.MAC), netip.MustParseAddr("ff02::2")).ICMP(133, 0), flows.NoIPv6},
		}
	}
	own, _ := w.family(e, strange6)
	to := Frame(e.MAC, victim.MAC)
	say := to.IP(own, allNodes)
	list = []attempt{
		{"a foreign IPv6 source", to.IP(strange6, own).UDP(1, 2), flows.SpoofedAddress},
		{"a foreign IPv6 source in a first fragment", to.IP(strange6, own).UDP(1, 2).FirstFragment(), flows.SpoofedAddress},
		{"a foreign IPv6 source in a later fragment", to.IP(strange6, own).UDP(1, 2).LaterFragment(), flows.SpoofedAddress},
		{"a ping from nowhere", to.IP(netip.IPv6Unspecified(), own).Echo(), flows.SpoofedAddress},
		{"an advertisement from nowhere", to.IP(netip.IPv6Unspecified(), own).Advertise(own, e.MAC), flows.SpoofedAddress},
		{"a router advertisement", say.HopLimit(255).ICMP(134, 0), flows.RogueRouter},
		{"a router advertisement with a strange code", say.HopLimit(255).ICMP(134, 7), flows.RogueRouter},
		{"a redirect", say.HopLimit(255).ICMP(137, 0), flows.RogueRouter},
		{"an advertisement of a foreign address", say.Advertise(strange6, e.MAC), flows.SpoofedND},
		{"an advertisement of the own address with a foreign MAC", say.Advertise(own, strangeMAC), flows.SpoofedND},
		{"an advertisement over a router", say.Advertise(own, e.MAC).HopLimit(254), flows.SpoofedND},
		{"a solicitation with a foreign MAC", say.Solicit(strange6, strangeMAC), flows.SpoofedND},
		{"a solicitation over a router", say.Solicit(strange6, e.MAC).HopLimit(64), flows.SpoofedND},
		{"a solicitation with a code", say.HopLimit(255).ICMP(ndSolicit, 1), flows.SpoofedND},
		{"an advertisement with a code", say.HopLimit(255).ICMP(ndAdvert, 1), flows.SpoofedND},
	}
	for _, b := range w.endpoints { // whoever has it: the victim may be in another network
		if b.VNI == e.VNI && b.Number != e.Number && hasFamily(b, false) {
			target, _ := w.family(b, strange6)
			list = append(list, attempt{"an advertisement of a neighbour's address", say.Advertise(target, e.MAC), flows.SpoofedND})
		}
	}
	return list
}

func TestHostilePacketsAreDroppedForTheRightReason(t *testing.T) {
	tried := map[flows.Reason]int{}
	eachWorld(t, func(t *testing.T, w *world) {
		for _, e := range w.plugged() {
			if e.MAC == noMAC {
				continue
			}
			for _, victim := range w.endpoints {
				if victim.MAC == noMAC {
					continue
				}
				for _, a := range w.attempts(e, victim) {
					tried[a.why]++
					w.expectDrop(t, e, a.what, a.p, a.why)
				}
			}
		}
	})
	t.Logf("attempts by reason: %v", tried)
}

// A router advertisement in the first fragment of a packet is one to the tables.
// Receivers have to ignore it in any case (RFC 6980 section 5).
func TestFragmentsDoNotHideNeighbourDiscovery(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, e := range w.plugged() {
			if e.MAC == noMAC || !hasFamily(e, false) {
				continue
			}
			own, _ := w.family(e, strange6)
			p := Frame(e.MAC, GroupMAC(allNodes)).IP(own, allNodes).HopLimit(255).ICMP(134, 0).FirstFragment()
			w.expectDrop(t, e, "a router advertisement in a fragment", p, flows.RogueRouter)
		}
	})
}

func TestTunnelsAreTakenFromMembersOnly(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, h := range w.hosts {
			if h.TunnelPorts[flows.VXLAN] == 0 {
				continue
			}
			for _, n := range w.networks {
				for _, source := range w.hosts {
					from := w.sources[source.Number]
					if source.Number == h.Number || from.Is4() != w.sources[h.Number].Is4() {
						continue
					}
					// A host that is only a way out takes part, too, and so
					// does one from which a router leads to the network.
					member := source.VTEP.IsValid() && slices.Contains(w.fabric.Attendants(n.VNI), source.Number) &&
						(slices.Contains(w.fabric.Members(n.VNI), h.Number) || n.Gateway != nil && n.Gateway.Mode.Leaves() && names(n.Gateway, h))
					w.fromTunnel(t, h, n.VNI, from, member)
				}
				w.fromTunnel(t, h, n.VNI, netip.MustParseAddr("203.0.113.66"), false)
				w.fromTunnel(t, h, n.VNI+1<<20, w.sources[h.Number], false)
			}
		}
	})
}

// names is whether a gateway names a host as its way out.
func names(g *flows.Gateway, h flows.Host) bool {
	return slices.ContainsFunc(g.Hosts, func(x flows.Exit) bool { return x.Host == h.Number })
}

// fromTunnel checks what a frame does that comes to a host through a tunnel: it
// reaches the endpoints there, and never goes into a tunnel again.
func (w *world) fromTunnel(t *testing.T, h flows.Host, vni uint32, from netip.Addr, member bool) {
	t.Helper()
	check := func(to [6]byte, want []uint32, why flows.Reason) {
		t.Helper()
		if from.Is4() != w.sources[h.Number].Is4() {
			return
		}
		p := Frame(strangeMAC, to).EtherType(0x88b5).Through(vni, from, w.sources[h.Number])
		r := w.underlay.Walk(hostName(h.Number), h.TunnelPorts[flows.VXLAN], p)
		if got := w.receivers(r); r.Err != nil || len(r.Ends) == 0 || !slices.Equal(got, want) || r.Count(Lost) > 0 {
			t.Errorf("VNI %d from %v to %v on host %d reaches %v, and should reach %v:\n%s", vni, from, of.EthDst.MAC(to), h.Number, got, want, r.Text(Words{}))
		}
		if len(want) == 0 && why != flows.NoDrop && (len(r.Ends) != 1 || r.Ends[0].Reason() != why) {
			t.Errorf("VNI %d from %v on host %d is not dropped for reason %d:\n%s", vni, from, h.Number, why, r.Text(Words{}))
		}
	}
	if !member {
		check(Broadcast, nil, flows.NotAMember)
		return
	}
	var all []uint32
	for _, e := range w.endpoints {
		if e.VNI != vni || e.Host == 0 {
			continue
		}
		if e.Host == h.Number && e.Port != 0 {
			all = append(all, e.Number)
		}
		switch {
		case e.MAC == noMAC:
		case e.Host != h.Number:
			check(e.MAC, nil, flows.TunnelToTunnel)
		case e.Port == 0:
			check(e.MAC, nil, flows.NoPort)
		default:
			check(e.MAC, []uint32{e.Number}, flows.NoDrop)
		}
	}
	check(Broadcast, all, flows.NoDrop)
	check(strangeMAC, nil, flows.UnknownMAC)
}

func TestPortsThatBelongToNobodyAreDropped(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for _, h := range w.hosts {
			r := w.underlay.Walk(hostName(h.Number), 999, Frame(strangeMAC, Broadcast).EtherType(0x0806))
			if len(r.Ends) != 1 || r.Ends[0].Reason() != flows.UnknownPort {
				t.Errorf("host %d:\n%s", h.Number, r.Text(Words{}))
			}
		}
	})
}
