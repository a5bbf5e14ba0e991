package verify

import (
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// gateway is the gateway of a network, as if it were an endpoint.
func (r *reach) gateway(n flows.Network) flows.Endpoint {
	return flows.Endpoint{VNI: n.VNI, MAC: flows.RouterMAC, Addresses: n.Gateway.Addresses}
}

// A family is a version of IP in the slots that it has.
type family struct {
	v4             bool
	ethType        uint64
	src, dst       slot
	bits           int
	icmp           uint64 // protocol
	typ, code      slot
	request, reply uint64 // echo
	none           []cube
	addresses      func(n flows.Network, e flows.Endpoint) []netip.Addr
}

var families = []*family{
	{v4: true, ethType: 0x0800, src: slotIPv4Src, dst: slotIPv4Dst, bits: 32,
		icmp: 1, typ: slotICMPv4Type, code: slotICMPv4Code, request: 8, reply: 0, addresses: v4},
	{ethType: 0x86dd, src: slotIPv6Src, dst: slotIPv6Dst, bits: 128,
		icmp: 58, typ: slotICMPv6Type, code: slotICMPv6Code, request: 128, reply: 129, none: noneND, addresses: v6},
}

func (f *family) of(a netip.Addr) bool { return a.Is4() == f.v4 }

// within is the literal for the addresses of a subnet.
func (f *family) within(x slot, p netip.Prefix) literal {
	mask := ones(f.bits).andNot(ones(f.bits - p.Bits()))
	return literal{x, addr(p.Masked().Addr()), mask}
}

// global are an endpoint's addresses, less that which is of its link only: a
// router does not pass that on (RFC 4291 section 2.5.6).
func (f *family) global(_ flows.Network, e flows.Endpoint) (out []netip.Addr) {
	for _, a := range e.Addresses {
		if f.of(a) {
			out = append(out, a)
		}
	}
	return out
}

func (f *family) sender(e flows.Endpoint, a netip.Addr) []literal {
	return []literal{equals(slotEthSrc, macWord(e.MAC)), equals(f.src, addr(a))}
}

// expired are packets that no router passes on.
func expired() []cube { return []cube{{equals(slotIPTTL, small(0))}, {equals(slotIPTTL, small(1))}} }

// peers are the networks that the network's router leads to.
func (r *reach) peers() (out []flows.Network) {
	for _, vni := range r.network.Gateway.Peers {
		if n := r.networks[vni]; n != nil && n.Gateway != nil && vni != r.network.VNI {
			out = append(out, n.Network)
		}
	}
	return out
}

// routes examines what the network's gateway does itself: it answers pings, and
// leads to other networks.
func (r *reach) routes() {
	gateways := []flows.Endpoint{r.gateway(r.network)}
	for _, n := range r.peers() {
		gateways = append(gateways, r.gateway(n))
		others := r.known(n)
		for _, p := range n.Gateway.Subnets {
			r.ask(r.route(n, p), others)
		}
		r.pairs += r.between(others)
	}
	for _, f := range families {
		r.ask(f.ping(), gateways)
	}
}

// known are the endpoints of a network that can be found.
func (r *reach) known(n flows.Network) []flows.Endpoint {
	return slices.DeleteFunc(slices.Clone(r.endpoints[n.VNI]), func(e flows.Endpoint) bool { return e.MAC == [6]byte{} })
}

// route is a packet to a subnet of another network.
func (r *reach) route(n flows.Network, p netip.Prefix) *question {
	f := families[1]
	if p.Addr().Is4() {
		f = families[0]
	}
	target := func(e flows.Endpoint, a netip.Addr) []literal { return []literal{equals(f.dst, addr(a))} }
	q := &question{
		what: "a routed packet", cut: flows.TableNextNetwork,
		base: plain(f.ethType, toRouter, f.within(f.dst, p)), none: append(expired(), f.none...),
		addresses: f.global, sender: f.sender, target: target,
		targets: func(_ flows.Network, e flows.Endpoint) (out []netip.Addr) {
			for _, a := range e.Addresses {
				if p.Contains(a) {
					out = append(out, a)
				}
			}
			return out
		},
	}
	for _, a := range n.Gateway.Addresses {
		if p.Contains(a) {
			q.none = append(q.none, cube{equals(f.dst, addr(a))})
		}
	}
	q.across = &question{
		what: q.what, cut: flows.TableForward, base: plain(f.ethType, fromRouter, f.within(f.dst, p)),
		none: append([]cube{{toRouter}}, f.none...),
		target: func(e flows.Endpoint, a netip.Addr) []literal {
			return append(target(e, a), equals(slotEthDst, macWord(e.MAC)))
		},
	}
	return q
}

// ping is an echo request to a gateway's address. Of a fragment it cannot be
// told.
func (f *family) ping() *question {
	return &question{
		what: "a ping", answer: true, cut: flows.TableResponder,
		base: plain(f.ethType, toRouter, equals(slotIPProto, small(f.icmp)), equals(f.typ, small(f.request)),
			equals(f.code, word{}), equals(slotIPFrag, word{})),
		addresses: f.addresses, sender: f.sender, targets: f.global,
		target: func(_ flows.Endpoint, a netip.Addr) []literal { return []literal{equals(f.dst, addr(a))} },
		reply: func(_ flows.Endpoint, a netip.Addr) map[slot]value {
			return map[slot]value{
				slotEthDst: {from: slotEthSrc}, slotEthSrc: number(macWord(flows.RouterMAC)),
				f.dst: {from: f.src}, f.src: number(addr(a)), f.typ: number(small(f.reply)),
			}
		},
	}
}
