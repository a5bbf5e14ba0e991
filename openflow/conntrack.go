package openflow

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Subtypes of Nicira's experimenter messages about the connection tracker.
const (
	niciraCTFlushZone = 29
	niciraCTFlush     = 32
)

// CTFlushZone makes Open vSwitch forget the connections of a conntrack zone
// (NXT_CT_FLUSH_ZONE).
type CTFlushZone struct{ Zone uint16 }

// Type returns TypeExperimenter.
func (*CTFlushZone) Type() Type { return TypeExperimenter }

// AppendTo appends the message.
func (m *CTFlushZone) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = beginNiciraMessage(b, niciraCTFlushZone, xid)
	return finish(binary.BigEndian.AppendUint16(zeros(b, 6), m.Zone), start)
}

// CTFlush makes Open vSwitch forget the connections of a conntrack zone that
// have all the addresses that it names (NXT_CT_FLUSH, which came with 3.1).
//
// One that selects ICMPv6 connections must not be sent: Open vSwitch 3.1 aborts
// on the type of their messages, which it takes for one of ICMP.
type CTFlush struct {
	Zone            uint16
	Protocol        uint8 // of IP; 0: any
	Original, Reply CTTuple
}

// CTTuple selects one direction of connections by the addresses of its packets.
// An invalid address selects all.
type CTTuple struct{ Src, Dst netip.Addr }

// Properties of the message, and of the tuples in it.
const (
	ctOriginal = 0
	ctReply    = 1
	ctZone     = 2

	ctSrc = 0
	ctDst = 1
)

// Type returns TypeExperimenter.
func (*CTFlush) Type() Type { return TypeExperimenter }

// AppendTo appends the message.
func (m *CTFlush) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = beginNiciraMessage(b, niciraCTFlush, xid)
	return finish(m.appendBody(b), start)
}

func (m *CTFlush) appendBody(b []byte) []byte {
	b = zeros(append(b, m.Protocol), 7)
	b = m.Original.appendTo(b, ctOriginal)
	b = m.Reply.appendTo(b, ctReply)
	// Open vSwitch counts the padding of a number of 16 bits (ofpprop_put_u16).
	return appendProperty(b, ctZone, zeros(binary.BigEndian.AppendUint16(nil, m.Zone), 2))
}

// appendTo appends the tuple as a property with properties in it, unless it
// selects all.
func (t CTTuple) appendTo(b []byte, property uint16) []byte {
	if t == (CTTuple{}) {
		return b
	}
	inner := zeros(nil, 4)
	for i, a := range [...]netip.Addr{ctSrc: t.Src, ctDst: t.Dst} {
		if a.IsValid() {
			address := a.As16() // of IPv4 the mapped one
			inner = appendProperty(inner, uint16(i), address[:])
		}
	}
	return appendProperty(b, property, inner)
}

// parseCTFlush decodes the body of a CTFlush, or returns nil where that says
// more than a CTFlush can.
func parseCTFlush(body []byte) *CTFlush {
	d := &decoder{b: body}
	m := &CTFlush{Protocol: d.u8()}
	d.skip(7)
	for _, p := range decodeProperties(d) {
		switch in := (&decoder{b: p.Data}); p.Type {
		case ctOriginal:
			m.Original = decodeTuple(in)
		case ctReply:
			m.Reply = decodeTuple(in)
		case ctZone:
			m.Zone = in.u16()
		}
	}
	if !bytes.Equal(m.appendBody(nil), body) {
		return nil
	}
	return m
}

func decodeTuple(d *decoder) CTTuple {
	d.skip(4)
	var t CTTuple
	for _, p := range decodeProperties(d) {
		address, _ := netip.AddrFromSlice(p.Data)
		switch p.Type {
		case ctSrc:
			t.Src = address.Unmap()
		case ctDst:
			t.Dst = address.Unmap()
		}
	}
	return t
}
