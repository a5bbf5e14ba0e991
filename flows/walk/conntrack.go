package walk

import (
	"fmt"
	"net/netip"
	"strings"

	of "github.com/weft-sdn/weft/openflow"
)

// CTState is what a connection tracker says of a packet: the bits of ct_state
// (ovs-fields(7)).
type CTState uint8

// The bits of ct_state.
const (
	CTNew CTState = 1 << iota
	CTEstablished
	CTRelated
	CTReply
	CTInvalid
	CTTracked
	CTSourceNAT
	CTDestinationNAT
)

func (s CTState) String() string {
	var names []string
	for i, name := range []string{"new", "established", "related", "in reply", "invalid", "tracked", "source translated", "destination translated"} {
		if bit := CTState(1) << i; s&bit != 0 && bit != CTTracked {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// connections is what a switch remembers of connections, by zone.
type connections map[uint16]*zone

// zone has every connection twice: by the packets of who began it and by those
// of who replies.
type zone struct{ packets map[tuple]direction }

// direction is one of the two of a connection.
type direction struct {
	*connection
	reply bool
}

// connection is one that was committed. Without translation, back is the
// reverse of forth.
type connection struct {
	forth, back tuple
	replied     bool
	mark, label bits
}

// tuple is what tells connections apart. ICMP ids are not among a packet's
// fields: two pings between the same addresses are one connection here.
type tuple struct {
	src, dst netip.Addr
	proto    uint8
	from, to uint16 // ports
	icmp     uint8  // type
}

// Types of ICMP that begin a connection, with their answers (RFC 792, RFC
// 4443), and those that speak of another packet.
var (
	icmpAnswer = map[uint8]map[uint8]uint8{
		protoICMP:   {8: 0, 13: 14, 15: 16},
		protoICMPv6: {128: 129},
	}
	icmpError = map[uint8][]uint8{
		protoICMP:   {3, 4, 5, 11, 12},
		protoICMPv6: {1, 2, 3, 4},
	}
)

func (t tuple) reverse() tuple {
	t.src, t.dst, t.from, t.to = t.dst, t.src, t.to, t.from
	for question, answer := range icmpAnswer[t.proto] {
		switch t.icmp {
		case question:
			t.icmp = answer
			return t
		case answer:
			t.icmp = question
			return t
		}
	}
	return t
}

// tuple is what a connection tracker sees of the packet.
func (p *Packet) tuple() (t tuple) {
	t.src, t.dst, t.proto = p.Addr(of.IPv4Src), p.Addr(of.IPv4Dst), uint8(p.Uint(of.IPProto))
	if p.meets(isIPv6) {
		t.src, t.dst = p.Addr(of.IPv6Src), p.Addr(of.IPv6Dst)
	}
	switch t.proto {
	case protoTCP, protoUDP, protoSCTP:
		t.from, t.to = uint16(p.load(of.TCPSrc, slots[of.TCPSrc]).lo), uint16(p.load(of.TCPDst, slots[of.TCPDst]).lo)
	case protoICMP, protoICMPv6:
		t.icmp = p.b[atICMPType]
	}
	return t
}

// become gives the packet the addresses and ports of a tuple.
func (p *Packet) become(t tuple) {
	if t.src.Is4() {
		p.set(of.IPv4Src.Addr(t.src), of.IPv4Dst.Addr(t.dst))
	} else {
		p.set(of.IPv6Src.Addr(t.src), of.IPv6Dst.Addr(t.dst))
	}
	switch t.proto {
	case protoTCP, protoUDP, protoSCTP:
		p.set(of.TCPSrc.Uint(uint64(t.from)), of.TCPDst.Uint(uint64(t.to)))
	}
}

// begins is whether the packet can be the first of a connection. What was under
// way before the tracker looked can, an answer cannot.
func (p *Packet) begins() bool {
	const syn, ack = 1 << 1, 1 << 4
	switch t := p.tuple(); t.proto {
	case protoTCP:
		return p.Uint(of.TCPFlags)&(syn|ack) != syn|ack
	case protoICMP, protoICMPv6:
		_, question := icmpAnswer[t.proto][t.icmp]
		return question
	}
	return true
}

// find is the connection that a packet is of, and its direction.
func (c connections) find(number uint16, t tuple) (direction, bool) {
	z := c[number]
	if z == nil {
		return direction{}, false
	}
	d, known := z.packets[t]
	return d, known
}

// commit remembers a connection.
func (c connections) commit(number uint16, forth, back tuple) (*connection, error) {
	z := c[number]
	if z == nil {
		z = &zone{map[tuple]direction{}}
		c[number] = z
	}
	if _, taken := z.packets[back]; taken {
		return nil, fmt.Errorf("another connection in zone %d has the answers of %v already", number, back.src)
	}
	conn := &connection{forth: forth, back: back}
	z.packets[forth], z.packets[back] = direction{conn, false}, direction{conn, true}
	return conn, nil
}

// translate is the tuple of the answers to a packet that nat translates. Which
// of several addresses or ports it takes is the datapath's choice.
func translate(t tuple, nat of.NAT) (back tuple, err error) {
	if nat.Max.IsValid() && nat.Max != nat.Min {
		return back, fmt.Errorf("which address of a range it becomes is the datapath's choice")
	}
	address, port := &t.src, &t.from
	if nat.Flags&of.NATDst != 0 {
		address, port = &t.dst, &t.to
	}
	if nat.Min.IsValid() {
		if nat.Min.Is4() != address.Is4() {
			return back, fmt.Errorf("%v cannot become %v, of the other family", *address, nat.Min)
		}
		*address = nat.Min
	}
	switch last := max(nat.PortMin, nat.PortMax); {
	case nat.PortMin == 0 || *port >= nat.PortMin && *port <= last:
	case nat.PortMin == last:
		*port = nat.PortMin
	default:
		return back, fmt.Errorf("which port of a range it becomes is the datapath's choice")
	}
	return t.reverse(), nil
}
