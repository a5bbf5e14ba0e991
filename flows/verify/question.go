package verify

import (
	"net/netip"

	"github.com/weft-sdn/weft/flows"
)

// A question is a sort of packet that one endpoint sends because of another,
// and that must arrive there or be answered.
type question struct {
	what string
	base cube   // what all such packets have in common
	none []cube // what they are not, besides impossible
	cut  uint8  // the table in which the sender does not matter any more
	// answer is whether the sender gets an answer, and not the target the packet.
	answer bool
	// anonymous is whether nothing after the cut is about who sent it.
	anonymous bool
	// across is what such a packet is on its way to another host, where that
	// is not what was sent.
	across *question

	// addresses are those from which an endpoint sends; a zero address means
	// any. targets are those of the other for which it does.
	addresses func(n flows.Network, e flows.Endpoint) []netip.Addr
	targets   func(n flows.Network, e flows.Endpoint) []netip.Addr
	sender    func(e flows.Endpoint, a netip.Addr) []literal
	target    func(e flows.Endpoint, a netip.Addr) []literal
	// reply is what an answer is, slot by slot: copied from the question, or
	// the target's.
	reply func(e flows.Endpoint, a netip.Addr) map[slot]value
}

func equals(x slot, w word) literal { return literal{x, w, ones(width[x])} }

func macWord(m [6]byte) word { return fromBytes(m[:]) }

var anyAddress = []netip.Addr{{}}

func v4(_ flows.Network, e flows.Endpoint) (out []netip.Addr) {
	for _, a := range e.Addresses {
		if a.Is4() {
			out = append(out, a)
		}
	}
	return out
}

// v4OrAny takes an endpoint of layer 2 only for one that may have any address.
func v4OrAny(n flows.Network, e flows.Endpoint) []netip.Addr {
	if len(e.Addresses) == 0 {
		return anyAddress
	}
	return v4(n, e)
}

func v6(n flows.Network, e flows.Endpoint) (out []netip.Addr) {
	for _, a := range e.Addresses {
		if a.Is6() {
			out = append(out, a)
		}
	}
	if n.IPv6 && len(out) > 0 {
		out = append(out, flows.LinkLocal(e.MAC))
	}
	return out
}

// plain is what the packets have in common: nothing impossible, and no tag.
func plain(ethType uint64, more ...literal) cube {
	c, _ := possible.with(equals(slotVLAN, word{}), equals(slotEthType, small(ethType)))
	c, _ = c.with(more...)
	return c
}

// noneND are the messages of neighbour discovery: they are not for other
// endpoints, or have questions of their own.
var noneND = func() (out []cube) {
	for typ := uint64(133); typ <= 137; typ++ {
		out = append(out, cube{equals(slotIPProto, small(58)), equals(slotICMPv6Type, small(typ))})
	}
	return out
}()

// whenSet is the literal for an address, none for any address.
func whenSet(x slot, a netip.Addr) []literal {
	if !a.IsValid() {
		return nil
	}
	return []literal{equals(x, addr(a))}
}

// toRouter and fromRouter are packets that are to be routed, and that were.
var (
	toRouter   = equals(slotEthDst, macWord(flows.RouterMAC))
	fromRouter = equals(slotEthSrc, macWord(flows.RouterMAC))
)

// bridged are the questions that endpoints of a network ask each other.
var bridged = []*question{
	{
		what: "an IPv4 packet", base: plain(0x0800), none: []cube{{toRouter}, {fromRouter}}, cut: flows.TableForward,
		addresses: v4OrAny,
		targets:   v4OrAny,
		sender: func(e flows.Endpoint, a netip.Addr) []literal {
			return append(whenSet(slotIPv4Src, a), equals(slotEthSrc, macWord(e.MAC)))
		},
		target: func(e flows.Endpoint, a netip.Addr) []literal {
			return append(whenSet(slotIPv4Dst, a), equals(slotEthDst, macWord(e.MAC)))
		},
	},
	{
		what: "an IPv6 packet", base: plain(0x86dd), none: append([]cube{{toRouter}, {fromRouter}}, noneND...), cut: flows.TableForward,
		addresses: v6,
		targets:   v6,
		sender: func(e flows.Endpoint, a netip.Addr) []literal {
			return []literal{equals(slotEthSrc, macWord(e.MAC)), equals(slotIPv6Src, addr(a))}
		},
		target: func(e flows.Endpoint, a netip.Addr) []literal {
			return []literal{equals(slotEthDst, macWord(e.MAC)), equals(slotIPv6Dst, addr(a))}
		},
	},
	{
		what: "the ARP question", base: plain(0x0806, equals(slotARPOp, small(1))),
		cut: flows.TableResponder, answer: true,
		addresses: v4,
		targets:   v4,
		sender: func(e flows.Endpoint, a netip.Addr) []literal {
			mac := macWord(e.MAC)
			return []literal{equals(slotEthSrc, mac), equals(slotARPSHA, mac), equals(slotARPSPA, addr(a))}
		},
		target: func(_ flows.Endpoint, a netip.Addr) []literal { return []literal{equals(slotARPTPA, addr(a))} },
		reply: func(e flows.Endpoint, a netip.Addr) map[slot]value {
			mac := number(macWord(e.MAC))
			return map[slot]value{
				slotEthDst: {from: slotEthSrc}, slotEthSrc: mac,
				slotARPOp: number(small(2)), slotARPSHA: mac, slotARPSPA: number(addr(a)),
				slotARPTHA: {from: slotARPSHA}, slotARPTPA: {from: slotARPSPA},
			}
		},
	},
	{
		// RFC 4861 section 4.3: code 0, hop limit 255, with the sender's MAC.
		what: "the neighbour solicitation", answer: true, cut: flows.TableResponder,
		base: plain(0x86dd, equals(slotIPProto, small(58)), equals(slotICMPv6Type, small(135)),
			equals(slotICMPv6Code, word{}), equals(slotIPTTL, small(255)), equals(slotIPFrag, word{})),
		none: []cube{
			{equals(slotIPv6Src, word{})},
			{{slotIPv6Src, word{hi: 0xff << 56}, word{hi: 0xff << 56}}},
		},
		addresses: v6,
		targets:   v6,
		sender: func(e flows.Endpoint, a netip.Addr) []literal {
			mac := macWord(e.MAC)
			return []literal{equals(slotEthSrc, mac), equals(slotNDSLL, mac), equals(slotIPv6Src, addr(a))}
		},
		target: func(_ flows.Endpoint, a netip.Addr) []literal { return []literal{equals(slotNDTarget, addr(a))} },
		reply: func(e flows.Endpoint, a netip.Addr) map[slot]value {
			mac := number(macWord(e.MAC))
			return map[slot]value{
				slotEthDst: {from: slotEthSrc}, slotEthSrc: mac,
				slotIPv6Dst: {from: slotIPv6Src}, slotIPv6Src: number(addr(a)),
				slotICMPv6Type: number(small(136)), slotNDTarget: {from: slotNDTarget}, slotNDTLL: mac,
			}
		},
	},
}

// answers tells whether a path is about to deliver the answer to who asked:
// what it holds is the answer, and it goes where the question came from.
func (q *question) answers(p *path, b flows.Endpoint, to netip.Addr) bool {
	if p.unsure != nil {
		return false
	}
	out, in := p.state.get(slotReg0), p.state.get(slotInPort)
	if out.kind != copied || out.from != slotReg0+3 || in.kind != constant || !in.word.zero() {
		return false
	}
	return q.isReply(&p.state, p.cube, b, to)
}

// arrived tells whether the answer came out at who asked.
func (q *question) arrived(p *path, a, b flows.Endpoint, to netip.Addr) bool {
	for o := p.outs; o != nil; o = o.next {
		if o.host.Number == a.Host && o.port == a.Port {
			return q.isReply(&o.state, p.cube, b, to)
		}
	}
	return false
}

// isReply compares a packet with the answer; the question is one of the cube.
func (q *question) isReply(s *state, c cube, b flows.Endpoint, to netip.Addr) bool {
	for x, want := range q.reply(b, to) {
		got := s.get(x)
		if got.kind == want.kind && got.from == want.from && got.word == want.word {
			continue
		}
		g, known := fixed(s, c, x)
		w := want.word
		if want.kind == copied {
			l, has := c.of(want.from)
			if !has || !l.exact() {
				return false
			}
			w = l.value
		}
		if !known || g != w {
			return false
		}
	}
	return true
}
