package walk

import (
	"encoding/binary"
	"net/netip"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
)

// Packet is a packet as a switch sees it: the fields of its frame, and what
// the switch notes about it (ports, registers, the tunnel it came through).
// Its fields are those of package openflow. The zero Packet is an empty frame.
type Packet struct {
	b [packetLen]byte
	// lladdr is set where a neighbour discovery message has an option that
	// holds a link-layer address. A switch can change the option, not add it.
	lladdr bool
	size   int // bytes of the frame; 0: few
}

// Size says how long the frame is, in bytes with the Ethernet header: what does
// not say so is smaller than any limit.
func (p Packet) Size(bytes int) Packet {
	p.size = bytes
	return p
}

var (
	atInPort   = slots[of.InPort].at
	atEthType  = slots[of.EthType].at
	atVLAN     = slots[of.VLANTCI].at
	atFrag     = slots[of.IPFrag].at
	atProto    = slots[of.IPProto].at
	atICMPType = slots[of.ICMPv6Type].at
	atICMPCode = slots[of.ICMPv6Code].at
)

func (p *Packet) ethType() uint16       { return binary.BigEndian.Uint16(p.b[atEthType:]) }
func (p *Packet) inPort() uint32        { return binary.BigEndian.Uint32(p.b[atInPort:]) }
func (p *Packet) setInPort(port uint32) { binary.BigEndian.PutUint32(p.b[atInPort:], port) }

// Bits of nw_frag.
const (
	fragAny   = 1 << 0
	fragLater = 1 << 1
)

func (p *Packet) isFragment() bool      { return p.b[atFrag]&fragAny != 0 }
func (p *Packet) isLaterFragment() bool { return p.b[atFrag]&fragLater != 0 }

// load is the value of a field, with zeros where the packet does not have it.
func (p *Packet) load(f *of.Field, s slot) bits {
	n := bitsOf(p.b[s.at : s.at+s.size]).right(s.shift).and(s.full)
	if f == of.InPort16 {
		n.lo &= 0xffff
	}
	return n
}

func (p *Packet) store(f *of.Field, s slot, n bits) {
	if f == of.InPort16 {
		n.lo = uint64(port32(uint16(n.lo)))
	}
	whole := p.b[s.at : s.at+s.size]
	bitsOf(whole).andNot(s.full.left(s.shift)).or(n.and(s.full).left(s.shift)).put(whole)
}

// port32 widens a port number: the reserved ports are at the end of either range.
func port32(port uint16) uint32 {
	if port >= of.PortMax&0xffff {
		return 0xffff0000 | uint32(port)
	}
	return uint32(port)
}

// set puts a value into a frame that is being made.
func (p *Packet) set(values ...of.FieldValue) {
	for _, v := range values {
		p.store(v.Field, slots[v.Field], bitsOf(v.Value))
	}
}

// Value is a field of the packet, in network order, and whether the packet has
// such a field.
func (p *Packet) Value(f *of.Field) (value []byte, has bool) {
	f = f.Canonical()
	s, known := slots[f]
	if !known || !p.meets(s.needs) {
		return nil, false
	}
	value = make([]byte, (f.Bits+7)/8)
	p.load(f, s).put(value)
	return value, true
}

// Uint is the number in a field of up to 64 bits, 0 where the packet does not
// have it.
func (p *Packet) Uint(f *of.Field) uint64 {
	value, _ := p.Value(f)
	return bitsOf(value).lo
}

// MAC is the Ethernet address in a field.
func (p *Packet) MAC(f *of.Field) (mac [6]byte) {
	value, _ := p.Value(f)
	copy(mac[:], value)
	return mac
}

// Addr is the address in a field, invalid where the packet does not have it.
func (p *Packet) Addr(f *of.Field) netip.Addr {
	value, _ := p.Value(f)
	a, _ := netip.AddrFromSlice(value)
	return a
}

// shown are the fields in which packets are shown to people. Those that need
// another stand after it.
var shown = slices.Concat([]*of.Field{
	of.InPort, of.EthSrc, of.EthDst, of.EthType, of.VLANTCI,
	of.IPv4Src, of.IPv4Dst, of.IPv6Src, of.IPv6Dst, of.IPFrag, of.IPDSCP, of.IPECN, of.IPTTL, of.IPProto,
	of.TCPSrc, of.TCPDst, of.UDPSrc, of.UDPDst, of.SCTPSrc, of.SCTPDst,
	of.ICMPv4Type, of.ICMPv4Code, of.ICMPv6Type, of.ICMPv6Code,
	of.NDTarget, of.NDSLL, of.NDTLL,
	of.ARPOp, of.ARPSPA, of.ARPTPA, of.ARPSHA, of.ARPTHA,
	of.TunID, of.TunSrc, of.TunDst, of.TunIPv6Src, of.TunIPv6Dst, of.CTState, of.CTZone, of.CTMark, of.Metadata,
}, of.Reg[:])

// quiet are the fields of which zero means that there is nothing to show.
var quiet = func() map[*of.Field]bool {
	m := map[*of.Field]bool{
		of.InPort: true, of.VLANTCI: true, of.IPFrag: true, of.IPDSCP: true, of.IPECN: true,
		of.TunID: true, of.TunSrc: true, of.TunDst: true, of.TunIPv6Src: true, of.TunIPv6Dst: true, of.Metadata: true,
		of.CTState: true, of.CTZone: true, of.CTMark: true,
	}
	for _, f := range of.Reg {
		m[f] = true
	}
	return m
}()

// Fields is the packet as the match that only it meets, leaving out what is
// zero and says nothing.
func (p *Packet) Fields() of.Match {
	var fields []of.FieldValue
	for _, f := range shown {
		value, has := p.Value(f)
		if has && (bitsOf(value) != bits{} || !quiet[f]) {
			fields = append(fields, of.FieldValue{Field: f, Value: value})
		}
	}
	return of.NewMatch(fields...)
}

// String is the packet in the syntax of ovs-ofctl and ofproto/trace.
func (p *Packet) String() string { return p.Fields().String() }

// parsed is the packet as a switch takes it in: it knows nothing of the
// transport of a later fragment, and there are fields that only some types of
// ICMPv6 have.
func (p Packet) parsed() Packet {
	if p.isLaterFragment() {
		p.clear(of.TCPSrc, of.TCPDst, of.TCPFlags, of.ICMPv6Type, of.ICMPv6Code)
	}
	if !p.meets(isND) {
		p.clear(of.NDTarget, of.NDReserved, of.NDOptionsType, of.NDSLL, of.NDTLL)
		p.lladdr = false
	}
	return p
}

// sent is the packet as it goes over the wire: nothing but the frame.
func (p Packet) sent() Packet {
	clear(p.b[:frameAt])
	option := p.b[slots[of.NDOptionsType].at]
	if !p.lladdr || option != ndOptionSource {
		p.clear(of.NDSLL)
	}
	if !p.lladdr || option != ndOptionTarget {
		p.clear(of.NDTLL)
	}
	if !p.lladdr {
		p.clear(of.NDOptionsType)
	}
	return p
}

func (p *Packet) clear(fields ...*of.Field) {
	for _, f := range fields {
		s := slots[f]
		clear(p.b[s.at : s.at+s.size])
	}
}
