package openflow

import (
	"encoding/binary"
	"fmt"
)

// decoder reads the fixed fields of a message front to back. The first read
// beyond the end sets err and every later read returns zeros, so that a
// decoding function states its layout without a check on each line.
type decoder struct {
	b   []byte
	err error
}

// next returns the following n bytes, without copying them.
func (d *decoder) next(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b) {
		if d.err == nil {
			d.err = fmt.Errorf("%d bytes wanted, %d left", n, len(d.b))
		}
		d.b = nil
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) skip(n int) { d.next(n) }

func (d *decoder) u8() uint8 {
	if p := d.next(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) u16() uint16 {
	if p := d.next(2); p != nil {
		return binary.BigEndian.Uint16(p)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if p := d.next(4); p != nil {
		return binary.BigEndian.Uint32(p)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if p := d.next(8); p != nil {
		return binary.BigEndian.Uint64(p)
	}
	return 0
}

// rest returns what is left, copied: messages outlive the read buffer.
func (d *decoder) rest() []byte {
	if d.err != nil || len(d.b) == 0 {
		return nil
	}
	p := append([]byte(nil), d.b...)
	d.b = nil
	return p
}

// fail records what is wrong, unless something was wrong before.
func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf(format, args...)
	}
}

// match reads an ofp_match with its padding.
func (d *decoder) match() Match {
	if d.err != nil {
		return nil
	}
	m, rest, err := ParseMatch(d.b)
	if err != nil {
		d.err = err
		return nil
	}
	d.b = rest
	return m
}

// actions reads n bytes of actions.
func (d *decoder) actions(n int) []Action {
	p := d.next(n)
	if d.err != nil {
		return nil
	}
	as, err := ParseActions(p)
	if err != nil {
		d.err = err
	}
	return as
}

// instructions reads what is left as instructions.
func (d *decoder) instructions() []Instruction {
	if d.err != nil {
		return nil
	}
	is, err := ParseInstructions(d.b)
	if err != nil {
		d.err = err
	}
	d.b = nil
	return is
}

// entries splits what is left into structures that each begin with their own
// length, 16 bits at offset at, and hands them to f one by one.
func (d *decoder) entries(at, minimum int, f func(e *decoder)) {
	var e decoder
	for d.err == nil && len(d.b) > 0 {
		if len(d.b) < minimum {
			d.fail("%d bytes left, too few for an entry of at least %d", len(d.b), minimum)
			return
		}
		n := int(binary.BigEndian.Uint16(d.b[at:]))
		if n < minimum || n > len(d.b) {
			d.fail("entry of length %d where %d to %d are possible", n, minimum, len(d.b))
			return
		}
		e = decoder{b: d.next(n)}
		f(&e)
		if e.err != nil {
			d.err = e.err
		}
	}
}

// zeros appends n bytes of padding.
func zeros(b []byte, n int) []byte {
	for range n {
		b = append(b, 0)
	}
	return b
}

// padTo8 appends zeros until what was written since start is a multiple of 8.
func padTo8(b []byte, start int) []byte {
	return zeros(b, -(len(b)-start)&7)
}

// begin appends the header of a message; finish sets its length.
func begin(b []byte, t Type, xid uint32) []byte {
	b = append(b, Version, byte(t), 0, 0)
	return binary.BigEndian.AppendUint32(b, xid)
}

// finish writes the length of the message that starts at start. A message
// that outgrows the 16 bits of its length cannot be said in OpenFlow: senders
// compare the growth of their buffer with MaxMessage.
func finish(b []byte, start int) []byte {
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// closeEntry writes the length of the entry that starts at start, at offset at.
func closeEntry(b []byte, start, at int) []byte {
	binary.BigEndian.PutUint16(b[start+at:], uint16(len(b)-start))
	return b
}
