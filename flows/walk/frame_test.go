package walk

import (
	"encoding/binary"
	"encoding/hex"

	of "github.com/weft-sdn/weft/openflow"
)

// frame is the packet as bytes, so that a real switch takes it apart itself.
func frame(p *Packet) []byte {
	field := func(f *of.Field) []byte { v, _ := p.Value(f); return v }
	b := append(field(of.EthDst), field(of.EthSrc)...)
	if p.meets(isTagged) {
		b = append(append(b, 0x81, 0x00), field(of.VLANTCI)...)
	}
	b = append(b, field(of.EthType)...)
	switch {
	case p.meets(isARP):
		b = append(b, 0, 1, 8, 0, 6, 4)
		for _, f := range []*of.Field{of.ARPOp, of.ARPSHA, of.ARPSPA, of.ARPTHA, of.ARPTPA} {
			b = append(b, field(f)...)
		}
	case p.meets(isIPv4):
		payload := transport(p)
		head := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, byte(p.Uint(of.IPTTL)), byte(p.Uint(of.IPProto)), 0, 0}
		binary.BigEndian.PutUint16(head[2:], uint16(20+len(payload)))
		copy(head[6:], fragmentOffset(p))
		head = append(append(head, field(of.IPv4Src)...), field(of.IPv4Dst)...)
		binary.BigEndian.PutUint16(head[10:], checksum(head))
		b = append(append(b, head...), payload...)
	case p.meets(isIPv6):
		payload, next := transport(p), byte(p.Uint(of.IPProto))
		if p.isFragment() {
			offset := fragmentOffset(p)
			units := binary.BigEndian.Uint16(offset)
			more := units >> 13 & 1
			extension := []byte{next, 0, 0, 0, 0, 0, 0, 1}
			binary.BigEndian.PutUint16(extension[2:], units<<3|more)
			payload, next = append(extension, payload...), 44
		}
		b = append(b, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
		b = append(b, next, byte(p.Uint(of.IPTTL)))
		b = append(append(b, field(of.IPv6Src)...), field(of.IPv6Dst)...)
		b = append(b, payload...)
	}
	return append(b, make([]byte, max(0, 60-len(b)))...)
}

// fragmentOffset is the flags and the offset as IPv4 has them.
func fragmentOffset(p *Packet) []byte {
	switch {
	case p.isLaterFragment():
		return []byte{0x00, 0x10}
	case p.isFragment():
		return []byte{0x20, 0x00}
	}
	return []byte{0, 0}
}

func transport(p *Packet) []byte {
	number := func(f *of.Field) uint16 { return uint16(p.Uint(f)) }
	switch {
	case p.isLaterFragment():
		return make([]byte, 64)
	case p.meets(isTCP):
		b := make([]byte, 20)
		binary.BigEndian.PutUint16(b, number(of.TCPSrc))
		binary.BigEndian.PutUint16(b[2:], number(of.TCPDst))
		binary.BigEndian.PutUint16(b[12:], 5<<12|number(of.TCPFlags))
		return b
	case p.meets(isUDP):
		b := make([]byte, 8)
		binary.BigEndian.PutUint16(b, number(of.UDPSrc))
		binary.BigEndian.PutUint16(b[2:], number(of.UDPDst))
		binary.BigEndian.PutUint16(b[4:], 8)
		return b
	case p.meets(isICMPv4), p.meets(isICMPv6):
		b := append([]byte{p.b[atICMPType], p.b[atICMPCode]}, make([]byte, 6)...)
		if !p.meets(isICMPv6) || p.b[atICMPType] != ndSolicit && p.b[atICMPType] != ndAdvert {
			return b
		}
		target := slots[of.NDTarget]
		b = append(b, p.b[target.at:target.at+16]...)
		if p.lladdr {
			option := slots[of.NDSLL]
			if p.Uint(of.NDOptionsType) == ndOptionTarget {
				option = slots[of.NDTLL]
			}
			b = append(b, byte(p.Uint(of.NDOptionsType)), 1)
			b = append(b, p.b[option.at:option.at+6]...)
		}
		return b
	}
	return make([]byte, 64)
}

func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func frameHex(p *Packet) string { return hex.EncodeToString(frame(p)) }
