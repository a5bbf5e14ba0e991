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
