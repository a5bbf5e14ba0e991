package verify

import (
	"encoding/binary"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// An op is one step of what a flow or a bucket does.
type op struct {
	kind opKind
	dst  span
	src  span   // opMove, opOutputReg, opOutputBack
	word word   // opSet
	n    uint32 // port, table or group; opChoose: the largest number
	ops  []op   // opClone, opTrack
	nat  nat    // opTrack
	text string // opStrange: what it is, in ovs-ofctl's words
}

type opKind uint8

const (
	opSet opKind = iota
	opMove
	opForget // the field has an unknown value from here on
	opChoose // the field has some value from 0 to n
	opTrack  // a copy goes on in a table, as the connection tracker sees it
	opOutput
	opOutputReg  // to the port whose number is in src
	opOutputBack // to the port that it came in on
	opGroup
	opResubmit
	opGoto
	opClone
	opExit
	opStrange // outside the model
)

// An effect is all that a flow does. Flows that do the same share one.
type effect struct {
	ops []op
	// shape is what the effect does without the constants, for what depends on
	// those only.
	shape *shape

	classFor *classes // for which class was found
	class    *class
}

// A shape stands for all effects that differ in constants only.
type shape struct{ ops []op }

// compileActions turns actions into ops.
func compileActions(ops []op, actions []of.Action) []op {
	for _, a := range actions {
		ops = compileAction(ops, a)
	}
	return ops
}

func compileAction(ops []op, a of.Action) []op {
	strange := func() []op { return append(ops, op{kind: opStrange, text: a.String()}) }
	switch a := a.(type) {
	case of.SetField:
		return setField(ops, a.FieldValue, strange)
	case of.MaskedSetField:
		return setField(ops, a.FieldValue, strange)
	case of.Load:
		dst, ok := spansOf(a.Dst.Field, a.Dst.Lo, a.Dst.Bits)
		if !ok {
			return strange()
		}
		w := small(a.Value)
		for _, d := range dst {
			ops = append(ops, op{kind: opSet, dst: d, word: w.and(ones(d.bits))})
			w = w.shr(d.bits)
		}
		return ops
	case of.Move:
		return compileMove(ops, a, strange)
	case of.SetTTL:
		return append(ops, op{kind: opSet, dst: span{slotIPTTL, 0, 8}, word: small(uint64(a.TTL))})
	case of.Learn:
		if !learnsInItsNetwork(a) {
			return strange()
		}
		return ops // what was learned is there, and what will be is not followed
	case of.CT:
		return track(ops, a, strange)
	case of.CTClear:
		return append(ops, untracked...)
	case of.Multipath:
		dst, ok := spansOf(a.Dst.Field, a.Dst.Lo, a.Dst.Bits)
		if !ok || len(dst) != 1 || a.MaxLink > maxChoice {
			return strange()
		}
		return append(ops, op{kind: opChoose, dst: dst[0], n: uint32(a.MaxLink)})
	case of.CheckPktLarger:
		dst, ok := spansOf(a.Dst.Field, a.Dst.Lo, 1)
		if !ok {
			return strange()
		}
		return append(ops, op{kind: opChoose, dst: dst[0], n: 1, text: packetSize})
	case of.DecTTL: // at its end it goes to the controller
		return append(ops, op{kind: opForget, dst: span{slotIPTTL, 0, 8}})
	case of.PushVLAN: // a tag of VID and priority 0
		return append(ops, op{kind: opSet, dst: span{slotVLAN, 0, 16}, word: small(0x1000)})
	case of.PopVLAN: // there may be another tag below
		return append(ops, op{kind: opForget, dst: span{slotVLAN, 0, 16}})
	case of.Output:
		return output(ops, a.Port, strange)
	case of.OutputTrunc:
		return output(ops, widePort(a.Port), strange)
	case of.OutputReg:
		src, ok := spansOf(a.Src.Field, a.Src.Lo, a.Src.Bits)
		if !ok || len(src) != 1 {
			return strange()
		}
		return append(ops, op{kind: opOutputReg, src: src[0], text: a.String()})
	case of.Controller:
		if a.Pause {
			return strange()
		}
		return ops // nothing comes out of a port
	case of.Group:
		return append(ops, op{kind: opGroup, n: a.ID})
	case of.Resubmit:
		if a.CT || a.Port != of.PortInPort&0xffff || a.Table == of.TableAll {
			return strange()
		}
		return append(ops, op{kind: opResubmit, n: uint32(a.Table)})
	case of.Clone:
		return append(ops, op{kind: opClone, ops: compileActions(nil, a.Actions)})
	case of.Exit:
		return append(ops, op{kind: opExit})
	case of.Note, of.SetQueue, of.PopQueue, of.Sample, of.FinTimeout:
		return ops // the packet goes on as it is
	}
	return strange()
}

// learnsInItsNetwork tells whether a flow that is learned matches only packets
// of the network that it was learned in, and leads only to other tables.
func learnsInItsNetwork(a of.Learn) bool {
	in := false
	for _, s := range a.Specs {
		whole := s.Dst.Field != nil && s.Dst.Lo == 0 && s.Bits == s.Dst.Field.Bits
		in = in || s.Kind == of.LearnMatch && whole && s.Dst.Field.Name == of.Metadata.Name && s.Src == s.Dst
		if s.Kind == of.LearnOutput {
			return false
		}
	}
	return in && (a.Table == flows.TableLearned || a.Table == flows.TableLearnedIP)
}

func setField(ops []op, v of.FieldValue, strange func() []op) []op {
	list, ok := literals(v)
	if !ok {
		return strange()
	}
	for _, l := range list {
		for mask := l.mask; !mask.zero(); { // a run of ones at a time
			lo := mask.trailing()
			n := 0
			for n < 128-lo && !mask.shr(lo+n).and(small(1)).zero() {
				n++
			}
			ops = append(ops, op{kind: opSet, dst: span{l.slot, lo, min(n, width[l.slot]-lo)}, word: l.value.shr(lo).and(ones(n))})
			mask = mask.andNot(ones(n).shl(lo))
		}
	}
	return ops
}

func compileMove(ops []op, a of.Move, strange func() []op) []op {
	src, ok := spansOf(a.Src.Field, a.Src.Lo, a.Src.Bits)
	dst, known := spansOf(a.Dst.Field, a.Dst.Lo, a.Dst.Bits)
	if !ok || !known {
		return strange()
	}
	for len(src) > 0 && len(dst) > 0 {
		n := min(src[0].bits, dst[0].bits)
		s, d := src[0], dst[0]
		s.bits, d.bits = n, n
		ops = append(ops, op{kind: opMove, src: s, dst: d})
		for _, list := range []*[]span{&src, &dst} {
			first := &(*list)[0]
			first.lo, first.bits = first.lo+n, first.bits-n
			if first.bits == 0 {
				*list = (*list)[1:]
			}
		}
	}
	return ops
}

func output(ops []op, port uint32, strange func() []op) []op {
	switch {
	case port == of.PortController:
		return ops
	case port == of.PortInPort:
		return append(ops, op{kind: opOutputBack, src: span{slotInPort, 0, 16}})
	case port == of.PortTable || port == of.PortNormal || port == of.PortFlood || port == of.PortAll:
		return strange()
	}
	return append(ops, op{kind: opOutput, n: port & 0xffff})
}

func widePort(p uint16) uint32 {
	if p >= of.PortMax&0xffff {
		return 0xffff0000 | uint32(p)
	}
	return uint32(p)
}

// compileInstructions turns the instructions of a flow into ops.
func compileInstructions(list []of.Instruction) []op {
	var ops []op
	for _, i := range list {
		switch i := i.(type) {
		case of.ApplyActions:
			ops = compileActions(ops, i.Actions)
		case of.GotoTable:
			ops = append(ops, op{kind: opGoto, n: uint32(i.Table)})
		case of.ClearActions, of.Meter: // a meter may drop; it leads nowhere else
		case of.WriteMetadata:
			mask := i.Mask
			v := of.FieldValue{Field: of.Metadata, Value: small(i.Value & mask).bytes(8), Mask: small(mask).bytes(8)}
			ops = setField(ops, v, func() []op { return ops })
		default:
			ops = append(ops, op{kind: opStrange, text: i.String()})
		}
	}
	return ops
}

// key is the ops as bytes, so that equal ones are found; without constants
// for a shape.
func key(b []byte, ops []op, constants bool) []byte {
	for _, o := range ops {
		b = append(b, byte(o.kind), byte(o.dst.slot), byte(o.dst.lo), byte(o.dst.bits),
			byte(o.src.slot), byte(o.src.lo), byte(o.src.bits))
		switch o.kind {
		case opSet:
			if constants {
				b = binary.BigEndian.AppendUint64(b, o.word.hi)
				b = binary.BigEndian.AppendUint64(b, o.word.lo)
			}
		case opOutput:
			if constants {
				b = binary.BigEndian.AppendUint32(b, o.n)
			}
		case opGroup, opResubmit, opGoto:
			b = binary.BigEndian.AppendUint32(b, o.n)
		case opChoose:
			b = append(append(binary.BigEndian.AppendUint32(b, o.n), o.text...), 0)
		case opTrack:
			b = binary.BigEndian.AppendUint32(b, o.n)
			for _, list := range [][]op{o.ops, o.nat.begun, o.nat.known} {
				b = append(key(b, list, constants), 0xff)
			}
		case opClone:
			b = append(key(b, o.ops, constants), 0xff)
		case opStrange, opOutputReg:
			b = append(append(b, o.text...), 0)
		}
	}
	return b
}
