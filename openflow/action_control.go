package openflow

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Clone does its actions with a copy of the packet.
type Clone struct{ Actions []Action }

func (a Clone) AppendTo(b []byte) []byte {
	start := len(b)
	b = append(beginNicira(b, nxClone), 0, 0, 0, 0, 0, 0)
	return end(AppendActions(b, a.Actions), start)
}

func (p *actionParser) clone(body []byte) Action {
	as, ok := p.nested(body[6:])
	if !ok {
		return nil
	}
	return Clone{as}
}

// Conjunction makes the flow clause Clause (from 1) of Clauses of the
// conjunctive match ID; ConjID matches when every clause does.
type Conjunction struct {
	ID              uint32
	Clause, Clauses uint8
}

func (a Conjunction) AppendTo(b []byte) []byte {
	start := len(b)
	b = append(beginNicira(b, nxConjunction), a.Clause-1, a.Clauses)
	return end(binary.BigEndian.AppendUint32(b, a.ID), start)
}

func (a Conjunction) String() string {
	return fmt.Sprintf("conjunction(%d,%d/%d)", a.ID, a.Clause, a.Clauses)
}

// Note does nothing. OVS fills the last 8 bytes with zeros, and so does this.
type Note struct{ Bytes []byte }

func (a Note) AppendTo(b []byte) []byte {
	start := len(b)
	return end(append(beginNicira(b, nxNote), a.Bytes...), start)
}

func (a Note) String() string { return "note:" + dottedHex(a.Bytes) }

// Exit ends the packet's way through the tables.
type Exit struct{}

func (Exit) AppendTo(b []byte) []byte { return appendPlain(b, nxExit) }
func (Exit) String() string           { return "exit" }

// FinTimeout shortens the flow's timeouts when a TCP FIN or RST passes.
type FinTimeout struct{ Idle, Hard uint16 }

func (a FinTimeout) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxFinTimeout)
	b = binary.BigEndian.AppendUint16(b, a.Idle)
	b = binary.BigEndian.AppendUint16(b, a.Hard)
	return end(append(b, 0, 0), start)
}

func (a FinTimeout) String() string {
	var parts []string
	if a.Idle != 0 {
		parts = append(parts, fmt.Sprintf("idle_timeout=%d", a.Idle))
	}
	if a.Hard != 0 {
		parts = append(parts, fmt.Sprintf("hard_timeout=%d", a.Hard))
	}
	return "fin_timeout(" + strings.Join(parts, ",") + ")"
}

// Sample reports one packet in 65536/Probability over IPFIX.
type Sample struct {
	Probability    uint16
	CollectorSetID uint32
	ObsDomainID    uint32
	ObsPointID     uint32
}

func (a Sample) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxSample)
	b = binary.BigEndian.AppendUint16(b, a.Probability)
	b = binary.BigEndian.AppendUint32(b, a.CollectorSetID)
	b = binary.BigEndian.AppendUint32(b, a.ObsDomainID)
	return end(binary.BigEndian.AppendUint32(b, a.ObsPointID), start)
}

func (a Sample) String() string {
	return fmt.Sprintf("sample(probability=%d,collector_set_id=%d,obs_domain_id=%d,obs_point_id=%d)",
		a.Probability, a.CollectorSetID, a.ObsDomainID, a.ObsPointID)
}

func parseSample(body []byte) Action {
	if len(body) < 14 {
		return nil
	}
	return Sample{
		Probability:    binary.BigEndian.Uint16(body),
		CollectorSetID: binary.BigEndian.Uint32(body[2:]),
		ObsDomainID:    binary.BigEndian.Uint32(body[6:]),
		ObsPointID:     binary.BigEndian.Uint32(body[10:]),
	}
}
