package openflow

import "encoding/binary"

// EchoRequest asks the other side for a sign of life.
type EchoRequest struct{ Data []byte }

// EchoReply answers an EchoRequest with the same data.
type EchoReply struct{ Data []byte }

// Type returns TypeEchoRequest.
func (*EchoRequest) Type() Type { return TypeEchoRequest }

// Type returns TypeEchoReply.
func (*EchoReply) Type() Type { return TypeEchoReply }

// AppendTo appends the message.
func (m *EchoRequest) AppendTo(b []byte, xid uint32) []byte {
	return finish(append(begin(b, TypeEchoRequest, xid), m.Data...), len(b))
}

// AppendTo appends the message.
func (m *EchoReply) AppendTo(b []byte, xid uint32) []byte {
	return finish(append(begin(b, TypeEchoReply, xid), m.Data...), len(b))
}

func decodeEchoRequest(d *decoder) Message { return &EchoRequest{d.rest()} }
func decodeEchoReply(d *decoder) Message   { return &EchoReply{d.rest()} }

// FeaturesRequest asks a switch who it is.
type FeaturesRequest struct{}

// Type returns TypeFeaturesRequest.
func (*FeaturesRequest) Type() Type { return TypeFeaturesRequest }

// AppendTo appends the message.
func (*FeaturesRequest) AppendTo(b []byte, xid uint32) []byte {
	return empty(b, TypeFeaturesRequest, xid)
}

// FeaturesReply says which datapath is at the other end.
type FeaturesReply struct {
	DatapathID   uint64
	Buffers      uint32
	Tables       uint8
	AuxiliaryID  uint8
	Capabilities uint32
	Reserved     uint32
}

// Type returns TypeFeaturesReply.
func (*FeaturesReply) Type() Type { return TypeFeaturesReply }

// AppendTo appends the message.
func (m *FeaturesReply) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeFeaturesReply, xid)
	b = binary.BigEndian.AppendUint64(b, m.DatapathID)
	b = binary.BigEndian.AppendUint32(b, m.Buffers)
	b = append(b, m.Tables, m.AuxiliaryID, 0, 0)
	b = binary.BigEndian.AppendUint32(b, m.Capabilities)
	b = binary.BigEndian.AppendUint32(b, m.Reserved)
	return finish(b, start)
}

func decodeFeaturesReply(d *decoder) Message {
	m := &FeaturesReply{DatapathID: d.u64(), Buffers: d.u32(), Tables: d.u8(), AuxiliaryID: d.u8()}
	d.skip(2)
	m.Capabilities, m.Reserved = d.u32(), d.u32()
	return m
}

// SwitchConfig is how a switch treats IP fragments, and how much of a packet
// that misses goes to the controller. With MissSendLen 0 a service connection
// gets no asynchronous messages from Open vSwitch at all.
type SwitchConfig struct {
	Flags       uint16
	MissSendLen uint16
}

// FragmentsMatched as Flags makes the tables see the transport of a first
// fragment (OFPUTIL_FRAG_NX_MATCH of Open vSwitch).
const FragmentsMatched uint16 = 3

// WholePacket as MissSendLen sends packets whole (OFPCML_NO_BUFFER).
const WholePacket uint16 = 0xffff

// GetConfigRequest asks for the SwitchConfig.
type GetConfigRequest struct{}

// GetConfigReply answers with it.
type GetConfigReply struct{ SwitchConfig }

// SetConfig sets it.
type SetConfig struct{ SwitchConfig }

// Type returns TypeGetConfigRequest.
func (*GetConfigRequest) Type() Type { return TypeGetConfigRequest }

// Type returns TypeGetConfigReply.
func (*GetConfigReply) Type() Type { return TypeGetConfigReply }

// Type returns TypeSetConfig.
func (*SetConfig) Type() Type { return TypeSetConfig }

// AppendTo appends the message.
func (*GetConfigRequest) AppendTo(b []byte, xid uint32) []byte {
	return empty(b, TypeGetConfigRequest, xid)
}

// AppendTo appends the message.
func (m *GetConfigReply) AppendTo(b []byte, xid uint32) []byte {
	return finish(m.appendConfig(begin(b, TypeGetConfigReply, xid)), len(b))
}

// AppendTo appends the message.
func (m *SetConfig) AppendTo(b []byte, xid uint32) []byte {
	return finish(m.appendConfig(begin(b, TypeSetConfig, xid)), len(b))
}

func (c SwitchConfig) appendConfig(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, c.Flags)
	return binary.BigEndian.AppendUint16(b, c.MissSendLen)
}

func decodeGetConfigReply(d *decoder) Message {
	return &GetConfigReply{SwitchConfig{d.u16(), d.u16()}}
}

func decodeSetConfig(d *decoder) Message {
	return &SetConfig{SwitchConfig{d.u16(), d.u16()}}
}

// BarrierRequest asks for a reply once everything sent before is done.
type BarrierRequest struct{}

// BarrierReply is that reply.
type BarrierReply struct{}

// Type returns TypeBarrierRequest.
func (*BarrierRequest) Type() Type { return TypeBarrierRequest }

// Type returns TypeBarrierReply.
func (*BarrierReply) Type() Type { return TypeBarrierReply }

// AppendTo appends the message.
func (*BarrierRequest) AppendTo(b []byte, xid uint32) []byte {
	return empty(b, TypeBarrierRequest, xid)
}

// AppendTo appends the message.
func (*BarrierReply) AppendTo(b []byte, xid uint32) []byte {
	return empty(b, TypeBarrierReply, xid)
}
