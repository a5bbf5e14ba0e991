package icmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

const (
	ethernetLen = 14
	ipv4Len     = 20 // without options
	ipv6Len     = 40 // without extension headers

	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86dd
)

// Protocols, and the extension headers of IPv6 that have another behind them.
const (
	protocolHopByHop    = 0
	protocolICMP        = 1
	protocolRouting     = 43
	protocolFragment    = 44
	protocolAH          = 51
	protocolICMPv6      = 58
	protocolDestination = 60
)

// packet is a received packet that may be answered with an error.
type packet struct {
	v6           bool
	dontFragment bool
	mac          []byte // of the sender
	src          netip.Addr
	ip           []byte // the packet, as far as it was received
}

// network returns the MAC of a frame's sender and the packet in it, which has
// at least the fixed part of its header.
func network(frame []byte) (mac, ip []byte, err error) {
	if len(frame) < ethernetLen {
		return nil, nil, fmt.Errorf("%d bytes are no Ethernet frame", len(frame))
	}
	mac, ip = frame[6:12], frame[ethernetLen:]
	switch etherType := binary.BigEndian.Uint16(frame[12:]); {
	case etherType == etherTypeIPv4 && len(ip) >= ipv4Len && ip[0]>>4 == 4:
	case etherType == etherTypeIPv6 && len(ip) >= ipv6Len && ip[0]>>4 == 6:
	default:
		return nil, nil, fmt.Errorf("a frame of Ethernet type %#04x with %d bytes has no IP header", etherType, len(ip))
	}
	return mac, ip, nil
}

// addresses are those of a packet that has the fixed part of its header.
func addresses(ip []byte) (src, dst netip.Addr) {
	if ip[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
	}
	return netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
}

// parse reads a received frame, and refuses what must not be answered with an
// error from an address.
func parse(frame []byte, from netip.Addr) (packet, error) {
	mac, ip, err := network(frame)
	if err != nil {
		return packet{}, err
	}
	p := packet{v6: ip[0]>>4 == 6, mac: mac}
	var dst netip.Addr
	p.src, dst = addresses(ip)
	const group = 1 // bit of a MAC's first byte
	switch {
	case from.Is6() != p.v6:
		return packet{}, fmt.Errorf("%v cannot answer %v", from, p.src)
	case frame[0]&group != 0:
		return packet{}, errors.New("the frame was not for one receiver")
	case mac[0]&group != 0:
		return packet{}, errors.New("the frame is not from one sender")
	case dst.IsMulticast() || dst == broadcast:
		return packet{}, fmt.Errorf("the packet is for many: %v", dst)
	case !single(p.src):
		return packet{}, fmt.Errorf("the packet's source is no single sender: %v", p.src)
	case p.src == from:
		return packet{}, fmt.Errorf("the packet pretends to come from here: %v", p.src)
	}
	if p.v6 {
		err = p.parse6(ip)
	} else {
		err = p.parse4(ip)
	}
	return p, err
}

var (
	broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
	thisHost  = netip.MustParsePrefix("0.0.0.0/8") // RFC 1122 section 3.2.1.3
	classE    = netip.MustParsePrefix("240.0.0.0/4")
)

// single tells whether an address is one that a single machine sends from.
func single(a netip.Addr) bool {
	return !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && !thisHost.Contains(a) && !classE.Contains(a)
}

func (p *packet) parse4(ip []byte) error {
	header, total := int(ip[0]&0xf)*4, int(binary.BigEndian.Uint16(ip[2:]))
	if header < ipv4Len || total < header || len(ip) < header {
		return fmt.Errorf("%d bytes of a packet of %d with a header of %d are no IPv4 packet", len(ip), total, header)
	}
	if fold(sum(ip[:header])) != 0xffff {
		return errors.New("the checksum of the IPv4 header is wrong")
	}
	fragment := binary.BigEndian.Uint16(ip[6:])
	if fragment&0x1fff != 0 {
		return errors.New("the packet is not the first fragment")
	}
	p.dontFragment = fragment&0x4000 != 0
	p.ip = ip[:min(len(ip), total)] // behind it is Ethernet's padding
	if ip[9] == protocolICMP {
		return query4(p.ip[header:])
	}
	return nil
}

// query4 refuses ICMP messages that are errors, and those of which that is not
// known.
func query4(message []byte) error {
	if len(message) == 0 {
		return errors.New("the packet breaks off before its ICMP type")
	}
	switch message[0] {
	case 0, 8, 9, 10, 13, 14, 15, 16, 17, 18: // echo, router discovery, timestamp, information, mask
		return nil
	}
	return fmt.Errorf("the packet is an ICMP error itself: type %d", message[0])
}

func (p *packet) parse6(ip []byte) error {
	p.ip = ip[:min(len(ip), ipv6Len+int(binary.BigEndian.Uint16(ip[4:])))]
	next, rest := ip[6], p.ip[ipv6Len:]
	for {
		var length int
		switch next {
		case protocolHopByHop, protocolRouting, protocolDestination, protocolAH, protocolFragment:
			if len(rest) < 8 {
				return fmt.Errorf("the packet breaks off in its extension header %d", next)
			}
			length = (int(rest[1]) + 1) * 8
			if next == protocolAH {
				length = (int(rest[1]) + 2) * 4 // RFC 4302 section 2.2
			}
			if next == protocolFragment {
				length = 8
				if binary.BigEndian.Uint16(rest[2:])&^7 != 0 {
					return errors.New("the packet is not the first fragment")
				}
			}
		case protocolICMPv6:
			return query6(rest)
		default:
			return nil
		}
		if len(rest) < length {
			return fmt.Errorf("the packet breaks off in its extension header %d", next)
		}
		next, rest = rest[0], rest[length:]
	}
}

// query6 is query4 for ICMPv6, whose errors are the types below 128. A redirect
// counts as one (RFC 4443 section 2.4).
func query6(message []byte) error {
	const firstQuery, redirect = 128, 137
	if len(message) == 0 {
		return errors.New("the packet breaks off before its ICMPv6 type")
	}
	if t := message[0]; t < firstQuery || t == redirect {
		return fmt.Errorf("the packet is an ICMPv6 error itself: type %d", t)
	}
	return nil
}
