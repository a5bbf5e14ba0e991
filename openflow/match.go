package openflow

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// A Match is what a packet must look like: every field of it.
type Match []FieldValue

// matchOXM is the only type of struct ofp_match (OpenFlow 1.4, 7.2.2.1).
const matchOXM = 1

// NewMatch is a match of these fields in the order in which OVS dumps them, so
// that what comes back is byte for byte what was sent. What a field needs before
// it may be matched (eth_type for an address, ip_proto for a port) is given like
// any other field. A field whose mask is zero matches everything, and OVS drops
// it; so does NewMatch. Three kinds of fields come back as others: XReg and XXReg
// (as Reg), VLANTCI (as VLANVID and VLANPCP) and InPort16 (as InPort).
func NewMatch(fields ...FieldValue) Match {
	m := make(Match, 0, len(fields))
	for _, v := range fields {
		if v.Mask == nil && v.Field.always != 0 {
			v.Mask = v.Field.bytes(v.Field.always)
		}
		if v.Mask == nil || !isZero(v.Mask) {
			m = append(m, v)
		}
	}
	slices.SortStableFunc(m, func(a, b FieldValue) int {
		return cmp.Compare(a.Field.rank, b.Field.rank)
	})
	return m
}

// AppendTo appends m as a struct ofp_match with its padding.
func (m Match) AppendTo(b []byte) []byte {
	start := len(b)
	b = append(b, 0, matchOXM, 0, 0)
	for _, v := range m {
		b = v.appendTo(b)
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return pad8(b, start)
}

// ParseMatch reads a struct ofp_match with its padding. The match does not
// share memory with b.
func ParseMatch(b []byte) (m Match, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, fmt.Errorf("parse match: %d bytes left, want at least 4", len(b))
	}
	if t := binary.BigEndian.Uint16(b); t != matchOXM {
		return nil, nil, fmt.Errorf("parse match: type %d, want %d (OXM)", t, matchOXM)
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	padded := (n + 7) / 8 * 8
	if n < 4 || padded > len(b) {
		return nil, nil, fmt.Errorf("parse match: length %d of %d bytes", n, len(b))
	}
	tlvs := slices.Clone(b[4:n])
	for len(tlvs) > 0 {
		var v FieldValue
		v, tlvs, err = parseFieldValue(tlvs)
		if err != nil {
			return nil, nil, fmt.Errorf("parse match: %w", err)
		}
		m = append(m, v)
	}
	return m, b[padded:], nil
}

// pad8 fills b with zeros until it is a multiple of eight bytes long from start.
func pad8(b []byte, start int) []byte {
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	return b
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
