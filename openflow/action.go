package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// An Action is one step of what is done with a packet. String is what ovs-ofctl
// prints for it.
type Action interface {
	AppendTo(b []byte) []byte
	String() string
}

// Types of standard actions (OpenFlow 1.4, 7.2.4).
const (
	typeOutput     = 0
	typeCopyTTLOut = 11
	typeCopyTTLIn  = 12
	typeSetMPLSTTL = 15
	typeDecMPLSTTL = 16
	typePushVLAN   = 17
	typePopVLAN    = 18
	typePushMPLS   = 19
	typePopMPLS    = 20
	typeSetQueue   = 21
	typeGroup      = 22
	typeSetTTL     = 23
	typeDecTTL     = 24
	typeSetField   = 25
	typeVendor     = 0xffff
)

// Subtypes of Nicira's actions, those that OVS 3.1 dumps over OpenFlow 1.4.
const (
	nxPopQueue        = 5
	nxMove            = 6
	nxLoad            = 7
	nxNote            = 8
	nxMultipath       = 10
	nxBundle          = 12
	nxBundleLoad      = 13
	nxResubmitTable   = 14
	nxOutputReg       = 15
	nxLearn           = 16
	nxExit            = 17
	nxFinTimeout      = 19
	nxController      = 20
	nxDecTTLIDs       = 21
	nxPush            = 27
	nxPop             = 28
	nxSample          = 29
	nxOutputReg2      = 32
	nxLoad2           = 33
	nxConjunction     = 34
	nxCT              = 35
	nxNAT             = 36
	nxController2     = 37
	nxOutputTrunc     = 39
	nxClone           = 42
	nxCTClear         = 43
	nxResubmitTableCT = 44
	nxLearn2          = 45
	nxCheckPktLarger  = 49
	nxDeleteField     = 50
)

// Bytes of an action before what its type, or its subtype, says.
const (
	standardHeaderSize = 4
	niciraHeaderSize   = 10
)

// maxNesting bounds actions inside actions (ct, clone) that are decoded; deeper
// ones are kept as they are. OVS itself refuses to translate deeper than 64.
const maxNesting = 16

// UnknownAction is an action that this package does not know, or one it knows
// in a form that it would not write itself, byte for byte.
type UnknownAction struct{ Raw []byte }

func (a UnknownAction) AppendTo(b []byte) []byte { return append(b, a.Raw...) }
func (a UnknownAction) String() string           { return fmt.Sprintf("unknown(%x)", a.Raw) }

// AppendActions appends actions one after the other.
func AppendActions(b []byte, as []Action) []byte {
	for _, a := range as {
		b = a.AppendTo(b)
	}
	return b
}

// ParseActions reads a list of actions that fills b. Appending them again gives
// the same bytes. They do not share memory with b.
func ParseActions(b []byte) ([]Action, error) {
	var p actionParser
	return p.actions(slices.Clone(b))
}

// An actionParser reads actions that may alias what it reads them from.
type actionParser struct {
	depth int    // how many actions it is inside of
	again []byte // what it read, encoded again
}

// actions reads a list of actions that fills b.
func (p *actionParser) actions(b []byte) ([]Action, error) {
	var as []Action
	for len(b) > 0 {
		if len(b) < standardHeaderSize {
			return nil, fmt.Errorf("parse action: %d bytes left, want at least %d", len(b), standardHeaderSize)
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 8 || n%8 != 0 || n > len(b) {
			return nil, fmt.Errorf("parse action of type %d: length %d of %d bytes", binary.BigEndian.Uint16(b), n, len(b))
		}
		raw := b[:n:n]
		b = b[n:]
		a := p.action(raw)
		if a != nil {
			p.again = a.AppendTo(p.again[:0])
		}
		if a == nil || !bytes.Equal(p.again, raw) {
			a = UnknownAction{raw}
		}
		as = append(as, a)
	}
	return as, nil
}

// nested reads the actions inside an action; ok is false if they are malformed
// or nested too deep.
func (p *actionParser) nested(b []byte) (as []Action, ok bool) {
	if p.depth == maxNesting {
		return nil, false
	}
	p.depth++
	defer func() { p.depth-- }()
	as, err := p.actions(b)
	return as, err == nil
}

// action reads one action, or returns nil if it does not know it. What its
// result leaves out (padding, unusual forms) its caller notices.
func (p *actionParser) action(raw []byte) Action {
	t, body := binary.BigEndian.Uint16(raw), raw[standardHeaderSize:]
	if t != typeVendor {
		return parseStandard(t, body)
	}
	if len(raw) < 16 || binary.BigEndian.Uint32(body) != nicira {
		return nil
	}
	return p.nicira(binary.BigEndian.Uint16(raw[8:]), raw[niciraHeaderSize:])
}

// parseStandard reads an action from what follows its length: 4 bytes or more.
func parseStandard(t uint16, body []byte) Action {
	switch t {
	case typeOutput:
		return parseOutput(body)
	case typeGroup:
		return Group{binary.BigEndian.Uint32(body)}
	case typeSetQueue:
		return SetQueue{binary.BigEndian.Uint32(body)}
	case typeSetField:
		return parseSetField(body)
	case typePushVLAN:
		return PushVLAN{binary.BigEndian.Uint16(body)}
	case typePopVLAN:
		return PopVLAN{}
	case typePushMPLS:
		return PushMPLS{binary.BigEndian.Uint16(body)}
	case typePopMPLS:
		return PopMPLS{binary.BigEndian.Uint16(body)}
	case typeSetMPLSTTL:
		return SetMPLSTTL{body[0]}
	case typeDecMPLSTTL:
		return DecMPLSTTL{}
	case typeSetTTL:
		return SetTTL{body[0]}
	case typeDecTTL:
		return DecTTL{}
	}
	return nil
}

// nicira reads an action from what follows its subtype: 6 bytes or more.
func (p *actionParser) nicira(subtype uint16, body []byte) Action {
	switch subtype {
	case nxMove:
		return parseMove(body)
	case nxLoad:
		return parseLoad(body)
	case nxLoad2:
		return parseMaskedSetField(body)
	case nxPush, nxPop:
		return parseStack(subtype, body)
	case nxDeleteField:
		return parseDeleteField(body)
	case nxOutputReg, nxOutputReg2:
		return parseOutputReg(subtype, body)
	case nxOutputTrunc:
		return parseOutputTrunc(body)
	case nxResubmitTable, nxResubmitTableCT:
		return Resubmit{Port: binary.BigEndian.Uint16(body), Table: body[2], CT: subtype == nxResubmitTableCT}
	case nxController:
		return parseController(body)
	case nxController2:
		return parseController2(body)
	case nxCT:
		return p.ct(body)
	case nxNAT:
		return parseNAT(body)
	case nxCTClear:
		return CTClear{}
	case nxClone:
		return p.clone(body)
	case nxLearn, nxLearn2:
		return parseLearn(subtype, body)
	case nxDecTTLIDs:
		return parseDecTTLIDs(body)
	case nxCheckPktLarger:
		return parseCheckPktLarger(body)
	case nxConjunction:
		return Conjunction{Clause: body[0] + 1, Clauses: body[1], ID: binary.BigEndian.Uint32(body[2:])}
	case nxNote:
		return Note{body}
	case nxExit:
		return Exit{}
	case nxPopQueue:
		return PopQueue{}
	case nxFinTimeout:
		return FinTimeout{Idle: binary.BigEndian.Uint16(body), Hard: binary.BigEndian.Uint16(body[2:])}
	case nxSample:
		return parseSample(body)
	case nxMultipath:
		return parseMultipath(body)
	case nxBundle, nxBundleLoad:
		return parseBundle(subtype, body)
	}
	return nil
}

// beginStandard appends the header of an action that end completes.
func beginStandard(b []byte, t uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, t)
	return append(b, 0, 0)
}

// beginNicira appends the header of a Nicira action that end completes.
func beginNicira(b []byte, subtype uint16) []byte {
	b = append(b, 0xff, 0xff, 0, 0)
	b = binary.BigEndian.AppendUint32(b, nicira)
	return binary.BigEndian.AppendUint16(b, subtype)
}

// end pads the action that begins at start and writes its length.
func end(b []byte, start int) []byte {
	b = pad8(b, start)
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}
