package flows

import (
	"net/netip"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

func (g *Gateway) equal(o *Gateway) bool {
	return g.likeButDrained(o) && (g == nil || slices.Equal(g.Hosts, o.Hosts))
}

// likeButDrained is equal, whichever of the gateway's hosts are being drained.
func (g *Gateway) likeButDrained(o *Gateway) bool {
	if g == nil || o == nil {
		return g == o
	}
	host := func(a, b Exit) bool { return a.Host == b.Host }
	return g.Mode == o.Mode && slices.Equal(g.Addresses, o.Addresses) && slices.Equal(g.Subnets, o.Subnets) &&
		slices.Equal(g.Peers, o.Peers) && g.Limit == o.Limit && g.Zone == o.Zone &&
		slices.EqualFunc(g.Hosts, o.Hosts, host) && g.HostAccess == o.HostAccess && g.Fallback == o.Fallback
}

// families are those of which the network has a subnet.
func (g *Gateway) families() []*family {
	var out []*family
	for _, f := range families {
		if slices.ContainsFunc(g.Subnets, func(p netip.Prefix) bool { return familyOf(p.Addr()) == f }) {
			out = append(out, f)
		}
	}
	return out
}

// leaves reports whether packets leave the network by a host's kernel.
func (n Network) leaves() bool { return n.Gateway != nil && n.Gateway.Mode.Leaves() }

// direct reports whether a kernel reaches the network's addresses as they are.
func (n Network) direct() bool {
	return n.leaves() && (n.Gateway.HostAccess || n.Gateway.Mode == Routed)
}

// lists reports whether a host is named as a way out of the network.
func (n Network) lists(host uint32) bool {
	return n.leaves() && slices.ContainsFunc(n.Gateway.Hosts, func(e Exit) bool { return e.Host == host })
}

// gateway is the router that the network's endpoints see: it has the same
// addresses and the same MAC on every host. The peers are the networks that it
// leads to.
func (n Network) gateway(peers []Network) *program.Fragment {
	b := &builder{kind: KindGateway, vni: n.VNI}
	b.flow(TableResponder, 10, match(b.network(), of.EthDst.MAC(RouterMAC)), TableRoute)
	addresses := slices.Clone(n.Gateway.Addresses)
	if n.IPv6 {
		addresses = append(addresses, LinkLocal(RouterMAC))
	}
	for _, a := range addresses {
		b.guard(a)
		b.answer(a, RouterMAC)
		b.echo(a)
	}
	for _, p := range n.Gateway.Subnets {
		b.routeTo(n.VNI, p)
	}
	for _, peer := range peers {
		for _, a := range peer.Gateway.Addresses {
			b.echo(a)
		}
		for _, p := range peer.Gateway.Subnets {
			b.routeTo(peer.VNI, p)
		}
	}
	return b.fragment()
}

// guard lets nobody but the gateway answer for its address. Most endpoints may
// speak for their own addresses only; this is for those without any.
func (b *builder) guard(a netip.Addr) {
	if a.Is4() {
		b.drop(TableSecurity, 120, GatewayAddress, match(b.network(), arp(), of.ARPSPA.Addr(a))...)
		return
	}
	b.drop(TableSecurity, 120, GatewayAddress, match(b.network(), icmpv6(icmpNeighbourAdvert), of.NDTarget.Addr(a))...)
}

// echo answers a ping to a gateway's address where it is sent.
func (b *builder) echo(a netip.Addr) {
	b.reply(200, b.toRouter(fromHere), a, TableDeliver, backToSender()...)
}

// echoToHost is echo for the host itself, which is no endpoint.
func (b *builder) echoToHost(a netip.Addr) {
	b.reply(210, match(b.toRouter(fromHere), regFrom.Uint(0)), a, TableNATDone)
}

// reply turns an echo request to an address into its reply.
func (b *builder) reply(priority uint16, who []of.FieldValue, a netip.Addr, next uint8, back ...of.Action) {
	f := familyOf(a)
	b.flow(TableRoute, priority, match(who, f.echo, f.dst.Addr(a)), next,
		append([]of.Action{
			move(of.EthSrc, of.EthDst), set(of.EthSrc.MAC(RouterMAC)),
			move(f.src, f.dst), set(f.src.Addr(a)),
			set(f.echoType.Uint(f.echoReply)), set(of.IPTTL.Uint(routerTTL)),
		}, back...)...)
}

// routeTo leads to a subnet of a network, on the sender's host: what comes
// through a tunnel was routed already.
func (b *builder) routeTo(vni uint32, subnet netip.Prefix) {
	b.flow(TableRoute, 124, match(b.toRouter(fromHere), toSubnet(subnet)), TableTTL)
	var enter []of.Action
	if vni != b.vni {
		enter = append(enter, set(of.Metadata.Uint(uint64(vni))))
	}
	b.flow(TableNextNetwork, 124, match(b.network(), toSubnet(subnet)), TableNeighbour, enter...)
}

// toRouter matches what somebody in the network addresses to the gateway.
func (b *builder) toRouter(origin uint64) []of.FieldValue {
	return match(b.network(), of.EthDst.MAC(RouterMAC), regOrigin.Uint(origin))
}

// neighbour is the endpoint's MAC address for what was routed to it.
func (e Endpoint) neighbour() *program.Fragment {
	b := &builder{kind: KindNeighbour, owner: e.Number, vni: e.VNI}
	for _, a := range e.Addresses {
		b.flow(TableNeighbour, 100, match(b.network(), to(a)), TableForward, set(of.EthDst.MAC(e.MAC)))
	}
	return b.fragment()
}
