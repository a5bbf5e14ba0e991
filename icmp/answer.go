package icmp

import (
	"encoding/binary"
	"net/netip"
)

const (
	// A datagram of an error has no more bytes than these (RFC 1812 section
	// 4.3.2.3, RFC 4443 section 2.4), so that it gets through everywhere.
	most4 = 576
	most6 = 1280

	icmpLen = 8 // before what is quoted
	ttl     = 64

	// internetworkControl is the precedence of an error (RFC 1812 section
	// 4.3.2.5).
	internetworkControl = 0xc0

	flagDontFragment = 0x4000
)

// answer4 writes an ICMP error, with a number in the last 32 bits of its header.
func (p packet) answer4(kind, code byte, number uint32, from netip.Addr, mac [6]byte) []byte {
	quoted := p.ip[:min(len(p.ip), most4-ipv4Len-icmpLen)]
	b := p.ethernet(mac, etherTypeIPv4, ipv4Len+icmpLen+len(quoted))
	header := len(b)
	b = append(b, 0x45, internetworkControl)
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Len+icmpLen+len(quoted)))
	b = append(b, 0, 0) // never fragmented, so it needs no identification (RFC 6864)
	b = binary.BigEndian.AppendUint16(b, flagDontFragment)
	b = append(b, ttl, protocolICMP, 0, 0)
	b = append(b, from.AsSlice()...)
	b = append(b, p.src.AsSlice()...)
	setChecksum(b[header:], 10, 0)
	message := len(b)
	b = appendMessage(b, kind, code, number, quoted)
	setChecksum(b[message:], 2, 0)
	return b
}

// answer6 is answer4 for ICMPv6.
func (p packet) answer6(kind, code byte, number uint32, from netip.Addr, mac [6]byte) []byte {
	quoted := p.ip[:min(len(p.ip), most6-ipv6Len-icmpLen)]
	length := icmpLen + len(quoted)
	b := p.ethernet(mac, etherTypeIPv6, ipv6Len+length)
	b = append(b, 0x60, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(b, protocolICMPv6, ttl)
	src, dst := from.As16(), p.src.As16()
	b = append(append(b, src[:]...), dst[:]...)
	message := len(b)
	b = appendMessage(b, kind, code, number, quoted)
	// The pseudo header is in it (RFC 8200 section 8.1).
	pseudo := sum(src[:]) + sum(dst[:]) + uint32(length) + protocolICMPv6
	setChecksum(b[message:], 2, pseudo)
	return b
}

// ethernet begins a frame back to the sender that has room for a packet.
func (p packet) ethernet(mac [6]byte, etherType uint16, room int) []byte {
	b := make([]byte, 0, ethernetLen+room)
	b = append(append(b, p.mac...), mac[:]...)
	return binary.BigEndian.AppendUint16(b, etherType)
}

func appendMessage(b []byte, kind, code byte, number uint32, quoted []byte) []byte {
	b = append(b, kind, code, 0, 0)
	b = binary.BigEndian.AppendUint32(b, number)
	return append(b, quoted...)
}

// setChecksum writes the Internet checksum of b, and of what was summed up
// before, to an offset in b (RFC 1071).
func setChecksum(b []byte, at int, before uint32) {
	binary.BigEndian.PutUint16(b[at:], ^fold(before+sum(b)))
}

// sum adds up 16-bit words; no packet has enough of them to overflow it.
func sum(b []byte) uint32 {
	var s uint32
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}
