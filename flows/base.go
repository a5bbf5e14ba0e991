package flows

import (
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Base is the part of the program that every host has and that depends on
// nothing: what becomes of a packet that no other flow of a table takes.
func Base() *program.Fragment {
	b := &builder{kind: KindBase, owner: Version}
	b.drop(TableClassify, 0, UnknownPort)
	b.drop(TableSecurity, 0, UnknownPort)

	// An endpoint is no router, and does not redirect others.
	b.drop(TableSecurityND, 50, RogueRouter, icmpv6(icmpRouterAdvert)...)
	b.drop(TableSecurityND, 50, RogueRouter, icmpv6(icmpRedirect)...)
	b.drop(TableSecurityND, 50, SpoofedND, icmpv6(icmpNeighbourSolicit)...)
	b.drop(TableSecurityND, 50, SpoofedND, icmpv6(icmpNeighbourAdvert)...)
	b.flow(TableSecurityND, 0, nil, TableResponder)

	b.flow(TableResponder, 0, nil, TableForward)

	ndReply(b)
	b.drop(TableNDReply, 0, NotND)

	b.drop(TableForward, 150, LinkLocalProtocol, of.EthDst.MACMask(linkProtocol, linkProtocolMask))
	b.drop(TableForward, 0, UnknownMAC)

	b.drop(TablePath, 200, TunnelToTunnel, regOrigin.Uint(fromTunnel))
	b.drop(TablePath, 0, UnknownHost)

	b.drop(TableDeliver, 0, NoPort)
	return b.fragment()
}

// ndReply is the second half of an answer to a neighbour solicitation. Open
// vSwitch takes a change of the target link-layer option only in a table that
// sees the message as an advertisement already.
func ndReply(b *builder) {
	advert := icmpv6(icmpNeighbourAdvert)
	// To a solicitation from ::, the answer goes to all nodes and is not
	// "solicited" (RFC 4861 section 7.2.4). There is no option to turn into
	// the target's link-layer address either: such a solicitation has none.
	b.flow(TableNDReply, 110, match(advert, of.IPv6Dst.Addr(allNodes)), TableDeliver,
		append([]of.Action{set(of.NDReserved.Uint(ndFlagOverride))}, backToSender()...)...)
	b.flow(TableNDReply, 100, advert, TableDeliver,
		append([]of.Action{
			set(of.NDReserved.Uint(ndFlagSolicited | ndFlagOverride)),
			set(of.NDOptionsType.Uint(ndOptionTargetLL)),
			move(of.EthSrc, of.NDTLL),
		}, backToSender()...)...)
}

// backToSender makes deliver give a packet to the endpoint that it came from.
// A switch does not output to the port that a packet came in on, so that is
// forgotten.
func backToSender() []of.Action {
	return []of.Action{move(regFrom, regOut), of.Load{Dst: of.InPort16.All(), Value: 0}}
}

// Tunnel is what depends on the number of this host's VXLAN port.
func Tunnel(port uint32) *program.Fragment {
	b := &builder{kind: KindTunnel}
	b.drop(TableClassify, 50, NotAMember, of.InPort.Uint(uint64(port)))
	b.flow(TableDeliver, 100, match(regOut.Uint(outVXLAN)), last, of.Output{Port: port})
	return b.fragment()
}
