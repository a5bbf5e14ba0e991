package openflow

import "encoding/binary"

// Commands of a FlowMod (section 7.3.4.2).
const (
	FlowAdd          uint8 = 0
	FlowModify       uint8 = 1
	FlowModifyStrict uint8 = 2
	FlowDelete       uint8 = 3
	FlowDeleteStrict uint8 = 4
)

// FlowMod changes the flow table.
type FlowMod struct {
	Cookie, CookieMask uint64
	Table, Command     uint8
	IdleTimeout        uint16
	HardTimeout        uint16
	Priority           uint16
	BufferID           uint32
	OutPort, OutGroup  uint32
	Flags, Importance  uint16
	Match              Match
	Instructions       []Instruction
}

// Type returns TypeFlowMod.
func (*FlowMod) Type() Type { return TypeFlowMod }

// AppendTo appends the message, and allocates nothing if b has room.
func (m *FlowMod) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = m.appendFixed(b, xid)
	b = m.Match.AppendTo(b)
	return finish(AppendInstructions(b, m.Instructions), start)
}

// AppendEncoded appends the message with a match (with its header and padding)
// and instructions that are encoded already, in place of the decoded ones.
func (m *FlowMod) AppendEncoded(b []byte, xid uint32, match, instructions string) []byte {
	start := len(b)
	b = m.appendFixed(b, xid)
	b = append(b, match...)
	return finish(append(b, instructions...), start)
}

func (m *FlowMod) appendFixed(b []byte, xid uint32) []byte {
	b = begin(b, TypeFlowMod, xid)
	b = binary.BigEndian.AppendUint64(b, m.Cookie)
	b = binary.BigEndian.AppendUint64(b, m.CookieMask)
	b = append(b, m.Table, m.Command)
	b = binary.BigEndian.AppendUint16(b, m.IdleTimeout)
	b = binary.BigEndian.AppendUint16(b, m.HardTimeout)
	b = binary.BigEndian.AppendUint16(b, m.Priority)
	b = binary.BigEndian.AppendUint32(b, m.BufferID)
	b = binary.BigEndian.AppendUint32(b, m.OutPort)
	b = binary.BigEndian.AppendUint32(b, m.OutGroup)
	b = binary.BigEndian.AppendUint16(b, m.Flags)
	return binary.BigEndian.AppendUint16(b, m.Importance)
}

func decodeFlowMod(d *decoder) Message {
	m := &FlowMod{Cookie: d.u64(), CookieMask: d.u64(), Table: d.u8(), Command: d.u8(),
		IdleTimeout: d.u16(), HardTimeout: d.u16(), Priority: d.u16(),
		BufferID: d.u32(), OutPort: d.u32(), OutGroup: d.u32(), Flags: d.u16(), Importance: d.u16()}
	m.Match = d.match()
	m.Instructions = d.instructions()
	return m
}

// FlowRemoved tells that a flow is gone.
type FlowRemoved struct {
	Cookie       uint64
	Priority     uint16
	Reason       FlowRemovedReason
	Table        uint8
	DurationSec  uint32
	DurationNsec uint32
	IdleTimeout  uint16
	HardTimeout  uint16
	Packets      uint64
	Bytes        uint64
	Match        Match
}

// FlowRemovedReason says why a flow went.
type FlowRemovedReason uint8

// The reasons (section 7.4.2).
const (
	RemovedIdle        FlowRemovedReason = 0
	RemovedHard        FlowRemovedReason = 1
	RemovedByDelete    FlowRemovedReason = 2
	RemovedWithGroup   FlowRemovedReason = 3
	RemovedWithMeter   FlowRemovedReason = 4
	RemovedForEviction FlowRemovedReason = 5
)

// Type returns TypeFlowRemoved.
func (*FlowRemoved) Type() Type { return TypeFlowRemoved }

// AppendTo appends the message.
func (m *FlowRemoved) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeFlowRemoved, xid)
	b = binary.BigEndian.AppendUint64(b, m.Cookie)
	b = binary.BigEndian.AppendUint16(b, m.Priority)
	b = append(b, byte(m.Reason), m.Table)
	b = binary.BigEndian.AppendUint32(b, m.DurationSec)
	b = binary.BigEndian.AppendUint32(b, m.DurationNsec)
	b = binary.BigEndian.AppendUint16(b, m.IdleTimeout)
	b = binary.BigEndian.AppendUint16(b, m.HardTimeout)
	b = binary.BigEndian.AppendUint64(b, m.Packets)
	b = binary.BigEndian.AppendUint64(b, m.Bytes)
	return finish(m.Match.AppendTo(b), start)
}

func decodeFlowRemoved(d *decoder) Message {
	m := &FlowRemoved{Cookie: d.u64(), Priority: d.u16(), Reason: FlowRemovedReason(d.u8()), Table: d.u8(),
		DurationSec: d.u32(), DurationNsec: d.u32(), IdleTimeout: d.u16(), HardTimeout: d.u16(),
		Packets: d.u64(), Bytes: d.u64()}
	m.Match = d.match()
	return m
}
