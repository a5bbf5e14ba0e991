package flows

import (
	"net/netip"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Endpoint is what flows depend on of an endpoint.
type Endpoint struct {
	Number    uint32
	VNI       uint32
	MAC       [6]byte // zero: to be learned from its first frame
	Addresses []netip.Addr
	Host      uint32 // the host that has it, by number; 0: none
	Port      uint32 // its port there; 0: not known

	Transit  Transit   // as which it is known outside of a network that translates
	Forwards []Forward // that lead to it, in order
}

func (e Endpoint) equal(o Endpoint) bool {
	return e.Number == o.Number && e.VNI == o.VNI && e.MAC == o.MAC && e.Host == o.Host &&
		e.Port == o.Port && slices.Equal(e.Addresses, o.Addresses) &&
		e.Transit == o.Transit && slices.Equal(e.Forwards, o.Forwards)
}

// LinkLocal is the IPv6 link-local address that an interface forms from its
// MAC (RFC 4291 appendix A, modified EUI-64).
func LinkLocal(mac [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80,
		8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]})
}

// addresses splits the endpoint's addresses by family; where the network has
// IPv6, its link-local address is one of them.
func (e Endpoint) addresses(n Network) (v4, v6 []netip.Addr) {
	for _, a := range e.Addresses {
		if a.Is4() {
			v4 = append(v4, a)
		} else {
			v6 = append(v6, a)
		}
	}
	if n.IPv6 && len(v6) > 0 {
		v6 = append(v6, LinkLocal(e.MAC))
	}
	return v4, v6
}

// local is what the endpoint's own host has of it, less what depends on the
// number of its port: it may send as itself and nobody else.
func (e Endpoint) local(n Network) *program.Fragment {
	b := &builder{kind: KindLocal, owner: e.Number, vni: e.VNI}
	from := regFrom.Uint(uint64(e.Number))
	own := []of.FieldValue{from, of.EthSrc.MAC(e.MAC)}

	b.drop(TableSecurity, 200, VLANTag, from, vlanTagged())
	b.drop(TableSecurity, 50, SpoofedAddress, own...)
	b.drop(TableSecurity, 10, SpoofedMAC, from)
	v4, v6 := e.addresses(n)
	if len(v4)+len(v6) == 0 {
		// Layer 2 only: nobody has said which addresses are whose.
		b.flow(TableSecurity, 100, own, TableResponder)
	}
	if len(v4) > 0 && len(v6) == 0 {
		b.drop(TableSecurity, 60, NoIPv6, match(own, ipv6())...)
	}
	e.mayIPv4(b, own, v4)
	e.mayIPv6(b, own, v6)

	b.flow(TableForward, 100, match(of.Metadata.Uint(uint64(e.VNI)), of.EthDst.MAC(e.MAC)), TableDeliver,
		set(regOut.Uint(uint64(e.Number))))
	return b.fragment()
}

func (e Endpoint) mayIPv4(b *builder, own []of.FieldValue, addresses []netip.Addr) {
	speaks := match(own, arp(), of.ARPSHA.MAC(e.MAC))
	for _, a := range addresses {
		b.flow(TableSecurity, 100, match(own, ipv4(), of.IPv4Src.Addr(a)), TableResponder)
		b.flow(TableSecurity, 100, match(speaks, of.ARPSPA.Addr(a)), TableResponder)
		// Its own probe is not answered but goes to everybody: only so is a
		// real duplicate found (RFC 5227 section 2.1.1).
		b.flow(TableResponder, 110, match(regFrom.Uint(uint64(e.Number)), arp(), of.ARPOp.Uint(arpRequest), of.ARPTPA.Addr(a)), TableForward)
	}
	if len(addresses) > 0 {
		// A probe comes from 0.0.0.0 (RFC 5227 section 1.1).
		b.flow(TableSecurity, 100, match(speaks, of.ARPOp.Uint(arpRequest), of.ARPSPA.Addr(netip.IPv4Unspecified())), TableResponder)
	}
}

func (e Endpoint) mayIPv6(b *builder, own []of.FieldValue, addresses []netip.Addr) {
	if len(addresses) == 0 {
		return
	}
	from := regFrom.Uint(uint64(e.Number))
	unspecified := of.IPv6Src.Addr(netip.IPv6Unspecified())
	// What a node sends before it has an address: duplicate address detection
	// (RFC 4862 section 5.4.2), router solicitations (RFC 4861 section 4.1)
	// and multicast listener reports (RFC 3590).
	for _, typ := range []uint64{icmpNeighbourSolicit, icmpRouterSolicit, icmpMLDv2Report} {
		b.flow(TableSecurity, 100, match(own, icmpv6(typ), unspecified), TableSecurityND)
	}
	// A solicitation carries the sender's link-layer address or, from :: and
	// where the neighbour is known already, none (RFC 4861 section 4.3). An
	// advertisement speaks for an address of the sender's.
	for _, lla := range [][6]byte{e.MAC, noMAC} {
		b.flow(TableSecurityND, 100, match(from, nd(icmpNeighbourSolicit), of.NDSLL.MAC(lla)), TableResponder)
	}
	for _, a := range addresses {
		b.flow(TableSecurity, 100, match(own, ipv6(), of.IPv6Src.Addr(a)), TableSecurityND)
		for _, lla := range [][6]byte{e.MAC, noMAC} {
			b.flow(TableSecurityND, 100, match(from, nd(icmpNeighbourAdvert), of.NDTarget.Addr(a), of.NDTLL.MAC(lla)), TableResponder)
		}
		// As with ARP: its own probe finds a real duplicate.
		b.flow(TableResponder, 110, match(from, icmpv6(icmpNeighbourSolicit), of.NDTarget.Addr(a)), TableForward)
	}
}

// port is what depends on the number of the endpoint's port.
func (e Endpoint) port() *program.Fragment {
	b := &builder{kind: KindPort, owner: e.Number, vni: e.VNI}
	b.flow(TableClassify, 100, match(of.InPort.Uint(uint64(e.Port))), TableSecurity,
		set(of.Metadata.Uint(uint64(e.VNI))), set(regFrom.Uint(uint64(e.Number))))
	b.flow(TableDeliver, 100, match(regOut.Uint(uint64(e.Number))), last, of.Output{Port: e.Port})
	return b.fragment()
}

// adopt shows the controller the first frame of an endpoint whose MAC nobody
// has said. It may send nothing before that.
func (e Endpoint) adopt() *program.Fragment {
	b := &builder{kind: KindAdopt, owner: e.Number, vni: e.VNI}
	// Not the priority of the drop that takes its place: a flow that replaces
	// another of its identity inherits the counters, and those of that drop
	// tell who sends with a wrong MAC.
	b.flow(TableSecurity, 20, match(regFrom.Uint(uint64(e.Number))), last,
		of.Output{Port: of.PortController, MaxLen: 64})
	return b.fragment()
}

// remote leads from any other host to the endpoint's.
func (e Endpoint) remote(n Network) *program.Fragment {
	b := &builder{kind: KindRemote, owner: e.Number, vni: e.VNI}
	b.flow(TableForward, 100, match(b.network(), of.EthDst.MAC(e.MAC)), n.towardsHost(),
		set(regHost.Uint(uint64(e.Host))))
	return b.fragment()
}

// answer speaks for the endpoint when somebody asks for its MAC, on whatever
// host that is asked: no question leaves it.
func (e Endpoint) answer(n Network) *program.Fragment {
	b := &builder{kind: KindAnswer, owner: e.Number, vni: e.VNI}
	v4, v6 := e.addresses(n)
	for _, a := range slices.Concat(v4, v6) {
		b.answer(a, e.MAC)
	}
	return b.fragment()
}

// first is the endpoint's first address of a family.
func (e Endpoint) first(f *family) (a netip.Addr, has bool) {
	for _, a := range e.Addresses {
		if familyOf(a) == f {
			return a, true
		}
	}
	return a, false
}
