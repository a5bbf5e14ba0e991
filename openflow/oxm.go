package openflow

import (
	"encoding/binary"
	"fmt"
)

// A header names a field on the wire (OpenFlow 1.4, 7.2.2.2, "OXM TLVs"):
// class, field, has-mask bit and payload length in the upper 32 bits, and for
// class 0xffff the experimenter in the lower 32.
type header uint64

const (
	hasMask           = header(1) << 40
	experimenterClass = 0xffff

	nicira = 0x00002320 // experimenter of Nicira's actions
	onf    = 0x4f4e4600 // experimenter of ONFOXM_ET fields
)

func newHeader(class uint16, field uint8, experimenter uint32, length int) header {
	if class == experimenterClass {
		length += 4
	}
	return header(class)<<48 | header(field)<<41 | header(length)<<32 | header(experimenter)
}

func (h header) isExperimenter() bool { return h>>48 == experimenterClass }

// payload is the number of bytes of value and mask after the header.
func (h header) payload() int {
	n := int(h >> 32 & 0xff)
	if h.isExperimenter() {
		n -= 4
	}
	return n
}

// withPayload is h with the length of another payload.
func (h header) withPayload(n int) header {
	if h.isExperimenter() {
		n += 4
	}
	return h&^(0xff<<32) | header(n)<<32
}

// key is h without the has-mask bit and the length: what identifies a field.
func (h header) key() header { return h &^ (0x1ff << 32) }

func (h header) appendTo(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(h>>32))
	if h.isExperimenter() {
		b = binary.BigEndian.AppendUint32(b, uint32(h))
	}
	return b
}

// parseHeader reads a header. The payload it announces may be longer than rest.
func parseHeader(b []byte) (h header, rest []byte, err error) {
	if len(b) < 4 {
		return 0, nil, fmt.Errorf("parse OXM header: %d bytes left, want 4", len(b))
	}
	h = header(binary.BigEndian.Uint32(b)) << 32
	b = b[4:]
	if h.isExperimenter() {
		if len(b) < 4 || h>>32&0xff < 4 {
			return 0, nil, fmt.Errorf("parse OXM header %#x: too short for its experimenter", uint32(h>>32))
		}
		h |= header(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	return h, b, nil
}

// appendTo appends the TLV of v under the header that matches and set_field use.
func (v FieldValue) appendTo(b []byte) []byte {
	h := v.Field.oxm.withPayload(len(v.Value) + len(v.Mask))
	if v.Mask != nil {
		h |= hasMask
	}
	b = h.appendTo(b)
	b = append(b, v.Value...)
	return append(b, v.Mask...)
}

// parseFieldValue reads one TLV. The value aliases b.
func parseFieldValue(b []byte) (v FieldValue, rest []byte, err error) {
	h, rest, err := parseHeader(b)
	if err != nil {
		return v, nil, err
	}
	n := h.payload()
	if n > len(rest) {
		return v, nil, fmt.Errorf("parse OXM %#x: %d bytes of payload announced, %d left", uint32(h>>32), n, len(rest))
	}
	payload, rest := rest[:n:n], rest[n:]
	if h&hasMask != 0 {
		if n%2 != 0 {
			return v, nil, fmt.Errorf("parse OXM %#x: value and mask together have the odd length %d", uint32(h>>32), n)
		}
		v.Value, v.Mask = payload[:n/2:n/2], payload[n/2:]
	} else {
		v.Value = payload
	}
	v.Field = matchField(h, len(v.Value))
	return v, rest, nil
}
