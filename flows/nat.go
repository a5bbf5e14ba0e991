package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// translates reports whether the network's endpoints have transit addresses.
func (n Network) translates() bool { return n.leaves() && n.Gateway.Mode == SNAT }

// transit is the first of two translations on the way out: to an address that
// is the endpoint's alone, so that networks with equal addresses share a
// kernel. The second, to the host's own address, is the kernel's.
func (e Endpoint) transit(n Network) *program.Fragment {
	b := &builder{kind: KindTransit, owner: e.Number, vni: e.VNI}
	zone := n.Gateway.Zone
	for _, a := range e.Addresses {
		if t := e.Transit.of(familyOf(a)); t.IsValid() {
			b.flow(TableNATOut, 100, match(b.network(), from(a)), last,
				commit(zone, TableNATDone, of.NAT{Flags: of.NATSrc, Min: t}))
		}
	}
	for _, f := range families {
		if _, has := e.first(f); has {
			b.unNAT(zone, e.Transit.of(f))
		}
	}
	return b.fragment()
}

// unNAT leads what the kernel sends to a transit address to the network.
func (b *builder) unNAT(zone uint16, t netip.Addr) {
	if t.IsValid() {
		b.flow(TableUnNAT, 100, to(t), last, set(b.network()), track(zone, TableNATIn, of.NAT{}))
	}
}

// fallback is the translation of machines behind NICs, which have no transit
// address of their own.
func (x *exits) fallback(b *builder) {
	for _, p := range x.Gateway.Subnets {
		if t := x.Gateway.Fallback.of(familyOf(p.Addr())); t.IsValid() {
			b.flow(TableNATOut, 50, match(b.network(), fromSubnet(p)), last,
				commit(x.Gateway.Zone, TableNATDone, of.NAT{Flags: of.NATSrc, Min: t}))
		}
	}
	for _, f := range x.Gateway.families() {
		b.unNAT(x.Gateway.Zone, x.Gateway.Fallback.of(f))
	}
}

// forward leads connections from outside, which the host has translated to the
// endpoint's transit address, to the endpoint. As long as nobody has answered, as
// when the first packet was lost, a connection that was let in is new still, and
// the tracker has translated it already.
func (e Endpoint) forward(n Network) *program.Fragment {
	b := &builder{kind: KindForward, owner: e.Number, vni: e.VNI}
	for _, f := range families {
		t := e.Transit.of(f)
		own, has := e.first(f)
		if !has || !t.IsValid() {
			continue
		}
		if len(e.Forwards) > 0 {
			b.flow(TableNATIn, 110, match(b.network(), tracked(ctNew|ctTranslated), to(own)), TableRoute, handToRouter())
		}
		for _, w := range e.Forwards {
			port := of.TCPDst
			if w.Protocol == protoUDP {
				port = of.UDPDst
			}
			b.flow(TableNATIn, 110, match(b.network(), tracked(ctNew), to(t), of.IPProto.Uint(uint64(w.Protocol)), port.Uint(uint64(w.Port))), last,
				commit(n.Gateway.Zone, TableForwardIn, of.NAT{Flags: of.NATDst, Min: own}))
		}
	}
	return b.fragment()
}
