package simhost

import (
	"bytes"
	"encoding/binary"

	"github.com/weft-sdn/weft/openflow"
)

// dump answers with the flows that a request selects.
func (c *conn) dump(r *openflow.FlowStatsRequest, xid uint32) {
	const more = 1
	b := startReply(nil, xid)
	for id, f := range c.sw.flows {
		if r.Table != openflow.TableAll && r.Table != id.table || f.cookie&r.CookieMask != r.Cookie&r.CookieMask ||
			!within(f.body, r.Match) {
			continue
		}
		if len(b) > mostOfReply {
			c.write(b, more)
			b = startReply(b[:0], xid)
		}
		b = appendFlow(b, id, f)
	}
	c.write(b, 0)
}

// within tells whether a flow is one that a looser match selects.
func within(b *body, m openflow.Match) bool {
	if len(m) == 0 {
		return true
	}
	have, _, _ := openflow.ParseMatch([]byte(b.match())) // it was parsed when it came
	for _, v := range m {
		if !narrower(have, v) {
			return false
		}
	}
	return true
}

func narrower(m openflow.Match, v openflow.FieldValue) bool {
	for _, h := range m {
		if h.Field.Name != v.Field.Name {
			continue
		}
		for i := range v.Value {
			mask, counts := byte(0xff), byte(0xff)
			if v.Mask != nil {
				mask = v.Mask[i]
			}
			if h.Mask != nil {
				counts = h.Mask[i]
			}
			if mask&^counts != 0 || (h.Value[i]^v.Value[i])&mask != 0 {
				return false
			}
		}
		return true
	}
	return bytes.Count(v.Mask, []byte{0}) == len(v.Mask) && v.Mask != nil
}

func startReply(b []byte, xid uint32) []byte {
	return (&openflow.MultipartReply{Body: openflow.FlowStatsList(nil)}).AppendTo(b, xid)
}

func (c *conn) write(b []byte, flags uint16) {
	const flagsAt = 10
	binary.BigEndian.PutUint16(b[flagsAt:], flags)
	openflow.FinishMessage(b, 0)
	c.writing.Lock()
	defer c.writing.Unlock()
	_, _ = c.out.Write(b) // an error stays, and flush returns it
}

// appendFlow appends an ofp_flow_stats, whose match and instructions are kept
// as they go over the wire.
func appendFlow(b []byte, id identity, f flow) []byte {
	start := len(b)
	b = append(b, 0, 0, id.table, 0)
	b = append(b, make([]byte, 8)...) // how long it has been there
	for _, v := range [...]uint16{id.priority, f.idle, f.hard, f.flags, f.importance, 0} {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	b = binary.BigEndian.AppendUint64(b, f.cookie)
	b = append(b, make([]byte, 16)...) // packets and bytes
	b = append(b, f.body.match()...)
	b = append(b, f.body.instructions()...)
	binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b
}
