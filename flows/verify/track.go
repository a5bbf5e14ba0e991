package verify

import (
	"slices"

	of "github.com/weft-sdn/weft/openflow"
)

// maxChoice bounds the numbers that a packet's hash may choose among.
const maxChoice = 63

// packetSize is what an opChoose depends on that is no choice for packets that
// fit.
const packetSize = "the size of the packet"

// Bits of ct_state (ovs-fields(7)).
const (
	ctNew         = 0x01
	ctEstablished = 0x02
	ctRelated     = 0x04
	ctReply       = 0x08
	ctInvalid     = 0x10
	ctTracked     = 0x20
	ctDecided     = 0x3f // the others say what was translated, which is not followed
)

// A world is something that a connection tracker may say of a packet. Which of
// them is true depends on what was sent before, so all of them can be.
type world struct {
	state   uint64
	begun   bool // by this packet
	invalid bool // of no connection: it is not translated, and may be dropped
}

var worlds = []world{
	{state: ctNew, begun: true},
	{state: ctEstablished},
	{state: ctEstablished | ctReply},
	{state: ctRelated},
	{state: ctRelated | ctReply},
	{state: ctNew | ctRelated, begun: true},
	{state: ctInvalid, invalid: true},
}

// nat is what a translation does with a packet that begins a connection and
// with one of a connection that is there already.
type nat struct{ begun, known []op }

// addresses and ports are what a translation may change.
var addresses, ports = []slot{slotIPv4Src, slotIPv4Dst, slotIPv6Src, slotIPv6Dst},
	[]slot{slotTCPSrc, slotTCPDst, slotUDPSrc, slotUDPDst, slotSCTPSrc, slotSCTPDst}

func forget(list ...slot) (ops []op) {
	for _, x := range list {
		ops = append(ops, op{kind: opForget, dst: span{x, 0, width[x]}})
	}
	return ops
}

// untracked is what ct_clear does, and ct with the packet that does not go on
// in a table.
var untracked = func() (ops []op) {
	for _, x := range []slot{slotCTState, slotCTZone, slotCTMark, slotCTLabel} {
		ops = append(ops, op{kind: opSet, dst: span{x, 0, width[x]}})
	}
	return ops
}()

// track is ct(…): what it remembers is not followed, because any packet may be
// of a connection that is there already.
func track(ops []op, a of.CT, strange func() []op) []op {
	o := op{kind: opTrack, n: uint32(a.Table)}
	if a.ALG != 0 {
		return strange()
	}
	if f := a.ZoneFrom; f.Field == nil {
		o.ops = append(o.ops, op{kind: opSet, dst: span{slotCTZone, 0, 16}, word: small(uint64(a.Zone))})
	} else {
		o.ops = compileMove(o.ops, of.Move{Src: f, Dst: of.CTZone.Range(0, f.Bits-1)}, strange)
	}
	for _, n := range a.Nested {
		switch n := n.(type) {
		case of.NAT:
			o.nat = translation(n, a.Flags&of.CTCommit != 0)
		case of.SetField, of.MaskedSetField, of.Load, of.Move:
			o.ops = compileAction(o.ops, n)
		default:
			return strange()
		}
	}
	if a.Table != of.NoTable {
		ops = append(ops, o)
	}
	return append(ops, untracked...)
}

// translation is what becomes of the addresses: who began a connection gets
// those that are asked for, with any port; of others it is not known.
func translation(a of.NAT, commits bool) (n nat) {
	n.known = forget(append(addresses, ports...)...)
	if a.Flags&(of.NATSrc|of.NATDst) == 0 || !commits {
		return n
	}
	n.begun = forget(ports...)
	pair := []slot{slotIPv4Src, slotIPv6Src}
	if a.Flags&of.NATDst != 0 {
		pair = []slot{slotIPv4Dst, slotIPv6Dst}
	}
	switch {
	case !a.Min.IsValid():
	case a.Max.IsValid() && a.Max != a.Min:
		n.begun = append(n.begun, forget(pair...)...)
	case a.Min.Is4():
		n.begun = append(n.begun, op{kind: opSet, dst: span{pair[0], 0, 32}, word: addr(a.Min)})
	default:
		n.begun = append(n.begun, op{kind: opSet, dst: span{pair[1], 0, 128}, word: addr(a.Min)})
	}
	return n
}

// enter is the state of a packet in a world, as it goes on in the table of an
// opTrack.
func (w world) enter(s *state, o *op) {
	s.put(slotCTState, small(w.state|ctTracked).among(ctDecided))
	s.put(slotCTMark, value{kind: unknown})
	s.put(slotCTLabel, value{kind: unknown})
	list := o.nat.known
	switch {
	case w.begun:
		list = o.nat.begun
	case w.invalid:
		list = nil
	}
	for i := range list {
		s.assign(&list[i])
	}
	for i := range o.ops {
		s.assign(&o.ops[i])
	}
}

// among is the value of a slot of 32 bits of which only some are known, the
// lowest ones.
func (w word) among(mask uint64) value {
	n := small(mask).count()
	return value{kind: mixed, parts: &[]part{{bits: n, kind: constant, word: w}, {at: n, bits: 32 - n, kind: unknown}}}
}

// anyWorld is what is known of a packet in all of them.
func anyWorld(s *state, o *op) {
	for _, x := range append(slices.Clone(addresses), ports...) {
		if len(o.nat.known) > 0 {
			s.put(x, value{kind: unknown})
		}
	}
	for _, x := range []slot{slotCTMark, slotCTLabel} {
		s.put(x, value{kind: unknown})
	}
	s.put(slotCTState, value{kind: mixed, parts: &[]part{
		{bits: 5, kind: unknown}, {at: 5, bits: 1, kind: constant, word: small(1)}, {at: 6, bits: 26, kind: unknown}}})
	for i := range o.ops {
		s.assign(&o.ops[i])
	}
}
