package openflow

import (
	"encoding/binary"
	"fmt"
)

// Flags of Learn.
const (
	LearnSendFlowRemoved = 1 << 0
	LearnDeleteLearned   = 1 << 1
	LearnWriteResult     = 1 << 2 // to Result: whether there was room for the flow
)

// Learn adds a flow that it makes from the packet.
type Learn struct {
	IdleTimeout, HardTimeout       uint16
	Priority                       uint16
	Cookie                         uint64
	Flags                          uint16
	Table                          uint8
	FinIdleTimeout, FinHardTimeout uint16
	Limit                          uint32   // of flows in the table; 0: none
	Result                         Subfield // of one bit, if LearnWriteResult is set
	Specs                          []LearnSpec
}

// What a LearnSpec makes of its bits.
const (
	LearnMatch  = 0 // the flow matches them in Dst
	LearnLoad   = 1 // the flow loads them to Dst
	LearnOutput = 2 // the flow outputs to the port of that number
)

// A LearnSpec is one part of a learned flow: bits, from the packet's Src or, if
// that has no field, from Value, and what is made of them.
type LearnSpec struct {
	Kind  uint8
	Bits  int
	Src   Subfield
	Value []byte // in network order, of as many whole 16-bit words as Bits takes
	Dst   Subfield
}

// The first 16 bits of a spec: its number of bits, and these.
const (
	specBits      = 0x07ff
	specKindShift = 11
	specKind      = 3
	specImmediate = 1 << 13
)

func (a Learn) isLearn2() bool { return a.Limit != 0 || a.Flags&LearnWriteResult != 0 }

func (a Learn) AppendTo(b []byte) []byte {
	start := len(b)
	subtype := uint16(nxLearn)
	if a.isLearn2() {
		subtype = nxLearn2
	}
	b = beginNicira(b, subtype)
	b = binary.BigEndian.AppendUint16(b, a.IdleTimeout)
	b = binary.BigEndian.AppendUint16(b, a.HardTimeout)
	b = binary.BigEndian.AppendUint16(b, a.Priority)
	b = binary.BigEndian.AppendUint64(b, a.Cookie)
	b = binary.BigEndian.AppendUint16(b, a.Flags)
	b = append(b, a.Table, 0)
	b = binary.BigEndian.AppendUint16(b, a.FinIdleTimeout)
	b = binary.BigEndian.AppendUint16(b, a.FinHardTimeout)
	if a.isLearn2() {
		b = binary.BigEndian.AppendUint32(b, a.Limit)
		b = binary.BigEndian.AppendUint16(b, uint16(a.Result.Lo))
		b = append(b, 0, 0)
		if a.Flags&LearnWriteResult != 0 {
			b = a.Result.Field.nxm.appendTo(b)
		}
	}
	for _, s := range a.Specs {
		b = s.appendTo(b)
	}
	return end(b, start)
}

func (s LearnSpec) appendTo(b []byte) []byte {
	head := uint16(s.Kind)<<specKindShift | uint16(s.Bits)
	if s.Src.Field == nil {
		b = binary.BigEndian.AppendUint16(b, head|specImmediate)
		b = append(b, s.Value...)
	} else {
		b = binary.BigEndian.AppendUint16(b, head)
		b = s.Src.appendField(b)
	}
	if s.Kind != LearnOutput {
		b = s.Dst.appendField(b)
	}
	return b
}

// appendField appends the header and the lowest bit.
func (s Subfield) appendField(b []byte) []byte {
	b = s.Field.nxm.appendTo(b)
	return binary.BigEndian.AppendUint16(b, uint16(s.Lo))
}

func parseLearn(subtype uint16, body []byte) Action {
	if len(body) < 22 {
		return nil
	}
	a := Learn{
		IdleTimeout:    binary.BigEndian.Uint16(body),
		HardTimeout:    binary.BigEndian.Uint16(body[2:]),
		Priority:       binary.BigEndian.Uint16(body[4:]),
		Cookie:         binary.BigEndian.Uint64(body[6:]),
		Flags:          binary.BigEndian.Uint16(body[14:]),
		Table:          body[16],
		FinIdleTimeout: binary.BigEndian.Uint16(body[18:]),
		FinHardTimeout: binary.BigEndian.Uint16(body[20:]),
	}
	b := body[22:]
	switch {
	case subtype == nxLearn && a.Flags&LearnWriteResult != 0:
		return nil // there is no room in it for where to write
	case subtype == nxLearn2:
		if len(b) < 8 {
			return nil
		}
		a.Limit = binary.BigEndian.Uint32(b)
		lo := int(binary.BigEndian.Uint16(b[4:]))
		b = b[8:]
		if a.Flags&LearnWriteResult != 0 {
			h, rest, err := parseHeader(b)
			if err != nil {
				return nil
			}
			a.Result, b = Subfield{actionField(h), lo, 1}, rest
		}
	}
	// The specs end where the padding begins: a spec of no bits.
	for len(b) >= 2 && binary.BigEndian.Uint16(b) != 0 {
		s, rest, err := parseLearnSpec(b)
		if err != nil {
			return nil
		}
		a.Specs = append(a.Specs, s)
		b = rest
	}
	return a
}

func parseLearnSpec(b []byte) (s LearnSpec, rest []byte, err error) {
	head := binary.BigEndian.Uint16(b)
	b = b[2:]
	s.Bits = int(head & specBits)
	s.Kind = uint8(head >> specKindShift & specKind)
	if head&specImmediate != 0 {
		n := (s.Bits + 15) / 16 * 2
		if n > len(b) {
			return s, nil, fmt.Errorf("parse learn: %d bits of value, %d bytes left", s.Bits, len(b))
		}
		s.Value, b = b[:n:n], b[n:]
	} else if s.Src, b, err = parseLearnField(b, s.Bits); err != nil {
		return s, nil, err
	}
	if s.Kind != LearnOutput {
		if s.Dst, b, err = parseLearnField(b, s.Bits); err != nil {
			return s, nil, err
		}
	}
	return s, b, nil
}

func parseLearnField(b []byte, bits int) (s Subfield, rest []byte, err error) {
	h, b, err := parseHeader(b)
	if err != nil {
		return s, nil, err
	}
	if len(b) < 2 {
		return s, nil, fmt.Errorf("parse learn: %d bytes left for the lowest bit of a field, want 2", len(b))
	}
	return Subfield{actionField(h), int(binary.BigEndian.Uint16(b)), bits}, b[2:], nil
}
