package openflow

import "encoding/binary"

// Nicira is the experimenter id of the extensions of Open vSwitch.
const Nicira uint32 = 0x00002320

// Experimenter is an extension's message.
type Experimenter struct {
	ID      uint32
	Subtype uint32
	Data    []byte
}

// Type returns TypeExperimenter.
func (*Experimenter) Type() Type { return TypeExperimenter }

// AppendTo appends the message.
func (m *Experimenter) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeExperimenter, xid)
	b = binary.BigEndian.AppendUint32(b, m.ID)
	b = binary.BigEndian.AppendUint32(b, m.Subtype)
	return finish(append(b, m.Data...), start)
}

// beginNicira appends the beginning of one of Open vSwitch's own messages.
func beginNiciraMessage(b []byte, subtype, xid uint32) []byte {
	b = begin(b, TypeExperimenter, xid)
	b = binary.BigEndian.AppendUint32(b, Nicira)
	return binary.BigEndian.AppendUint32(b, subtype)
}

func decodeExperimenter(d *decoder) Message {
	m := &Experimenter{ID: d.u32(), Subtype: d.u32()}
	if m.ID == Nicira && m.Subtype == niciraCTFlushZone && len(d.b) == 8 {
		d.skip(6)
		return &CTFlushZone{Zone: d.u16()}
	}
	m.Data = d.rest()
	if m.ID == Nicira && m.Subtype == niciraCTFlush {
		if flush := parseCTFlush(m.Data); flush != nil {
			return flush
		}
	}
	return m
}
