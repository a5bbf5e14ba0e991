package walk

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
)

// Options of neighbour discovery that hold a link-layer address (RFC 4861
// section 4.6.1).
const (
	ndOptionSource = 1
	ndOptionTarget = 2
)

// Operations of ARP (RFC 826).
const (
	ARPRequest = 1
	ARPReply   = 2
)

var (
	// Broadcast is the address of everybody in a network.
	Broadcast = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	noMAC     [6]byte
)

// Frame begins a packet. The methods that follow put things into it, from the
// outside in, and each returns the packet:
//
//	walk.Frame(a, b).IP(from, to).TCP(40000, 80)
func Frame(src, dst [6]byte) Packet {
	var p Packet
	p.set(of.EthSrc.MAC(src), of.EthDst.MAC(dst))
	return p
}

// EtherType says what the frame holds, where that is nothing the walker looks
// into.
func (p Packet) EtherType(t uint16) Packet {
	p.set(of.EthType.Uint(uint64(t)))
	return p
}

// VLAN tags the frame.
func (p Packet) VLAN(vid uint16) Packet {
	p.set(of.VLANTCI.Uint(0x1000 | uint64(vid&0xfff)))
	return p
}

// ARP puts an ARP message into the frame. A switch sees no operation above
// 255.
func (p Packet) ARP(op uint16, sha [6]byte, spa netip.Addr, tha [6]byte, tpa netip.Addr) Packet {
	if op > 0xff {
		op = 0
	}
	p.set(of.EthType.Uint(ethARP), of.ARPSHA.MAC(sha), of.ARPSPA.Addr(spa), of.ARPTHA.MAC(tha), of.ARPTPA.Addr(tpa))
	p.store(of.ARPOp, slots[of.ARPOp], bits{0, uint64(op)})
	return p
}

// IP puts an IPv4 or an IPv6 packet into the frame, with a TTL or hop limit of
// 64.
func (p Packet) IP(src, dst netip.Addr) Packet {
	if src.Is4() {
		p.set(of.EthType.Uint(ethIPv4), of.IPv4Src.Addr(src), of.IPv4Dst.Addr(dst))
	} else {
		p.set(of.EthType.Uint(ethIPv6), of.IPv6Src.Addr(src), of.IPv6Dst.Addr(dst))
	}
	return p.HopLimit(64)
}

// HopLimit sets the hop limit, which IPv4 calls TTL.
func (p Packet) HopLimit(n uint8) Packet {
	p.set(of.IPTTL.Uint(uint64(n)))
	return p
}

// Protocol says what is in the IP packet, where that is nothing the walker
// looks into.
func (p Packet) Protocol(n uint8) Packet {
	p.set(of.IPProto.Uint(uint64(n)))
	return p
}

// TCP puts a SYN into the IP packet.
func (p Packet) TCP(src, dst uint16) Packet {
	const syn = 2
	p = p.Protocol(protoTCP)
	p.set(of.TCPSrc.Uint(uint64(src)), of.TCPDst.Uint(uint64(dst)), of.TCPFlags.Uint(syn))
	return p
}

// UDP puts a datagram into the IP packet.
func (p Packet) UDP(src, dst uint16) Packet {
	p = p.Protocol(protoUDP)
	p.set(of.UDPSrc.Uint(uint64(src)), of.UDPDst.Uint(uint64(dst)))
	return p
}

// ICMP puts a message of ICMP, or of ICMPv6 where the packet is one of IPv6,
// into the IP packet.
func (p Packet) ICMP(typ, code uint8) Packet {
	n := uint8(protoICMP)
	if p.ethType() == ethIPv6 {
		n = protoICMPv6
	}
	p = p.Protocol(n)
	p.set(of.ICMPv6Type.Uint(uint64(typ)), of.ICMPv6Code.Uint(uint64(code)))
	return p
}

// Echo puts an echo request into the IP packet.
func (p Packet) Echo() Packet {
	if p.ethType() == ethIPv6 {
		return p.ICMP(128, 0)
	}
	return p.ICMP(8, 0)
}

// Answer is what comes back for a TCP SYN, a datagram or an echo request, from
// who got it.
func (p Packet) Answer() Packet {
	const synACK = 0x12
	t := p.tuple().reverse()
	a := Frame(p.MAC(of.EthDst), p.MAC(of.EthSrc)).IP(t.src, t.dst)
	switch t.proto {
	case protoTCP:
		a = a.TCP(t.from, t.to)
		a.set(of.TCPFlags.Uint(synACK))
	case protoUDP:
		a = a.UDP(t.from, t.to)
	case protoICMP, protoICMPv6:
		a = a.ICMP(t.icmp, 0)
	default:
		a = a.Protocol(t.proto)
	}
	return a
}

// Solicit puts a neighbour solicitation into the IPv6 packet, with a source
// link-layer address option unless sll is zero.
func (p Packet) Solicit(target netip.Addr, sll [6]byte) Packet {
	p = p.HopLimit(255).ICMP(ndSolicit, 0)
	p.set(of.NDTarget.Addr(target))
	if sll != noMAC {
		p.lladdr = true
		p.set(of.NDOptionsType.Uint(ndOptionSource), of.NDSLL.MAC(sll))
	}
	return p
}

// Advertise puts a neighbour advertisement into the IPv6 packet, with a target
// link-layer address option unless tll is zero.
func (p Packet) Advertise(target netip.Addr, tll [6]byte) Packet {
	p = p.HopLimit(255).ICMP(ndAdvert, 0)
	p.set(of.NDTarget.Addr(target))
	if tll != noMAC {
		p.lladdr = true
		p.set(of.NDOptionsType.Uint(ndOptionTarget), of.NDTLL.MAC(tll))
	}
	return p
}

// FirstFragment makes the IP packet the first fragment of a larger one.
func (p Packet) FirstFragment() Packet {
	p.set(of.IPFrag.Uint(fragAny))
	return p
}

// LaterFragment makes the IP packet a fragment in which there is nothing of
// the transport's header.
func (p Packet) LaterFragment() Packet {
	p.set(of.IPFrag.Uint(fragAny | fragLater))
	return p.parsed()
}

// Who asks for an address of IPv6 asks a group that its last 24 bits choose
// (RFC 4291 section 2.7.1).
func solicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 11: 0x01, 12: 0xff, 13: b[13], 14: b[14], 15: b[15]})
}

// GroupMAC is the Ethernet address of a multicast group (RFC 1112 section 6.4,
// RFC 2464 section 7).
func GroupMAC(a netip.Addr) [6]byte {
	if a.Is4() {
		b := a.As4()
		return [6]byte{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
	}
	b := a.As16()
	return [6]byte{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

// Question is what a node sends that wants to know who has an address: an ARP
// request or a neighbour solicitation. An unspecified source makes it the
// probe for a duplicate (RFC 5227, RFC 4862 section 5.4.2).
func Question(mac [6]byte, src, target netip.Addr) Packet {
	if target.Is4() {
		return Frame(mac, Broadcast).ARP(ARPRequest, mac, src, noMAC, target)
	}
	group := solicitedNode(target)
	p := Frame(mac, GroupMAC(group)).IP(src, group)
	if src.IsUnspecified() {
		return p.Solicit(target, noMAC)
	}
	return p.Solicit(target, mac)
}

// Through makes the packet one that came through a tunnel.
func (p Packet) Through(vni uint32, src, dst netip.Addr) Packet {
	source, destination := of.TunSrc, of.TunDst
	if src.Is6() {
		source, destination = of.TunIPv6Src, of.TunIPv6Dst
	}
	p.set(of.TunID.Uint(uint64(vni)), source.Addr(src), destination.Addr(dst))
	return p
}
