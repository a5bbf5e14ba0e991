package openflow

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Reserved ports (OpenFlow 1.4, 7.2.1). In 16 bits, as resubmit has them, they
// are their lower halves.
const (
	PortMax        = 0xffffff00
	PortInPort     = 0xfffffff8
	PortTable      = 0xfffffff9
	PortNormal     = 0xfffffffa
	PortFlood      = 0xfffffffb
	PortAll        = 0xfffffffc
	PortController = 0xfffffffd
	PortLocal      = 0xfffffffe
	PortAny        = 0xffffffff
)

// TableAll stands for every table, and in Resubmit for the current one.
const TableAll = 0xff

// Output sends the packet to a port. MaxLen counts for PortController only.
type Output struct {
	Port   uint32
	MaxLen uint16
}

func (a Output) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginStandard(b, typeOutput)
	b = binary.BigEndian.AppendUint32(b, a.Port)
	b = binary.BigEndian.AppendUint16(b, a.MaxLen)
	return end(append(b, make([]byte, 6)...), start)
}

func parseOutput(body []byte) Action {
	if len(body) < 6 {
		return nil
	}
	return Output{binary.BigEndian.Uint32(body), binary.BigEndian.Uint16(body[4:])}
}

// OutputTrunc sends at most MaxLen bytes of the packet to a port.
type OutputTrunc struct {
	Port   uint16
	MaxLen uint32
}

func (a OutputTrunc) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxOutputTrunc)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	return end(binary.BigEndian.AppendUint32(b, a.MaxLen), start)
}

func parseOutputTrunc(body []byte) Action {
	return OutputTrunc{binary.BigEndian.Uint16(body), binary.BigEndian.Uint32(body[2:])}
}

// OutputReg sends the packet to the port whose number Src holds.
type OutputReg struct {
	Src    Subfield
	MaxLen uint16
}

func (a OutputReg) AppendTo(b []byte) []byte {
	start := len(b)
	if a.Src.Field.nxm.isExperimenter() {
		// OUTPUT_REG has no room for a long header.
		b = beginNicira(b, nxOutputReg2)
		b = binary.BigEndian.AppendUint16(b, a.Src.packed())
		b = binary.BigEndian.AppendUint16(b, a.MaxLen)
		b = a.Src.Field.nxm.appendTo(b)
		return end(append(b, make([]byte, 24-(len(b)-start))...), start)
	}
	b = beginNicira(b, nxOutputReg)
	b = binary.BigEndian.AppendUint16(b, a.Src.packed())
	b = a.Src.Field.nxm.appendTo(b)
	b = binary.BigEndian.AppendUint16(b, a.MaxLen)
	return end(append(b, 0, 0, 0, 0, 0, 0), start)
}

func (a OutputReg) String() string { return "output:" + a.Src.String() }

func parseOutputReg(subtype uint16, body []byte) Action {
	if len(body) != 14 {
		return nil
	}
	packed := binary.BigEndian.Uint16(body)
	if subtype == nxOutputReg2 {
		src, _, ok := parseSubfield(packed, body[4:])
		if !ok {
			return nil
		}
		return OutputReg{src, binary.BigEndian.Uint16(body[2:])}
	}
	src, rest, ok := parseSubfield(packed, body[2:])
	if !ok || len(rest) < 2 {
		return nil
	}
	return OutputReg{src, binary.BigEndian.Uint16(rest)}
}

// Group hands the packet to a group.
type Group struct{ ID uint32 }

func (a Group) AppendTo(b []byte) []byte {
	b = append(b, 0, typeGroup, 0, 8)
	return binary.BigEndian.AppendUint32(b, a.ID)
}

func (a Group) String() string { return fmt.Sprintf("group:%d", a.ID) }

// Resubmit looks the packet up in another table and then goes on with the
// actions that follow. Port is PortInPort in 16 bits for the port it came in on.
type Resubmit struct {
	Port  uint16
	Table uint8
	CT    bool // match with the connection-tracking fields swapped
}

// ResubmitTo looks the packet up in a table, with the port it came in on.
func ResubmitTo(table uint8) Resubmit { return Resubmit{Port: PortInPort & 0xffff, Table: table} }

func (a Resubmit) AppendTo(b []byte) []byte {
	start := len(b)
	subtype := uint16(nxResubmitTable)
	if a.CT {
		subtype = nxResubmitTableCT
	}
	b = beginNicira(b, subtype)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	return end(append(b, a.Table, 0, 0, 0), start)
}

// Reasons that a packet may be sent to the controller with (OpenFlow 1.4, 7.4.1).
const (
	ReasonNoMatch    = 0
	ReasonAction     = 1
	ReasonInvalidTTL = 2
	ReasonActionSet  = 3
	ReasonGroup      = 4
	ReasonPacketOut  = 5
)

// Controller sends the packet to the controllers whose id is ID (see
// NXT_SET_CONTROLLER_ID), through a meter if it is not zero.
type Controller struct {
	MaxLen   uint16 // 0xffff: all of it
	ID       uint16
	Reason   uint8
	UserData []byte // comes back in the packet-in
	Pause    bool   // freeze, to be resumed by the controller
	Meter    uint32
}

// Properties of NXAST_CONTROLLER2.
const (
	propMaxLen   = 0
	propID       = 1
	propReason   = 2
	propUserData = 3
	propPause    = 4
	propMeter    = 5
)

func (a Controller) AppendTo(b []byte) []byte {
	start := len(b)
	if len(a.UserData) == 0 && !a.Pause && a.Meter == 0 {
		b = beginNicira(b, nxController)
		b = binary.BigEndian.AppendUint16(b, a.MaxLen)
		b = binary.BigEndian.AppendUint16(b, a.ID)
		return end(append(b, a.Reason, 0), start)
	}
	b = append(beginNicira(b, nxController2), make([]byte, 6)...)
	if a.MaxLen != 0xffff {
		b = append(b, 0, propMaxLen, 0, 8, byte(a.MaxLen>>8), byte(a.MaxLen), 0, 0)
	}
	if a.ID != 0 {
		b = append(b, 0, propID, 0, 8, byte(a.ID>>8), byte(a.ID), 0, 0)
	}
	if a.Reason != ReasonAction {
		b = append(b, 0, propReason, 0, 5, a.Reason, 0, 0, 0)
	}
	if len(a.UserData) > 0 {
		b = append(b, 0, propUserData)
		b = binary.BigEndian.AppendUint16(b, uint16(4+len(a.UserData)))
		b = pad8(append(b, a.UserData...), start)
	}
	if a.Pause {
		b = append(b, 0, propPause, 0, 4, 0, 0, 0, 0)
	}
	if a.Meter != 0 {
		b = append(b, 0, propMeter, 0, 8)
		b = binary.BigEndian.AppendUint32(b, a.Meter)
	}
	return end(b, start)
}

func (a Controller) String() string {
	if len(a.UserData) == 0 && !a.Pause && a.Meter == 0 && a.ID == 0 && a.Reason == ReasonAction {
		return fmt.Sprintf("CONTROLLER:%d", a.MaxLen)
	}
	var parts []string
	if a.Reason != ReasonAction {
		parts = append(parts, "reason="+nameOf(reasonNames, uint16(a.Reason)))
	}
	if a.MaxLen != 0xffff {
		parts = append(parts, fmt.Sprintf("max_len=%d", a.MaxLen))
	}
	if a.ID != 0 {
		parts = append(parts, fmt.Sprintf("id=%d", a.ID))
	}
	if len(a.UserData) > 0 {
		parts = append(parts, "userdata="+dottedHex(a.UserData))
	}
	if a.Pause {
		parts = append(parts, "pause")
	}
	if a.Meter != 0 {
		parts = append(parts, fmt.Sprintf("meter_id=%d", a.Meter))
	}
	return "controller(" + strings.Join(parts, ",") + ")"
}

func parseController(body []byte) Action {
	return Controller{
		MaxLen: binary.BigEndian.Uint16(body),
		ID:     binary.BigEndian.Uint16(body[2:]),
		Reason: body[4],
	}
}

func parseController2(body []byte) Action {
	a := Controller{MaxLen: 0xffff, Reason: ReasonAction}
	for b := body[6:]; len(b) >= 8; {
		n := int(binary.BigEndian.Uint16(b[2:]))
		padded := (n + 7) / 8 * 8
		if n < 4 || padded > len(b) {
			return nil
		}
		switch value := b[4:n]; binary.BigEndian.Uint16(b) {
		case propMaxLen:
			a.MaxLen = binary.BigEndian.Uint16(b[4:])
		case propID:
			a.ID = binary.BigEndian.Uint16(b[4:])
		case propReason:
			a.Reason = b[4]
		case propUserData:
			a.UserData = value
		case propPause:
			a.Pause = true
		case propMeter:
			a.Meter = binary.BigEndian.Uint32(b[4:])
		default:
			return nil
		}
		b = b[padded:]
	}
	return a
}
