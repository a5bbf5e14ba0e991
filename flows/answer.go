package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
)

// answer speaks for an address when somebody in the network asks for its MAC,
// on whatever host that is asked: no question leaves it.
func (b *builder) answer(a netip.Addr, mac [6]byte) {
	if a.Is4() {
		b.answerARP(a, mac)
	} else {
		b.answerND(a, mac)
	}
}

func (b *builder) answerARP(a netip.Addr, mac [6]byte) {
	b.flow(TableResponder, 100, match(b.network(), arp(), of.ARPOp.Uint(arpRequest), of.ARPTPA.Addr(a)), TableDeliver,
		append([]of.Action{
			move(of.EthSrc, of.EthDst), set(of.EthSrc.MAC(mac)),
			set(of.ARPOp.Uint(arpReply)),
			move(of.ARPSHA, of.ARPTHA), set(of.ARPSHA.MAC(mac)),
			move(of.ARPSPA, of.ARPTPA), set(of.ARPSPA.Addr(a)),
		}, backToSender()...)...)
}

func (b *builder) answerND(a netip.Addr, mac [6]byte) {
	target := match(b.network(), nd(icmpNeighbourSolicit), of.NDTarget.Addr(a))
	// Somebody else's duplicate address detection: it finds this address.
	b.flow(TableResponder, 105, match(target, of.IPv6Src.Addr(netip.IPv6Unspecified())), TableNDReply,
		set(of.EthDst.MAC(allNodesMAC)), set(of.EthSrc.MAC(mac)),
		set(of.IPv6Dst.Addr(allNodes)), set(of.IPv6Src.Addr(a)),
		set(of.ICMPv6Type.Uint(icmpNeighbourAdvert)))
	b.flow(TableResponder, 100, target, TableNDReply,
		move(of.EthSrc, of.EthDst), set(of.EthSrc.MAC(mac)),
		move(of.IPv6Src, of.IPv6Dst), set(of.IPv6Src.Addr(a)),
		set(of.ICMPv6Type.Uint(icmpNeighbourAdvert)))
}

// ndReply is the second half of an answer to a neighbour solicitation. Open
// vSwitch takes a change of the target link-layer option only in a table that
// sees the message as an advertisement already.
func ndReply(b *builder) {
	b.advertise(110, ndFlagOverride, icmpv6(icmpNeighbourAdvert))
}

// gatewayAdvert is ndReply for a gateway's addresses: its advertisements say
// that it is a router (RFC 4861 section 4.4).
func gatewayAdvert(b *builder) {
	b.advertise(130, ndFlagOverride|ndFlagRouter, match(icmpv6(icmpNeighbourAdvert), of.EthSrc.MAC(RouterMAC)))
}

func (b *builder) advertise(priority uint16, flags uint64, advert []of.FieldValue) {
	// To a solicitation from ::, the answer goes to all nodes and is not
	// "solicited" (RFC 4861 section 7.2.4). There is no option to turn into
	// the target's link-layer address either: such a solicitation has none.
	b.flow(TableNDReply, priority, match(advert, of.IPv6Dst.Addr(allNodes)), TableDeliver,
		append([]of.Action{set(of.NDReserved.Uint(flags))}, backToSender()...)...)
	b.flow(TableNDReply, priority-10, advert, TableDeliver,
		append([]of.Action{
			set(of.NDReserved.Uint(flags | ndFlagSolicited)),
			set(of.NDOptionsType.Uint(ndOptionTargetLL)),
			move(of.EthSrc, of.NDTLL),
		}, backToSender()...)...)
}

// backToSender makes deliver give a packet to the endpoint that it came from.
// A switch does not output to the port that a packet came in on, so that is
// forgotten.
func backToSender() []of.Action {
	return []of.Action{move(regFrom, regOut), forgetPort()}
}

func forgetPort() of.Action { return of.Load{Dst: of.InPort16.All(), Value: 0} }
