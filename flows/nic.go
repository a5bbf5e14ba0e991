package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

const vlanEthertype = 0x8100 // IEEE 802.1Q table 9-1

// NICBase is to networks that a NIC is in what [Base] is to all.
func NICBase() *program.Fragment {
	b := &builder{kind: KindNICBase, owner: Version}
	b.probes()
	b.drop(TableNIC, 220, SpoofedMAC, of.EthSrc.MACMask(broadcastBit, broadcastBit))
	b.drop(TableNIC, 220, SpoofedMAC, of.EthSrc.MAC(RouterMAC))
	b.drop(TableNIC, 0, UnknownPort)
	b.drop(TableLearn, 0, NotAMember)
	b.drop(TableLearnedIP, 0, NotLearned)
	b.drop(TableLearned, 0, NotLearned)
	b.drop(TableUnknownMAC, 0, UnknownMAC)
	return b.fragment()
}

// port is what depends on the number of the NIC's port.
func (c NIC) port() *program.Fragment {
	b := &builder{kind: KindNIC, owner: c.Number, vni: c.VNI}
	in := of.InPort.Uint(uint64(c.Port))
	tag := of.VLANVID.UintMask(0, vlanPresent)
	var untag, retag []of.Action
	if c.VLAN != 0 {
		vid := of.VLANVID.Uint(vlanPresent | uint64(c.VLAN))
		tag, untag = vid, []of.Action{of.PopVLAN{}}
		retag = []of.Action{of.PushVLAN{EthType: vlanEthertype}, set(vid)}
	}
	b.flow(TableClassify, 100, match(in, tag), TableNIC,
		append(untag, set(b.network()), set(regFrom.Uint(uint64(c.Number))))...)
	b.drop(TableClassify, 90, OtherVLAN, in)
	out, send := regOut.Uint(uint64(c.Number)), append(retag, of.Output{Port: c.Port})
	b.flow(TableDeliver, 120, match(out, regFrom.Uint(uint64(c.Number))), last, send...) // an answer
	b.drop(TableDeliver, 110, BetweenSegments, out, regSegment.Uint(uint64(c.VNI)))
	b.flow(TableDeliver, 100, match(out), last, send...)
	return b.fragment()
}

// guard is for hosts with a NIC: no machine behind it pretends to be the
// endpoint, and what the endpoint sends is not taken for a machine's.
func (e Endpoint) guard(n Network) *program.Fragment {
	b := &builder{kind: KindGuard, owner: e.Number, vni: e.VNI}
	b.drop(TableNIC, 210, SpoofedMAC, b.network(), of.EthSrc.MAC(e.MAC))
	b.flow(TableLearn, 150, match(b.network(), of.EthSrc.MAC(e.MAC)), n.fromTunnel(true))
	v4, v6 := e.addresses(n)
	for _, a := range append(v4, v6...) {
		b.guardNIC(206, SpoofedAddress, a)
	}
	return b.fragment()
}

// guardNIC lets no machine behind a NIC send from an address or answer for it.
func (b *builder) guardNIC(priority uint16, reason Reason, a netip.Addr) {
	b.drop(TableNIC, priority, reason, match(b.network(), from(a))...)
	if a.Is4() {
		b.drop(TableNIC, priority, reason, b.network(), arp(), of.ARPSPA.Addr(a))
		return
	}
	b.drop(TableNIC, priority-1, reason, match(b.network(), icmpv6(icmpNeighbourAdvert), of.NDTarget.Addr(a))...)
}
