package openflow

import (
	"encoding/binary"
	"slices"
)

// Hello opens a connection (section 7.5.1). A side that sends a version bitmap
// names every version it speaks; one that does not speaks all up to Version.
type Hello struct {
	Version  uint8 // of the header
	Versions []uint8
	Other    []Property // elements other than the bitmap
}

const helloVersionBitmap = 1

// Type returns TypeHello.
func (*Hello) Type() Type { return TypeHello }

// Speaks tells whether the sender of the hello speaks version v.
func (m *Hello) Speaks(v uint8) bool {
	if m.Versions == nil {
		return v <= m.Version
	}
	return slices.Contains(m.Versions, v)
}

// AppendTo appends the message in the version it names.
func (m *Hello) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeHello, xid)
	b[start] = m.Version
	if m.Versions != nil {
		var words []uint32
		for _, v := range m.Versions {
			for int(v)/32 >= len(words) {
				words = append(words, 0)
			}
			words[v/32] |= 1 << (v % 32)
		}
		element := len(b)
		b = binary.BigEndian.AppendUint16(b, helloVersionBitmap)
		b = binary.BigEndian.AppendUint16(b, uint16(4+4*len(words)))
		for _, w := range words {
			b = binary.BigEndian.AppendUint32(b, w)
		}
		b = padTo8(b, element)
	}
	return finish(appendProperties(b, m.Other), start)
}

func decodeHello(version uint8, d *decoder) Message {
	m := &Hello{Version: version}
	for _, p := range decodeProperties(d) {
		if p.Type != helloVersionBitmap || m.Versions != nil {
			m.Other = append(m.Other, p)
			continue
		}
		m.Versions = []uint8{}
		e := &decoder{b: p.Data}
		for base := 0; len(e.b) >= 4 && base < 256; base += 32 {
			for w, bit := e.u32(), 0; w != 0; w, bit = w>>1, bit+1 {
				if w&1 != 0 {
					m.Versions = append(m.Versions, uint8(base+bit))
				}
			}
		}
	}
	return m
}

// Property is a type-length-value of a hello, port, port statistics, bundle or
// asynchronous configuration, as OpenFlow 1.4 uses them everywhere.
type Property struct {
	Type uint16
	Data []byte // without type, length and padding
}

func appendProperty(b []byte, typ uint16, data []byte) []byte {
	start := len(b)
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(data)))
	return padTo8(append(b, data...), start)
}

func appendProperties(b []byte, ps []Property) []byte {
	for _, p := range ps {
		b = appendProperty(b, p.Type, p.Data)
	}
	return b
}

// decodeProperties reads what is left. The length of a property does not count
// the padding that follows it.
func decodeProperties(d *decoder) []Property {
	var ps []Property
	for d.err == nil && len(d.b) > 0 {
		p := Property{Type: d.u16()}
		n := int(d.u16())
		if n < 4 {
			d.fail("property %d of length %d, shorter than its header", p.Type, n)
			return nil
		}
		p.Data = append([]byte(nil), d.next(n-4)...)
		// The last one may come without its padding.
		d.skip(min(-n&7, len(d.b)))
		ps = append(ps, p)
	}
	return ps
}
