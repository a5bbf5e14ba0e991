package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// An Instruction says what a flow does: most of all, ApplyActions and GotoTable.
// OVS dumps the instructions of a flow in the order in which it executes them:
// meter, apply_actions, clear_actions, write_actions, write_metadata, goto_table.
type Instruction interface {
	AppendTo(b []byte) []byte
	String() string
}

// Types of instructions (OpenFlow 1.4, 7.2.3).
const (
	typeGotoTable     = 1
	typeWriteMetadata = 2
	typeWriteActions  = 3
	typeApplyActions  = 4
	typeClearActions  = 5
	typeMeter         = 6
)

// GotoTable goes on in a later table.
type GotoTable struct{ Table uint8 }

func (i GotoTable) AppendTo(b []byte) []byte {
	return append(b, 0, typeGotoTable, 0, 8, i.Table, 0, 0, 0)
}

// WriteMetadata sets bits of the metadata. A flow with it cannot be dumped over
// OpenFlow 1.0; SetField of Metadata can.
type WriteMetadata struct{ Value, Mask uint64 }

func (i WriteMetadata) AppendTo(b []byte) []byte {
	b = append(b, 0, typeWriteMetadata, 0, 24, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, i.Value)
	return binary.BigEndian.AppendUint64(b, i.Mask)
}

func (i WriteMetadata) String() string {
	if i.Mask == ^uint64(0) {
		return "write_metadata:" + hexNumber(i.Value)
	}
	return "write_metadata:" + hexNumber(i.Value) + "/" + hexNumber(i.Mask)
}

// ApplyActions does actions at once, in order.
type ApplyActions struct{ Actions []Action }

func (i ApplyActions) AppendTo(b []byte) []byte {
	return appendActionsOf(b, typeApplyActions, i.Actions)
}

// WriteActions adds actions to the action set.
type WriteActions struct{ Actions []Action }

func (i WriteActions) AppendTo(b []byte) []byte {
	return appendActionsOf(b, typeWriteActions, i.Actions)
}

func appendActionsOf(b []byte, t byte, as []Action) []byte {
	start := len(b)
	b = append(b, 0, t, 0, 0, 0, 0, 0, 0)
	return end(AppendActions(b, as), start)
}

// ClearActions empties the action set.
type ClearActions struct{}

func (ClearActions) AppendTo(b []byte) []byte {
	return append(b, 0, typeClearActions, 0, 8, 0, 0, 0, 0)
}
func (ClearActions) String() string { return "clear_actions" }

// Meter sends the packet through a meter.
type Meter struct{ ID uint32 }

func (i Meter) AppendTo(b []byte) []byte {
	b = append(b, 0, typeMeter, 0, 8)
	return binary.BigEndian.AppendUint32(b, i.ID)
}

func (i Meter) String() string { return fmt.Sprintf("meter:%d", i.ID) }

// UnknownInstruction is an instruction that this package does not know, or one
// that it knows in a form it would not write itself, byte for byte.
type UnknownInstruction struct{ Raw []byte }

func (i UnknownInstruction) AppendTo(b []byte) []byte { return append(b, i.Raw...) }
func (i UnknownInstruction) String() string           { return fmt.Sprintf("unknown(%x)", i.Raw) }

// AppendInstructions appends instructions one after the other.
func AppendInstructions(b []byte, is []Instruction) []byte {
	for _, i := range is {
		b = i.AppendTo(b)
	}
	return b
}

// ParseInstructions reads a list of instructions that fills b. Appending them
// again gives the same bytes. They do not share memory with b.
func ParseInstructions(b []byte) ([]Instruction, error) {
	b = slices.Clone(b)
	var is []Instruction
	var p actionParser
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, fmt.Errorf("parse instruction: %d bytes left, want at least 8", len(b))
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 8 || n%8 != 0 || n > len(b) {
			return nil, fmt.Errorf("parse instruction of type %d: length %d of %d bytes", binary.BigEndian.Uint16(b), n, len(b))
		}
		raw := b[:n:n]
		b = b[n:]
		i, err := p.instruction(raw)
		if err != nil {
			return nil, err
		}
		if i != nil {
			p.again = i.AppendTo(p.again[:0])
		}
		if i == nil || !bytes.Equal(p.again, raw) {
			i = UnknownInstruction{raw}
		}
		is = append(is, i)
	}
	return is, nil
}

// instruction reads one instruction, or returns nil if it does not know it.
func (p *actionParser) instruction(raw []byte) (Instruction, error) {
	switch binary.BigEndian.Uint16(raw) {
	case typeGotoTable:
		return GotoTable{raw[4]}, nil
	case typeWriteMetadata:
		if len(raw) == 24 {
			return WriteMetadata{binary.BigEndian.Uint64(raw[8:]), binary.BigEndian.Uint64(raw[16:])}, nil
		}
	case typeApplyActions:
		as, err := p.actions(raw[8:])
		return ApplyActions{as}, err
	case typeWriteActions:
		as, err := p.actions(raw[8:])
		return WriteActions{as}, err
	case typeClearActions:
		return ClearActions{}, nil
	case typeMeter:
		return Meter{binary.BigEndian.Uint32(raw[4:])}, nil
	}
	return nil, nil
}
