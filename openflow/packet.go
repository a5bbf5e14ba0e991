package openflow

import "encoding/binary"

// NoBuffer as a buffer id: the packet is in the message itself.
const NoBuffer uint32 = 0xffffffff

// Reserved group numbers (section 7.2.1); action_output.go has those of ports.
const (
	GroupAll uint32 = 0xfffffffc
	GroupAny uint32 = 0xffffffff
)

// PacketIn is a packet that a flow sent to the controller.
type PacketIn struct {
	BufferID uint32
	TotalLen uint16 // of the packet, of which Data may be the beginning
	Reason   uint8
	Table    uint8
	Cookie   uint64
	Match    Match // the packet's metadata: in_port, tunnel fields, registers
	Data     []byte
}

// Type returns TypePacketIn.
func (*PacketIn) Type() Type { return TypePacketIn }

// InPort returns the port that the packet came in on.
func (m *PacketIn) InPort() uint32 {
	for _, v := range m.Match {
		if v.Field == InPort && len(v.Value) == 4 {
			return binary.BigEndian.Uint32(v.Value)
		}
	}
	return PortAny
}

// AppendTo appends the message.
func (m *PacketIn) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypePacketIn, xid)
	b = binary.BigEndian.AppendUint32(b, m.BufferID)
	b = binary.BigEndian.AppendUint16(b, m.TotalLen)
	b = append(b, m.Reason, m.Table)
	b = binary.BigEndian.AppendUint64(b, m.Cookie)
	b = m.Match.AppendTo(b)
	b = append(b, 0, 0) // aligns the IP header behind the Ethernet header
	return finish(append(b, m.Data...), start)
}

func decodePacketIn(d *decoder) Message {
	m := &PacketIn{BufferID: d.u32(), TotalLen: d.u16(), Reason: d.u8(), Table: d.u8(), Cookie: d.u64()}
	m.Match = d.match()
	d.skip(2)
	m.Data = d.rest()
	return m
}

// PacketOut makes a switch run actions on a packet.
type PacketOut struct {
	BufferID uint32
	InPort   uint32
	Actions  []Action
	Data     []byte
}

// Type returns TypePacketOut.
func (*PacketOut) Type() Type { return TypePacketOut }

// AppendTo appends the message.
func (m *PacketOut) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypePacketOut, xid)
	b = binary.BigEndian.AppendUint32(b, m.BufferID)
	b = binary.BigEndian.AppendUint32(b, m.InPort)
	length := len(b)
	b = zeros(b, 8)
	b = AppendActions(b, m.Actions)
	binary.BigEndian.PutUint16(b[length:], uint16(len(b)-length-8))
	return finish(append(b, m.Data...), start)
}

func decodePacketOut(d *decoder) Message {
	m := &PacketOut{BufferID: d.u32(), InPort: d.u32()}
	n := int(d.u16())
	d.skip(6)
	m.Actions = d.actions(n)
	m.Data = d.rest()
	return m
}
