package openflow

import "encoding/binary"

// MonitorFlags select what a flow monitor reports (section 7.3.5.17).
type MonitorFlags uint16

// The flags.
const (
	MonitorInitial      MonitorFlags = 1 << 0
	MonitorAdd          MonitorFlags = 1 << 1
	MonitorRemoved      MonitorFlags = 1 << 2
	MonitorModify       MonitorFlags = 1 << 3
	MonitorInstructions MonitorFlags = 1 << 4
	// MonitorNoAbbreviation reports also the subscriber's own changes in
	// full; without it they come as FlowAbbreviated with their xid only.
	MonitorNoAbbreviation MonitorFlags = 1 << 5
	MonitorOnlyOwn        MonitorFlags = 1 << 6
)

// FlowMonitorRequest subscribes to changes of flows.
type FlowMonitorRequest struct {
	MonitorID uint32
	OutPort   uint32
	OutGroup  uint32
	Flags     MonitorFlags
	Table     uint8
	Command   uint8 // 0 adds the monitor, 1 modifies, 2 deletes it
	Match     Match
}

// Kind returns KindFlowMonitor.
func (*FlowMonitorRequest) Kind() MultipartKind { return KindFlowMonitor }

func (r *FlowMonitorRequest) appendBody(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, r.MonitorID)
	b = binary.BigEndian.AppendUint32(b, r.OutPort)
	b = binary.BigEndian.AppendUint32(b, r.OutGroup)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Flags))
	b = append(b, r.Table, r.Command)
	return r.Match.AppendTo(b)
}

func decodeFlowMonitorRequest(d *decoder) *FlowMonitorRequest {
	r := &FlowMonitorRequest{MonitorID: d.u32(), OutPort: d.u32(), OutGroup: d.u32(),
		Flags: MonitorFlags(d.u16()), Table: d.u8(), Command: d.u8()}
	r.Match = d.match()
	return r
}

// FlowEvent is what happened to a flow.
type FlowEvent uint16

// The events. A switch that cannot write its updates fast enough pauses: until
// it resumes it reports deletions only, and then what was added or modified
// meanwhile.
const (
	FlowInitial     FlowEvent = 0
	FlowAdded       FlowEvent = 1
	FlowDeleted     FlowEvent = 2
	FlowModified    FlowEvent = 3
	FlowAbbreviated FlowEvent = 4
	FlowPaused      FlowEvent = 5
	FlowResumed     FlowEvent = 6
)

func (e FlowEvent) String() string {
	switch e {
	case FlowInitial:
		return "initial"
	case FlowAdded:
		return "added"
	case FlowDeleted:
		return "deleted"
	case FlowModified:
		return "modified"
	case FlowAbbreviated:
		return "abbreviated"
	case FlowPaused:
		return "paused"
	case FlowResumed:
		return "resumed"
	}
	return "unknown"
}

// FlowUpdate is one report of a flow monitor. Of an abbreviated one only XID
// is set, of a pause or resumption only Event.
type FlowUpdate struct {
	Event        FlowEvent
	XID          uint32
	Table        uint8
	Reason       FlowRemovedReason
	IdleTimeout  uint16
	HardTimeout  uint16
	Priority     uint16
	Cookie       uint64
	Match        Match
	Instructions []Instruction
}

// FlowUpdates is the body of a flow monitor reply. Replies with xid 0 follow
// the first one for as long as the connection lasts.
type FlowUpdates []FlowUpdate

// Kind returns KindFlowMonitor.
func (FlowUpdates) Kind() MultipartKind { return KindFlowMonitor }

func (us FlowUpdates) appendBody(b []byte) []byte {
	for i := range us {
		b = us[i].appendTo(b)
	}
	return b
}

func (u *FlowUpdate) appendTo(b []byte) []byte {
	start := len(b)
	b = zeros(b, 2)
	b = binary.BigEndian.AppendUint16(b, uint16(u.Event))
	switch u.Event {
	case FlowAbbreviated:
		b = binary.BigEndian.AppendUint32(b, u.XID)
	case FlowPaused, FlowResumed:
		b = zeros(b, 4)
	default:
		b = append(b, u.Table, byte(u.Reason))
		b = binary.BigEndian.AppendUint16(b, u.IdleTimeout)
		b = binary.BigEndian.AppendUint16(b, u.HardTimeout)
		b = binary.BigEndian.AppendUint16(b, u.Priority)
		b = zeros(b, 4)
		b = binary.BigEndian.AppendUint64(b, u.Cookie)
		b = u.Match.AppendTo(b)
		b = AppendInstructions(b, u.Instructions)
	}
	return closeEntry(b, start, 0)
}

func decodeFlowUpdates(d *decoder) FlowUpdates {
	var us FlowUpdates
	d.entries(0, 8, func(e *decoder) {
		e.skip(2)
		u := FlowUpdate{Event: FlowEvent(e.u16())}
		switch u.Event {
		case FlowAbbreviated:
			u.XID = e.u32()
		case FlowPaused, FlowResumed:
		case FlowInitial, FlowAdded, FlowDeleted, FlowModified:
			u.Table, u.Reason = e.u8(), FlowRemovedReason(e.u8())
			u.IdleTimeout, u.HardTimeout, u.Priority = e.u16(), e.u16(), e.u16()
			e.skip(4)
			u.Cookie = e.u64()
			u.Match = e.match()
			u.Instructions = e.instructions()
		default:
			e.fail("flow monitor event %d is unknown", uint16(u.Event))
		}
		us = append(us, u)
	})
	return us
}
