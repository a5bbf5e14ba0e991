package program

import (
	"github.com/weft-sdn/weft/openflow"
)

// Flow is one flow, immutable and encoded. Two flows are equal with == if a
// switch would have nothing to change between them. Timeouts, flags and
// importance are always zero: the controller decides how long a flow lives.
type Flow struct {
	cookie   uint64
	encoded  string // match, then instructions, as they go over the wire
	matchLen uint16
	priority uint16
	table    uint8
}

// Identity is what makes a flow this one and not another: an ADD replaces the
// flow of the same identity.
type Identity struct {
	Table    uint8
	Priority uint16
	Match    string // encoded
}

// NewFlow encodes a flow. The match is put into the order in which Open
// vSwitch dumps it, so that what is read back can be compared byte by byte.
func NewFlow(table uint8, priority uint16, cookie uint64, m openflow.Match, is ...openflow.Instruction) Flow {
	b := openflow.NewMatch(m...).AppendTo(make([]byte, 0, 256))
	matchLen := len(b)
	b = openflow.AppendInstructions(b, is)
	return Flow{cookie, string(b), uint16(matchLen), priority, table}
}

// Table returns the table of the flow.
func (f Flow) Table() uint8 { return f.table }

// Priority returns the priority of the flow.
func (f Flow) Priority() uint16 { return f.priority }

// Cookie returns the cookie of the flow.
func (f Flow) Cookie() uint64 { return f.cookie }

// Match returns the match, decoded. Of a flow that a switch sent and that does
// not decode it is nil.
func (f Flow) Match() openflow.Match {
	m, _, _ := openflow.ParseMatch([]byte(f.encoded[:f.matchLen]))
	return m
}

// Instructions returns the instructions, decoded. Of a flow that a switch sent
// and that does not decode they are nil.
func (f Flow) Instructions() []openflow.Instruction {
	is, _ := openflow.ParseInstructions([]byte(f.encoded[f.matchLen:]))
	return is
}

// Identity returns what ADD and DELETE_STRICT know the flow by.
func (f Flow) Identity() Identity {
	return Identity{f.table, f.priority, f.encoded[:f.matchLen]}
}

// ContentEqual tells whether cookie and instructions are those of g.
func (f Flow) ContentEqual(g Flow) bool {
	return f.cookie == g.cookie && f.encoded[f.matchLen:] == g.encoded[g.matchLen:]
}

// AppendAdd appends a FlowMod that adds the flow. It is an ADD also where the
// flow changes: a MODIFY keeps the old cookie.
func (f Flow) AppendAdd(b []byte, xid uint32) []byte {
	m := openflow.FlowMod{Command: openflow.FlowAdd, Cookie: f.cookie, Table: f.table, Priority: f.priority,
		BufferID: openflow.NoBuffer, OutPort: openflow.PortAny, OutGroup: openflow.GroupAny}
	return m.AppendEncoded(b, xid, f.encoded[:f.matchLen], f.encoded[f.matchLen:])
}

// AppendDeleteStrict appends a FlowMod that deletes the flow whatever its
// cookie and instructions are.
func (f Flow) AppendDeleteStrict(b []byte, xid uint32) []byte {
	m := openflow.FlowMod{Command: openflow.FlowDeleteStrict, Table: f.table, Priority: f.priority,
		BufferID: openflow.NoBuffer, OutPort: openflow.PortAny, OutGroup: openflow.GroupAny}
	return m.AppendEncoded(b, xid, f.encoded[:f.matchLen], "")
}

// String returns the flow as `ovs-ofctl --no-stats dump-flows` prints it.
func (f Flow) String() string { return f.Format(openflow.Names{}) }

// Format returns the flow as `ovs-ofctl --no-stats dump-flows` prints it, with
// names for ports and tables.
func (f Flow) Format(n openflow.Names) string {
	s := f.stats()
	return s.FormatWithoutStats(n)
}

func (f Flow) stats() openflow.FlowStats {
	return openflow.FlowStats{Table: f.table, Priority: f.priority, Cookie: f.cookie,
		Match: f.Match(), Instructions: f.Instructions()}
}

// Installed is a flow as a switch holds it, with what no flow of ours has.
type Installed struct {
	Flow
	IdleTimeout, HardTimeout uint16
	Flags, Importance        uint16
}

// FromStats returns a dumped flow. It copies what it keeps.
func FromStats(s *openflow.EncodedFlowStats) Installed {
	b := make([]byte, 0, len(s.MatchBytes)+len(s.Instructions))
	b = append(append(b, s.MatchBytes...), s.Instructions...)
	return Installed{
		Flow:        Flow{s.Cookie, string(b), uint16(len(s.MatchBytes)), s.Priority, s.Table},
		IdleTimeout: s.IdleTimeout, HardTimeout: s.HardTimeout, Flags: s.Flags, Importance: s.Importance,
	}
}

// isDumped tells whether a dumped flow of the same identity is exactly f.
func (f *Flow) isDumped(s *openflow.EncodedFlowStats) bool {
	return s.Cookie == f.cookie && s.IdleTimeout == 0 && s.HardTimeout == 0 && s.Flags == 0 && s.Importance == 0 &&
		string(s.Instructions) == f.encoded[f.matchLen:]
}

// FromUpdate returns the flow that a flow monitor reports. A monitor tells
// timeouts but neither flags nor importance.
func FromUpdate(u *openflow.FlowUpdate) Installed {
	return Installed{
		Flow:        NewFlow(u.Table, u.Priority, u.Cookie, u.Match, u.Instructions...),
		IdleTimeout: u.IdleTimeout, HardTimeout: u.HardTimeout,
	}
}

// Is tells whether the flow is exactly f.
func (i Installed) Is(f Flow) bool { return i == Installed{Flow: f} }

// Format returns the flow as `ovs-ofctl --no-stats dump-flows` prints it.
func (i Installed) Format(n openflow.Names) string {
	s := i.stats()
	s.IdleTimeout, s.HardTimeout, s.Flags, s.Importance = i.IdleTimeout, i.HardTimeout, i.Flags, i.Importance
	return s.FormatWithoutStats(n)
}
