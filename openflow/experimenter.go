package openflow

import "encoding/binary"

// Nicira is the experimenter id of the extensions of Open vSwitch.
const Nicira uint32 = 0x00002320

// niciraCTFlushZone empties one zone of the connection tracker.
const niciraCTFlushZone = 29

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

// CTFlushZone makes Open vSwitch forget the connections of a conntrack zone
// (NXT_CT_FLUSH_ZONE).
type CTFlushZone struct{ Zone uint16 }

// Type returns TypeExperimenter.
func (*CTFlushZone) Type() Type { return TypeExperimenter }

// AppendTo appends the message.
func (m *CTFlushZone) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeExperimenter, xid)
	b = binary.BigEndian.AppendUint32(b, Nicira)
	b = binary.BigEndian.AppendUint32(b, niciraCTFlushZone)
	return finish(binary.BigEndian.AppendUint16(zeros(b, 6), m.Zone), start)
}

func decodeExperimenter(d *decoder) Message {
	m := &Experimenter{ID: d.u32(), Subtype: d.u32()}
	if m.ID == Nicira && m.Subtype == niciraCTFlushZone && len(d.b) == 8 {
		d.skip(6)
		return &CTFlushZone{Zone: d.u16()}
	}
	m.Data = d.rest()
	return m
}
