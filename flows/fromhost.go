package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// kernel is the port that leads to this host's kernel, which is the router
// between the networks and the world outside.
func (h Host) kernel() *program.Fragment {
	b := &builder{kind: KindHostPort, owner: h.Number}
	b.flow(TableClassify, 100, match(of.InPort.Uint(uint64(h.GatewayPort))), TableFromHost)

	// A transit address as source is this host's own, or an endpoint's whose
	// packet the host turned back to another endpoint by a forward.
	for _, a := range h.Transit.each() {
		b.flow(TableFromHost, 300, from(a), TableUnNAT)
	}
	for _, p := range h.TransitRange.each() {
		f := familyOf(p.Addr())
		b.flow(TableFromHost, 200, match(f.ip, f.src.Prefix(p), f.dst.Prefix(p)), TableUnNAT)
		b.drop(TableFromHost, 190, FakedTransit, fromSubnet(p)...)
	}
	for _, f := range families {
		b.flow(TableFromHost, 100, match(f.ip), TableUnNAT)

		b.flow(TableNATDone, 100, match(f.ip), TableDeliver,
			set(of.EthSrc.MAC(RouterMAC)), set(of.EthDst.MAC(HostMAC(h.Number))),
			forgetPort(), set(regOut.Uint(outHost)))
	}
	b.flow(TableDeliver, 100, match(regOut.Uint(outHost)), last, of.Output{Port: h.GatewayPort})
	return b.fragment()
}

// guardSubnet lets nobody outside look like somebody in the network. It also
// keeps networks apart that a kernel would join, because it has routes to both.
func (b *builder) guardSubnet(p netip.Prefix) {
	b.drop(TableFromHost, 180, FakedEndpoint, fromSubnet(p)...)
}
