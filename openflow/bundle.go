package openflow

import "encoding/binary"

// BundleStep is the type of a bundle control message (section 7.3.9.2).
type BundleStep uint16

// The steps: each request has the number before its reply.
const (
	BundleOpen         BundleStep = 0
	BundleOpened       BundleStep = 1
	BundleClose        BundleStep = 2
	BundleClosed       BundleStep = 3
	BundleCommit       BundleStep = 4
	BundleCommitted    BundleStep = 5
	BundleDiscard      BundleStep = 6
	BundleDiscarded    BundleStep = 7
	BundleAtomic       uint16     = 1 << 0
	BundleOrdered      uint16     = 1 << 1
	bundleAddHeaderLen            = 16
)

// BundleControl opens, commits or discards a bundle, or answers that.
type BundleControl struct {
	Bundle     uint32
	Step       BundleStep
	Flags      uint16
	Properties []Property
}

// Type returns TypeBundleControl.
func (*BundleControl) Type() Type { return TypeBundleControl }

// AppendTo appends the message.
func (m *BundleControl) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeBundleControl, xid)
	b = binary.BigEndian.AppendUint32(b, m.Bundle)
	b = binary.BigEndian.AppendUint16(b, uint16(m.Step))
	b = binary.BigEndian.AppendUint16(b, m.Flags)
	return finish(appendProperties(b, m.Properties), start)
}

func decodeBundleControl(d *decoder) Message {
	m := &BundleControl{Bundle: d.u32(), Step: BundleStep(d.u16()), Flags: d.u16()}
	m.Properties = decodeProperties(d)
	return m
}

// BundleAdd puts a message into a bundle. The message has the transaction id
// of the BundleAdd itself: Open vSwitch refuses another.
type BundleAdd struct {
	Bundle     uint32
	Flags      uint16
	Message    Message
	Properties []Property
}

// Type returns TypeBundleAdd.
func (*BundleAdd) Type() Type { return TypeBundleAdd }

// AppendTo appends the message.
func (m *BundleAdd) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = AppendBundleAddHeader(b, xid, m.Bundle, m.Flags)
	inner := len(b)
	b = m.Message.AppendTo(b, xid)
	if len(m.Properties) > 0 {
		b = appendProperties(padTo8(b, inner), m.Properties)
	}
	return finish(b, start)
}

// AppendBundleAddHeader appends the beginning of a BundleAdd. The caller
// appends the message, with the same xid, and calls FinishMessage with the
// length that b had before. It is the way to fill a bundle without allocating.
func AppendBundleAddHeader(b []byte, xid, bundle uint32, flags uint16) []byte {
	b = begin(b, TypeBundleAdd, xid)
	b = binary.BigEndian.AppendUint32(b, bundle)
	b = zeros(b, 2)
	return binary.BigEndian.AppendUint16(b, flags)
}

// FinishMessage sets the length of the message that starts at start of b.
func FinishMessage(b []byte, start int) []byte { return finish(b, start) }

func decodeBundleAdd(d *decoder) Message {
	m := &BundleAdd{Bundle: d.u32()}
	d.skip(2)
	m.Flags = d.u16()
	if d.err != nil {
		return m
	}
	h, err := ParseHeader(d.b)
	if err != nil {
		d.fail("message in bundle %d: %w", m.Bundle, err)
		return m
	}
	if h.Type == TypeBundleAdd {
		d.fail("bundle %d has a bundle-add in it", m.Bundle) // or decoding would recurse as deep as a peer likes
		return m
	}
	if m.Message, _, err = Parse(d.next(h.Length)); err != nil && d.err == nil {
		d.fail("message in bundle %d: %w", m.Bundle, err)
	}
	if d.err == nil && len(d.b) > 0 {
		d.skip(min(-h.Length&7, len(d.b)))
		m.Properties = decodeProperties(d)
	}
	return m
}
