package openflow

import (
	"encoding/binary"
	"fmt"
)

// SetField sets a whole field. For a part of one, use Load: OVS turns a masked
// set_field of OpenFlow 1.4 into it anyway.
type SetField struct{ FieldValue }

func (a SetField) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginStandard(b, typeSetField)
	return end(a.FieldValue.appendTo(b), start)
}

func parseSetField(body []byte) Action {
	v, _, err := parseFieldValue(body)
	if err != nil {
		return nil
	}
	return SetField{v}
}

// MaskedSetField is SetField in Nicira's form, the only one for a masked value
// of a field with a long header (an experimenter's) or of variable length.
type MaskedSetField struct{ FieldValue }

func (a MaskedSetField) AppendTo(b []byte) []byte {
	start := len(b)
	b = append(beginNicira(b, nxLoad2), 0, 0, 0, 0, 0, 0)
	return end(a.FieldValue.appendTo(b), start)
}

func parseMaskedSetField(body []byte) Action {
	v, _, err := parseFieldValue(body[6:])
	if err != nil {
		return nil
	}
	return MaskedSetField{v}
}

// Load writes a number to some bits of a field. The bits are at most 64, and
// the field one without an experimenter.
type Load struct {
	Dst   Subfield
	Value uint64
}

func (a Load) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxLoad)
	b = binary.BigEndian.AppendUint16(b, a.Dst.packed())
	b = a.Dst.Field.nxm.appendTo(b)
	return end(binary.BigEndian.AppendUint64(b, a.Value), start)
}

func (a Load) String() string { return "load:" + hexNumber(a.Value) + "->" + a.Dst.String() }

func parseLoad(body []byte) Action {
	dst, rest, ok := parseSubfield(binary.BigEndian.Uint16(body), body[2:])
	if !ok || len(rest) < 8 {
		return nil
	}
	return Load{dst, binary.BigEndian.Uint64(rest)}
}

// Move copies bits from one field to as many of another.
type Move struct{ Src, Dst Subfield }

func (a Move) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxMove)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Src.Bits))
	b = binary.BigEndian.AppendUint16(b, uint16(a.Src.Lo))
	b = binary.BigEndian.AppendUint16(b, uint16(a.Dst.Lo))
	b = a.Src.Field.nxm.appendTo(b)
	return end(a.Dst.Field.nxm.appendTo(b), start)
}

func (a Move) String() string { return fmt.Sprintf("move:%v->%v", a.Src, a.Dst) }

func parseMove(body []byte) Action {
	n := int(binary.BigEndian.Uint16(body))
	src, rest, err := parseHeader(body[6:])
	if err != nil {
		return nil
	}
	dst, _, err := parseHeader(rest)
	if err != nil {
		return nil
	}
	return Move{
		Src: Subfield{actionField(src), int(binary.BigEndian.Uint16(body[2:])), n},
		Dst: Subfield{actionField(dst), int(binary.BigEndian.Uint16(body[4:])), n},
	}
}

// Push puts a field on the stack of the packet's translation.
type Push struct{ Src Subfield }

func (a Push) AppendTo(b []byte) []byte { return a.Src.appendStack(b, nxPush) }
func (a Push) String() string           { return "push:" + a.Src.String() }

// Pop takes the top of that stack into a field.
type Pop struct{ Dst Subfield }

func (a Pop) AppendTo(b []byte) []byte { return a.Dst.appendStack(b, nxPop) }
func (a Pop) String() string           { return "pop:" + a.Dst.String() }

func (s Subfield) appendStack(b []byte, subtype uint16) []byte {
	start := len(b)
	b = beginNicira(b, subtype)
	b = binary.BigEndian.AppendUint16(b, uint16(s.Lo))
	b = s.Field.nxm.appendTo(b)
	b = binary.BigEndian.AppendUint16(b, uint16(s.Bits))
	return end(append(b, make([]byte, 24-(len(b)-start))...), start)
}

func parseStack(subtype uint16, body []byte) Action {
	h, rest, err := parseHeader(body[2:])
	if err != nil || len(body) != 14 {
		return nil
	}
	s := Subfield{actionField(h), int(binary.BigEndian.Uint16(body)), int(binary.BigEndian.Uint16(rest))}
	if subtype == nxPush {
		return Push{s}
	}
	return Pop{s}
}

// DeleteField removes an option of a tunnel's header.
type DeleteField struct{ Field *Field }

func (a DeleteField) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxDeleteField)
	b = a.Field.nxm.appendTo(b)
	return end(append(b, make([]byte, 24-(len(b)-start))...), start)
}

func (a DeleteField) String() string { return "delete_field:" + a.Field.Name }

func parseDeleteField(body []byte) Action {
	h, _, err := parseHeader(body)
	if err != nil || len(body) != 14 {
		return nil
	}
	return DeleteField{actionField(h)}
}

// packed is the range in the 16 bits of load: 10 for the lowest bit, 6 for the
// number of bits less one.
func (s Subfield) packed() uint16 { return uint16(s.Lo)<<6 | uint16(s.Bits-1) }

// parseSubfield reads a field's header at the start of b, for a packed range.
func parseSubfield(packed uint16, b []byte) (s Subfield, rest []byte, ok bool) {
	h, rest, err := parseHeader(b)
	if err != nil {
		return s, nil, false
	}
	return Subfield{actionField(h), int(packed >> 6), int(packed&0x3f) + 1}, rest, true
}
