package walk

import (
	"encoding/binary"
	mathbits "math/bits"

	of "github.com/weft-sdn/weft/openflow"
)

// multipath writes one of some numbers that a hash of the packet chooses. Which
// one is an affair of Open vSwitch's: this is what it does where it was built
// for any processor of its architecture (lib/hash.h, lib/multipath.c), as
// distributions do.
func (r *run) multipath(a of.Multipath) {
	const moduloN = 0
	var hash uint32
	switch {
	case a.Algorithm != moduloN:
		r.unknown("action", a)
		return
	case a.Fields == of.HashSymmetricL3L4, a.Fields == of.HashSymmetricL3L4UD:
		if !r.p.meets(isIP) {
			r.unknown("action", a)
			return
		}
		hash = r.p.symmetricL3L4(uint32(a.Basis), a.Fields == of.HashSymmetricL3L4UD)
	default:
		r.unknown("action", a)
		return
	}
	r.copyTo(a.Dst, number(uint64(hash%(uint32(a.MaxLink)+1))), a)
}

// symmetricL3L4 is the same for both directions of a connection, and for all
// fragments of a packet (flow_hash_symmetric_l3l4 in lib/flow.c).
func (p *Packet) symmetricL3L4(basis uint32, udp bool) uint32 {
	h := murmur(basis)
	addresses := []*of.Field{of.IPv4Src, of.IPv4Dst}
	if p.meets(isIPv6) {
		addresses = []*of.Field{of.IPv6Src, of.IPv6Dst}
	}
	src, dst := p.Addr(addresses[0]).AsSlice(), p.Addr(addresses[1]).AsSlice()
	for at := 0; at < len(src); at += 4 {
		h.add(binary.LittleEndian.Uint32(src[at:]) ^ binary.LittleEndian.Uint32(dst[at:]))
	}
	t := p.tuple()
	h.add(uint32(t.proto))
	if !p.isFragment() && (t.proto == protoTCP || t.proto == protoSCTP || t.proto == protoUDP && udp) {
		h.add(uint32(mathbits.ReverseBytes16(t.from ^ t.to)))
	}
	return h.finish(basis)
}

// murmur is MurmurHash3 of 32 bits.
type murmur uint32

func (h *murmur) add(n uint32) {
	n = mathbits.RotateLeft32(n*0xcc9e2d51, 15) * 0x1b873593
	*h = murmur(mathbits.RotateLeft32(uint32(*h)^n, 13)*5 + 0xe6546b64)
}

func (h murmur) finish(last uint32) uint32 {
	n := uint32(h) ^ last
	n = (n ^ n>>16) * 0x85ebca6b
	n = (n ^ n>>13) * 0xc2b2ae35
	return n ^ n>>16
}
