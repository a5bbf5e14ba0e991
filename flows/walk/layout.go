package walk

import (
	of "github.com/weft-sdn/weft/openflow"
)

// A slot is where a field is in a Packet. Fields that are parts of one thing,
// such as registers and pairs of registers, have slots that overlap.
type slot struct {
	at, size int // bytes
	shift    int // of the field's lowest bit in the number that the bytes are
	full     bits
	needs    prerequisite
}

// slots are the fields that the walker knows.
var slots = layOut()

// The bytes of a packet: first what only the switch knows of it, then what is
// in the frame.
const (
	packetLen = 296
	frameAt   = 160 // where the frame begins
)

func layOut() map[*of.Field]slot {
	slots := map[*of.Field]slot{}
	at := 0
	place := func(size int, needs prerequisite, fields ...*of.Field) {
		for _, f := range fields {
			slots[f] = slot{at: at, size: size, full: ones(f.Bits), needs: needs}
		}
		at += size
	}
	part := func(whole, f *of.Field, shift, width int, needs prerequisite) {
		in := slots[whole]
		slots[f] = slot{at: in.at, size: in.size, shift: shift, full: ones(width), needs: needs}
	}

	place(8, always, of.Metadata)
	place(8, always, of.TunID)
	for i, f := range of.XXReg {
		slots[f] = slot{at: at + 16*i, size: 16, full: ones(128)}
	}
	for i, f := range of.XReg {
		slots[f] = slot{at: at + 8*i, size: 8, full: ones(64)}
	}
	for _, f := range of.Reg {
		place(4, always, f)
	}
	place(4, always, of.InPort)
	slots[of.InPort16] = slots[of.InPort] // see value and store
	place(4, always, of.TunSrc)
	place(4, always, of.TunDst)
	place(4, always, of.PktMark)
	place(16, always, of.TunIPv6Src)
	place(16, always, of.TunIPv6Dst)
	place(4, always, of.CTState)
	place(4, always, of.CTMark)
	place(2, always, of.CTZone)
	place(2, always, of.TunFlags)
	place(2, always, of.TunGBPID)
	place(1, always, of.TunGBPFlags)
	at++
	place(16, always, of.CTLabel)
	if at != frameAt {
		panic("walk: the frame is not where it should begin")
	}

	place(6, always, of.EthDst)
	place(2, always, of.EthType)
	place(6, always, of.EthSrc)
	place(2, always, of.VLANTCI)
	part(of.VLANTCI, of.VLANVID, 0, 13, always) // with the bit that says that there is a tag
	part(of.VLANTCI, of.VLANPCP, 13, 3, isTagged)
	place(4, isIPv4, of.IPv4Src)
	place(4, isIPv4, of.IPv4Dst)
	place(16, isIPv6, of.IPv6Src)
	place(16, isIPv6, of.IPv6Dst)
	place(1, isIP, of.IPFrag)
	place(1, isIP, of.IPTOS)
	part(of.IPTOS, of.IPDSCP, 2, 6, isIP)
	part(of.IPTOS, of.IPECN, 0, 2, isIP)
	place(1, isIP, of.IPTTL)
	place(1, isIP, of.IPProto)
	place(4, isIPv6, of.IPv6Label)
	place(2, isTCP, of.TCPSrc)
	part(of.TCPSrc, of.UDPSrc, 0, 16, isUDP)
	part(of.TCPSrc, of.SCTPSrc, 0, 16, isSCTP)
	place(2, isTCP, of.TCPDst)
	part(of.TCPDst, of.UDPDst, 0, 16, isUDP)
	part(of.TCPDst, of.SCTPDst, 0, 16, isSCTP)
	place(2, isTCP, of.TCPFlags)
	place(1, isICMPv4, of.ICMPv4Type)
	part(of.ICMPv4Type, of.ICMPv6Type, 0, 8, isICMPv6)
	place(1, isICMPv4, of.ICMPv4Code)
	part(of.ICMPv4Code, of.ICMPv6Code, 0, 8, isICMPv6)
	place(16, isND, of.NDTarget)
	place(6, isNDSolicit, of.NDSLL)
	place(2, isARP, of.ARPOp)
	place(6, isNDAdvert, of.NDTLL)
	place(1, isND, of.NDOptionsType)
	at++
	place(4, isND, of.NDReserved)
	place(4, isARP, of.ARPSPA)
	place(4, isARP, of.ARPTPA)
	place(4, always, of.PacketType)
	place(6, isARP, of.ARPSHA)
	at += 2
	place(6, isARP, of.ARPTHA)
	at += 2
	if at != packetLen {
		panic("walk: packetLen is not the sum of the slots")
	}
	return slots
}

// A prerequisite is what a packet must be to have a field (ovs-fields(7)).
type prerequisite uint8

const (
	always prerequisite = iota
	isTagged
	isARP
	isIP
	isIPv4
	isIPv6
	isTCP
	isUDP
	isSCTP
	isICMPv4
	isICMPv6
	isND
	isNDSolicit
	isNDAdvert
)

// Numbers of protocols.
const (
	ethIPv4 = 0x0800
	ethARP  = 0x0806
	ethRARP = 0x8035
	ethIPv6 = 0x86dd

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132

	ndSolicit = 135
	ndAdvert  = 136
)

func (p *Packet) meets(n prerequisite) bool {
	switch n {
	case always:
		return true
	case isTagged:
		return p.b[atVLAN]&0x10 != 0
	case isARP:
		return p.ethType() == ethARP || p.ethType() == ethRARP
	case isIP:
		return p.ethType() == ethIPv4 || p.ethType() == ethIPv6
	case isIPv4:
		return p.ethType() == ethIPv4
	case isIPv6:
		return p.ethType() == ethIPv6
	case isTCP:
		return p.meets(isIP) && p.b[atProto] == protoTCP && !p.isLaterFragment()
	case isUDP:
		return p.meets(isIP) && p.b[atProto] == protoUDP && !p.isLaterFragment()
	case isSCTP:
		return p.meets(isIP) && p.b[atProto] == protoSCTP && !p.isLaterFragment()
	case isICMPv4:
		return p.ethType() == ethIPv4 && p.b[atProto] == protoICMP
	case isICMPv6:
		return p.ethType() == ethIPv6 && p.b[atProto] == protoICMPv6
	case isND:
		return p.meets(isNDSolicit) || p.meets(isNDAdvert)
	case isNDSolicit:
		return p.meets(isICMPv6) && p.b[atICMPType] == ndSolicit && p.b[atICMPCode] == 0
	case isNDAdvert:
		return p.meets(isICMPv6) && p.b[atICMPType] == ndAdvert && p.b[atICMPCode] == 0
	}
	panic("walk: a prerequisite without a rule")
}
