package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// A Field is one packet or metadata field. The ones that Open vSwitch has are
// the variables of this package; a field that is in none of its tables is made
// on the fly, and keeps its header.
type Field struct {
	Name     string // as in set_field:…->NAME
	Bits     int    // how many of its bits may be set
	Maskable bool

	size      int    // bytes of a value on the wire; 0: any number
	format    format // of its values in text
	needs     need   // what else a match must have
	rank      int    // position in a match as OVS dumps it
	matchName string // as in a match: "dl_src" for eth_src
	oxm       header // in matches and set_field
	nxm       header // in move, load and other actions that name a field
	longName  string // as in move:NAME[]: "NXM_OF_ETH_SRC"
	settable  uint64 // the bits that a value of up to 8 bytes may have
	always    uint64 // the mask that OVS dumps even where all of it counts
	table     *Field // the variable of this package that means the same field
}

// Canonical is the variable of this package that means the same field, whatever
// header it came with.
func (f *Field) Canonical() *Field { return f.table }

// String is the field's name.
func (f *Field) String() string { return f.Name }

// A FieldValue is a field with a value and, unless every bit counts, a mask.
// Both are in network order and as long as the field.
type FieldValue struct {
	Field       *Field
	Value, Mask []byte
}

// A Subfield is a range of bits of a field, Lo the least significant one.
type Subfield struct {
	Field    *Field
	Lo, Bits int
}

// All is the whole field.
func (f *Field) All() Subfield { return Subfield{f, 0, f.Bits} }

// Range is the bits lo to hi, both included, as in NAME[lo..hi].
func (f *Field) Range(lo, hi int) Subfield {
	if lo < 0 || hi < lo || hi >= f.Bits {
		panic(fmt.Sprintf("openflow: %s has no bits %d..%d", f.Name, lo, hi))
	}
	return Subfield{f, lo, hi - lo + 1}
}

// Uint is the field with the number v. The constructors of values panic when
// the value is not one of the field: a program that asks for it is wrong.
func (f *Field) Uint(v uint64) FieldValue {
	return FieldValue{Field: f, Value: f.bytes(v)}
}

// UintMask is the field with those bits of v that are set in mask.
func (f *Field) UintMask(v, mask uint64) FieldValue {
	return f.masked(f.bytes(v), f.bytes(mask))
}

// MAC is the field with an Ethernet address.
func (f *Field) MAC(m [6]byte) FieldValue {
	f.mustBe(6)
	return FieldValue{Field: f, Value: m[:]}
}

// MACMask is the field with those bits of m that are set in mask.
func (f *Field) MACMask(m, mask [6]byte) FieldValue {
	f.mustBe(6)
	return f.masked(m[:], mask[:])
}

// Addr is the field with an address of its family.
func (f *Field) Addr(a netip.Addr) FieldValue {
	return FieldValue{Field: f, Value: f.addr(a)}
}

// Prefix is the field with an address in p.
func (f *Field) Prefix(p netip.Prefix) FieldValue {
	value := f.addr(p.Addr())
	mask := make([]byte, len(value))
	for i := range p.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	return f.masked(value, mask)
}

// masked is value/mask in the form in which OVS dumps it: bits outside the mask
// are zero (OVS refuses anything else), and a mask of all ones is none.
func (f *Field) masked(value, mask []byte) FieldValue {
	value = slices.Clone(value)
	for i := range value {
		value[i] &= mask[i]
	}
	if slices.Equal(mask, f.fullMask()) {
		return FieldValue{Field: f, Value: value}
	}
	if !f.Maskable {
		panic(fmt.Sprintf("openflow: %s cannot be masked", f.Name))
	}
	return FieldValue{Field: f, Value: value, Mask: slices.Clone(mask)}
}

// fullMask is the mask that OVS takes for an exact match: every bit that a
// value may have.
func (f *Field) fullMask() []byte {
	if f.size <= 8 && f.size > 0 {
		return f.bytes(f.settable)
	}
	return bytes.Repeat([]byte{0xff}, f.size)
}

func (f *Field) bytes(v uint64) []byte {
	if v&^f.settable != 0 {
		panic(fmt.Sprintf("openflow: %#x does not fit into %s", v, f.Name))
	}
	b := make([]byte, max(f.size, 8))
	binary.BigEndian.PutUint64(b[len(b)-8:], v)
	return b[len(b)-f.size:]
}

func (f *Field) addr(a netip.Addr) []byte {
	if f.size == 16 {
		if !a.Is6() {
			panic(fmt.Sprintf("openflow: %s cannot hold %v", f.Name, a))
		}
		return a.AsSlice()
	}
	a = a.Unmap()
	f.mustBe(a.BitLen() / 8)
	return a.AsSlice()
}

func (f *Field) mustBe(size int) {
	if f.size != size {
		panic(fmt.Sprintf("openflow: %s has %d bytes, not %d", f.Name, f.size, size))
	}
}
