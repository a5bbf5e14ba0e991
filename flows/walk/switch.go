package walk

import (
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Switch is the tables and groups of one switch, and what it keeps of the
// packets that it has seen: connections, and flows that it learned. A reply is
// therefore walked after what it replies to, on the same switches. It is not
// safe for concurrent use.
type Switch struct {
	tables      [256]*table
	groups      map[uint32]*of.GroupDesc
	connections connections
	learned     []of.FlowStats
	// Port says whether there is a port of a number, and whether it carries
	// traffic. Without it every number but 0 is taken for a port that does.
	Port func(number uint32) (exists, live bool)
	// Assume, where it is set, is what the connection tracker says of packets
	// of connections that it has not seen.
	Assume CTState
}

// Forget has the switch forget all connections, and what it learned.
func (s *Switch) Forget() {
	clear(s.connections)
	s.unlearn()
}

// NewSwitch makes a switch with the flows and groups of a dump.
func NewSwitch(flows []of.FlowStats, groups []of.GroupDesc) *Switch {
	m := newMaker()
	for _, f := range flows {
		m.add(&rule{FlowStats: f}, f.Match)
	}
	for i := range groups {
		m.groups[groups[i].Group] = &groups[i]
	}
	return m.done()
}

// FromProgram makes a switch that has these fragments.
func FromProgram(fragments []*program.Fragment) *Switch {
	m := newMaker()
	for _, fr := range fragments {
		for i := range fr.Flows {
			f := &fr.Flows[i]
			m.add(&rule{FlowStats: of.FlowStats{Table: f.Table(), Priority: f.Priority(), Cookie: f.Cookie()}, encoded: f}, f.Match())
		}
		for _, g := range fr.Groups {
			m.groups[g.ID()] = &of.GroupDesc{Group: g.ID(), GroupType: g.Type(), Buckets: g.Buckets()}
		}
	}
	return m.done()
}

// maker is a switch in the making.
type maker struct {
	*Switch
	kinds [256]map[[packetLen]byte]*kind
}

func newMaker() *maker {
	return &maker{Switch: &Switch{groups: map[uint32]*of.GroupDesc{}, connections: connections{}}}
}

func (m *maker) add(r *rule, match of.Match) {
	if m.tables[r.Table] == nil {
		m.tables[r.Table], m.kinds[r.Table] = &table{}, map[[packetLen]byte]*kind{}
	}
	m.tables[r.Table].add(r, match, m.kinds[r.Table])
}

func (m *maker) done() *Switch {
	for _, t := range m.tables {
		if t != nil {
			t.order()
		}
	}
	return m.Switch
}

func (s *Switch) hasPort(number uint32) bool {
	if number == 0 || s.Port == nil || number == of.PortLocal {
		return number != 0
	}
	exists, _ := s.Port(number)
	return exists
}

// flow finds the flow of a table that a packet meets. The tables see the
// transport of a first fragment, too: a session tells Open vSwitch so
// (ovs-ofctl(8), set-frags nx-match).
func (s *Switch) flow(id uint8, p *Packet) (best, rival *rule) {
	t := s.tables[id]
	if t == nil {
		return nil, nil
	}
	return t.lookup(p)
}
