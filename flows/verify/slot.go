package verify

import (
	of "github.com/weft-sdn/weft/openflow"
)

// A slot is a part of a packet, or of what a switch knows about it, that flows
// match and change. Most are fields of OpenFlow; some fields share a slot
// (vlan_vid and vlan_pcp, a register and its half of an xreg).
type slot uint8

// The slots. Those before firstHeader are set by the switch and the pipeline,
// the others are what the sender chooses.
const (
	slotInPort slot = iota
	slotTunID
	slotTunFlags
	slotTunSrc
	slotTunDst
	slotTunIPv6Src
	slotTunIPv6Dst
	slotMetadata
	slotCTState
	slotCTZone
	slotCTMark
	slotCTLabel
	slotReg0
	slotEthSrc = slotReg0 + 16 + iota - 13
	slotEthDst
	slotEthType
	slotVLAN
	slotIPv4Src
	slotIPv4Dst
	slotIPv6Src
	slotIPv6Dst
	slotIPFrag
	slotIPTOS
	slotIPTTL
	slotIPv6Label
	slotIPProto
	slotTCPSrc
	slotTCPDst
	slotTCPFlags
	slotUDPSrc
	slotUDPDst
	slotSCTPSrc
	slotSCTPDst
	slotICMPv4Type
	slotICMPv4Code
	slotICMPv6Type
	slotICMPv6Code
	slotNDReserved
	slotNDTarget
	slotNDOptionsType
	slotNDSLL
	slotNDTLL
	slotARPOp
	slotARPSPA
	slotARPTPA
	slotARPSHA
	slotARPTHA
	slotPktMark
	slots

	firstHeader = slotEthSrc
)

// set is a set of slots.
type set uint64

func setOf(list ...slot) (s set) {
	for _, x := range list {
		s |= 1 << x
	}
	return s
}

func (s set) has(x slot) bool { return s>>x&1 != 0 }

// pipeline are the slots that a sender does not choose.
const pipeline = set(1)<<firstHeader - 1

// A span is some bits of a slot.
type span struct {
	slot slot
	lo   int
	bits int
}

func (s span) whole() bool { return s.lo == 0 && s.bits == width[s.slot] }

// A model says where the fields of OpenFlow are in the slots.
type model struct {
	width [slots]int
	shown [slots]*of.Field
	spans map[string][]span
}

var fields = layout()

var (
	// width is how many bits a slot has.
	width = fields.width
	// shown is the field as which a slot of a packet is shown.
	shown = fields.shown
	// spans says where a field's bits are, the lowest ones first. What is not
	// in it is outside the model.
	spans = fields.spans
)

func layout() (l model) {
	m := map[string][]span{}
	l.spans = m
	field := func(f *of.Field, s slot, bits int) {
		l.width[s], l.shown[s] = bits, f
		m[f.Name] = []span{{s, 0, bits}}
	}
	// The port numbers of Open vSwitch have 16 bits; the upper half of what
	// OpenFlow shows of them says nothing.
	field(of.InPort, slotInPort, 16)
	m[of.InPort16.Name] = m[of.InPort.Name]
	field(of.TunID, slotTunID, 64)
	field(of.TunFlags, slotTunFlags, 16)
	field(of.TunSrc, slotTunSrc, 32)
	field(of.TunDst, slotTunDst, 32)
	field(of.TunIPv6Src, slotTunIPv6Src, 128)
	field(of.TunIPv6Dst, slotTunIPv6Dst, 128)
	field(of.Metadata, slotMetadata, 64)
	field(of.CTState, slotCTState, 32)
	field(of.CTZone, slotCTZone, 16)
	field(of.CTMark, slotCTMark, 32)
	field(of.CTLabel, slotCTLabel, 128)
	for i, r := range of.Reg {
		field(r, slotReg0+slot(i), 32)
	}
	for i, r := range of.XReg {
		s := slotReg0 + slot(2*i)
		m[r.Name] = []span{{s + 1, 0, 32}, {s, 0, 32}}
	}
	for i, r := range of.XXReg {
		s := slotReg0 + slot(4*i)
		m[r.Name] = []span{{s + 3, 0, 32}, {s + 2, 0, 32}, {s + 1, 0, 32}, {s, 0, 32}}
	}
	field(of.EthSrc, slotEthSrc, 48)
	field(of.EthDst, slotEthDst, 48)
	field(of.EthType, slotEthType, 16)
	field(of.VLANTCI, slotVLAN, 16)
	m[of.VLANVID.Name] = []span{{slotVLAN, 0, 13}} // with the bit that says that there is a tag
	m[of.VLANPCP.Name] = []span{{slotVLAN, 13, 3}}
	field(of.IPv4Src, slotIPv4Src, 32)
	field(of.IPv4Dst, slotIPv4Dst, 32)
	field(of.IPv6Src, slotIPv6Src, 128)
	field(of.IPv6Dst, slotIPv6Dst, 128)
	field(of.IPFrag, slotIPFrag, 8)
	field(of.IPTOS, slotIPTOS, 8)
	m[of.IPDSCP.Name] = []span{{slotIPTOS, 2, 6}}
	m[of.IPECN.Name] = []span{{slotIPTOS, 0, 2}}
	field(of.IPTTL, slotIPTTL, 8)
	field(of.IPv6Label, slotIPv6Label, 32)
	field(of.IPProto, slotIPProto, 8)
	field(of.TCPSrc, slotTCPSrc, 16)
	field(of.TCPDst, slotTCPDst, 16)
	field(of.TCPFlags, slotTCPFlags, 16)
	field(of.UDPSrc, slotUDPSrc, 16)
	field(of.UDPDst, slotUDPDst, 16)
	field(of.SCTPSrc, slotSCTPSrc, 16)
	field(of.SCTPDst, slotSCTPDst, 16)
	field(of.ICMPv4Type, slotICMPv4Type, 8)
	field(of.ICMPv4Code, slotICMPv4Code, 8)
	field(of.ICMPv6Type, slotICMPv6Type, 8)
	field(of.ICMPv6Code, slotICMPv6Code, 8)
	field(of.NDReserved, slotNDReserved, 32)
	field(of.NDTarget, slotNDTarget, 128)
	field(of.NDOptionsType, slotNDOptionsType, 8)
	field(of.NDSLL, slotNDSLL, 48)
	field(of.NDTLL, slotNDTLL, 48)
	field(of.ARPOp, slotARPOp, 16)
	field(of.ARPSPA, slotARPSPA, 32)
	field(of.ARPTPA, slotARPTPA, 32)
	field(of.ARPSHA, slotARPSHA, 48)
	field(of.ARPTHA, slotARPTHA, 48)
	field(of.PktMark, slotPktMark, 32)
	return l
}

// spansOf is where some bits of a field are; ok is false outside the model.
func spansOf(f *of.Field, lo, bits int) (out []span, ok bool) {
	at := 0
	for _, s := range spans[f.Name] {
		from, to := max(lo, at), min(lo+bits, at+s.bits)
		if from < to {
			out = append(out, span{s.slot, s.lo + from - at, to - from})
		}
		at += s.bits
	}
	got := 0
	for _, s := range out {
		got += s.bits
	}
	return out, got == bits
}

// A literal says of a slot that the bits in mask are those of value.
type literal struct {
	slot        slot
	value, mask word
}

func (l literal) exact() bool { return l.mask == ones(width[l.slot]) }

// literals are what a value of a field says of slots.
func literals(v of.FieldValue) (out []literal, ok bool) {
	list, known := spans[v.Field.Name]
	if !known || len(v.Value) > 16 {
		return nil, false
	}
	value, mask := fromBytes(v.Value), ones(128)
	if v.Mask != nil {
		mask = fromBytes(v.Mask)
	}
	at := 0
	for _, s := range list {
		m := mask.shr(at).and(ones(s.bits))
		if !m.zero() {
			out = append(out, literal{s.slot, value.shr(at).and(m).shl(s.lo), m.shl(s.lo)})
		}
		at += s.bits
	}
	return out, true
}
