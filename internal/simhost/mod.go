package simhost

import (
	"encoding/binary"
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// mod is a flow mod or a group mod.
type mod interface {
	apply(s *Switch, u *undo) *openflow.ErrorCode
	drop() // releases what it holds
}

// decodeMod reads a flow mod or group mod and refuses what is wrong with it
// whatever the switch holds.
func decodeMod(b []byte) (mod, *openflow.ErrorCode) {
	h, _ := openflow.ParseHeader(b) // it was parsed when it was read
	if h.Type == openflow.TypeFlowMod {
		return decodeFlowMod(b)
	}
	m, _, err := openflow.Parse(b)
	if err != nil {
		return nil, because(errBadLen)
	}
	g := groupMod{m.(*openflow.GroupMod)}
	return g, g.examine()
}

// flowMod is a flow mod whose match and instructions are on the shelf.
type flowMod struct {
	id                identity
	flow              flow
	command           uint8
	cookieMask        uint64
	match             openflow.Match // of a command that is not strict
	outPort, outGroup uint32
}

// flowModFixed is the length of a flow mod before its match.
const flowModFixed = 48

func decodeFlowMod(b []byte) (mod, *openflow.ErrorCode) {
	if len(b) < flowModFixed+8 {
		return nil, because(errBadLen)
	}
	matchLen := (int(binary.BigEndian.Uint16(b[flowModFixed+2:])) + 7) &^ 7
	if flowModFixed+matchLen > len(b) {
		return nil, because(errBadMatchLen)
	}
	m := &flowMod{
		command: b[25], cookieMask: binary.BigEndian.Uint64(b[16:]),
		outPort: binary.BigEndian.Uint32(b[36:]), outGroup: binary.BigEndian.Uint32(b[40:]),
		flow: flow{
			cookie: binary.BigEndian.Uint64(b[8:]),
			idle:   binary.BigEndian.Uint16(b[26:]), hard: binary.BigEndian.Uint16(b[28:]),
			flags: binary.BigEndian.Uint16(b[44:]), importance: binary.BigEndian.Uint16(b[46:]),
		},
	}
	table := b[24]
	if m.command > openflow.FlowDeleteStrict {
		return nil, because(errBadCommand)
	}
	// The table stands right before the match, so that both and the
	// instructions are looked up as they lie there.
	bytes := b[flowModFixed-1:]
	saved := bytes[0]
	bytes[0] = table
	m.flow.body = bodies.take(bytes, matchLen)
	bytes[0] = saved
	m.id = identity{table, binary.BigEndian.Uint16(b[30:]), m.flow.body.match()}
	if refused := m.flow.body.refused; refused != nil {
		m.drop()
		return nil, refused
	}
	deletes := m.command == openflow.FlowDelete || m.command == openflow.FlowDeleteStrict
	if table == ownTable && !deletes {
		m.drop()
		return nil, because(errNotPermitted)
	}
	if table == openflow.TableAll && !deletes {
		m.drop()
		return nil, because(errAllTables)
	}
	if m.command == openflow.FlowModify || m.command == openflow.FlowDelete {
		m.match, _, _ = openflow.ParseMatch([]byte(m.id.match)) // examined already
	}
	return m, nil
}

func (m *flowMod) drop() { bodies.release(m.flow.body) }

func (m *flowMod) apply(s *Switch, u *undo) *openflow.ErrorCode {
	if m.command <= openflow.FlowModifyStrict {
		for _, g := range m.flow.body.groups {
			if _, there := s.groups[g]; !there {
				return because(errBadOutGroup)
			}
		}
	}
	switch m.command {
	case openflow.FlowAdd:
		s.setFlow(m.id, m.flow, u)
	case openflow.FlowModifyStrict:
		if old, there := s.flows[m.id]; there {
			s.modify(m.id, old, m.flow.body, u)
		}
	case openflow.FlowDeleteStrict:
		if _, there := s.flows[m.id]; there {
			s.deleteFlow(m.id, u)
		}
	default:
		for id, f := range s.flows {
			if !m.selects(id, f) {
				continue
			}
			if m.command == openflow.FlowDelete {
				s.deleteFlow(id, u)
				continue
			}
			s.modify(id, f, m.flow.body, u)
		}
	}
	return nil
}

// selects tells whether a modify or delete that is not strict means a flow.
func (m *flowMod) selects(id identity, f flow) bool {
	return (m.id.table == openflow.TableAll || m.id.table == id.table) &&
		f.cookie&m.cookieMask == m.flow.cookie&m.cookieMask && within(f.body, m.match) &&
		(m.outGroup == openflow.GroupAny || slices.Contains(f.body.groups, m.outGroup))
}

// modify gives a flow other instructions; its cookie stays.
func (s *Switch) modify(id identity, f flow, from *body, u *undo) {
	bytes := append([]byte{id.table}, id.match...)
	now := f
	now.body = bodies.take(append(bytes, from.instructions()...), len(id.match))
	s.setFlow(id, now, u)
	bodies.release(now.body)
}

// groupMod is a group mod.
type groupMod struct{ *openflow.GroupMod }

func (g groupMod) drop() {}

// mostGroup is the highest number of a group.
const mostGroup = 0xffffff00

func (g groupMod) examine() *openflow.ErrorCode {
	if g.Command == openflow.GroupDelete {
		return nil
	}
	if g.Group >= mostGroup {
		return because(errBadGroup)
	}
	if g.GroupType > openflow.GroupTypeFastFailover {
		return because(errGroupType)
	}
	if g.GroupType == openflow.GroupTypeIndirect && len(g.Buckets) != 1 {
		return because(errBadGroup)
	}
	for _, b := range g.Buckets {
		watches := b.WatchPort != openflow.PortAny || b.WatchGroup != openflow.GroupAny
		switch g.GroupType {
		case openflow.GroupTypeFastFailover:
			if !watches {
				return because(errBadGroup)
			}
		case openflow.GroupTypeAll, openflow.GroupTypeIndirect:
			if watches {
				return because(errWatch)
			}
		}
		e := examination{bucket: true}
		if refused := e.actions(b.Actions); refused != nil {
			return refused
		}
	}
	return nil
}

func (g groupMod) apply(s *Switch, u *undo) *openflow.ErrorCode {
	_, there := s.groups[g.Group]
	switch g.Command {
	case openflow.GroupAdd:
		if there {
			return because(errGroupExists)
		}
	case openflow.GroupModify:
		if !there {
			return because(errUnknownGroup)
		}
	case openflow.GroupAddOrModify:
	case openflow.GroupDelete:
		for id := range s.groups {
			if id == g.Group || g.Group == openflow.GroupAll {
				s.deleteGroup(id, u)
			}
		}
		return nil
	default:
		return because(errGroupCommand)
	}
	s.setGroup(g.Group, group{g.GroupType, string(openflow.AppendBuckets(nil, g.Buckets))}, u)
	return nil
}
