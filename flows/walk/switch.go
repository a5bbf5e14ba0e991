package walk

import (
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Switch is the tables and groups of one switch.
type Switch struct {
	tables [256]*table
	groups map[uint32]*of.GroupDesc
	// Port says whether there is a port of a number, and whether it carries
	// traffic. Without it every number but 0 is taken for a port, and no
	// fast-failover group can be walked that watches one.
	Port func(number uint32) (exists, live bool)
}

// NewSwitch makes a switch with the flows and groups of a dump.
func NewSwitch(flows []of.FlowStats, groups []of.GroupDesc) *Switch {
	s := &Switch{groups: make(map[uint32]*of.GroupDesc, len(groups))}
	var kinds [256]map[[packetLen]byte]*kind
	for _, f := range flows {
		t := s.tables[f.Table]
		if t == nil {
			t = &table{}
			s.tables[f.Table], kinds[f.Table] = t, map[[packetLen]byte]*kind{}
		}
		t.add(f, kinds[f.Table])
	}
	for _, t := range s.tables {
		if t != nil {
			t.order()
		}
	}
	for i := range groups {
		s.groups[groups[i].Group] = &groups[i]
	}
	return s
}

// FromProgram makes a switch that has these fragments.
func FromProgram(fragments []*program.Fragment) *Switch {
	var flows []of.FlowStats
	var groups []of.GroupDesc
	for _, fr := range fragments {
		for _, f := range fr.Flows {
			flows = append(flows, of.FlowStats{Table: f.Table(), Priority: f.Priority(), Cookie: f.Cookie(),
				Match: f.Match(), Instructions: f.Instructions()})
		}
		for _, g := range fr.Groups {
			groups = append(groups, of.GroupDesc{Group: g.ID(), GroupType: g.Type(), Buckets: g.Buckets()})
		}
	}
	return NewSwitch(flows, groups)
}

func (s *Switch) hasPort(number uint32) bool {
	if number == 0 || s.Port == nil || number == of.PortLocal {
		return number != 0
	}
	exists, _ := s.Port(number)
	return exists
}

// flow finds the flow of a table that a packet meets. Of a fragment, also of
// the first, Open vSwitch hides the transport from the tables unless it was
// told otherwise (ovs-ofctl(8), set-frags normal).
func (s *Switch) flow(id uint8, p *Packet) (best, rival *rule) {
	t := s.tables[id]
	if t == nil {
		return nil, nil
	}
	if p.isFragment() {
		hidden := *p
		hidden.clear(of.TCPSrc, of.TCPDst, of.ICMPv6Type, of.ICMPv6Code)
		return t.lookup(&hidden)
	}
	return t.lookup(p)
}
