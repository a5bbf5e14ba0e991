package program

import (
	"cmp"
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// Difference is what has to change on a switch.
type Difference struct {
	AddGroups, DelGroups []KeyedGroup
	AddFlows, DelFlows   []KeyedFlow
}

// KeyedFlow is a flow and the fragment it comes from; a flow that belongs to
// nobody has the zero key.
type KeyedFlow struct {
	Key Key
	Flow
	Replaces *Installed // of an added flow: the one of its identity that is there
}

// KeyedGroup is a group and the fragment it comes from.
type KeyedGroup struct {
	Key Key
	Group
	Replaces *Group
}

// Len returns the number of messages that the difference takes.
func (d Difference) Len() int {
	return len(d.AddGroups) + len(d.DelFlows) + len(d.AddFlows) + len(d.DelGroups)
}

// Empty tells whether nothing has to change.
func (d Difference) Empty() bool { return d.Len() == 0 }

// Step returns message i of the difference, and with that decides the order in
// which a difference is sent. Groups come before the flows that refer to them
// and go after them: a flow is refused while its group is not there, and a
// group takes the flows that refer to it along. (Groups that refer to groups
// need no order: Open vSwitch accepts references to what is not there.) Deletions of flows come before
// additions, so that a match which the switch writes in another way than we do
// (and which therefore looks like two flows) is there in the end. Nobody sees
// what is between: the bundle is atomic.
func (d Difference) Step(i int) Step {
	if i < len(d.AddGroups) {
		g := d.AddGroups[i]
		return Step{key: g.Key, isGroup: true, group: g.Group}
	}
	i -= len(d.AddGroups)
	if i < len(d.DelFlows) {
		f := d.DelFlows[i]
		return Step{key: f.Key, isDelete: true, flow: f.Flow}
	}
	i -= len(d.DelFlows)
	if i < len(d.AddFlows) {
		f := d.AddFlows[i]
		return Step{key: f.Key, flow: f.Flow}
	}
	g := d.DelGroups[i-len(d.AddFlows)]
	return Step{key: g.Key, isGroup: true, isDelete: true, group: g.Group}
}

// Step is one message of a difference.
type Step struct {
	key      Key
	isGroup  bool
	isDelete bool
	flow     Flow
	group    Group
}

// Key returns the fragment that the step is for.
func (s Step) Key() Key { return s.key }

// IsGroup tells whether the step changes a group, not a flow.
func (s Step) IsGroup() bool { return s.isGroup }

// IsDelete tells whether the step takes something away.
func (s Step) IsDelete() bool { return s.isDelete }

// AppendTo appends the message.
func (s Step) AppendTo(b []byte, xid uint32) []byte {
	switch {
	case s.isGroup && s.isDelete:
		return s.group.AppendDelete(b, xid)
	case s.isGroup:
		return s.group.AppendAddOrMod(b, xid)
	case s.isDelete:
		return s.flow.AppendDeleteStrict(b, xid)
	default:
		return s.flow.AppendAdd(b, xid)
	}
}

// AppendToBundle appends the message wrapped for an ordered, atomic bundle, or
// says why it cannot be in one.
func (s Step) AppendToBundle(b []byte, bundle, xid uint32) ([]byte, error) {
	start := len(b)
	b = openflow.AppendBundleAddHeader(b, xid, bundle, openflow.BundleAtomic|openflow.BundleOrdered)
	inner := len(b)
	b = s.AppendTo(b, xid)
	if err := fits(len(b) - inner); err != nil {
		return b[:start], err
	}
	return openflow.FinishMessage(b, start), nil
}

// Subject returns the flow or group in the syntax of ovs-ofctl.
func (s Step) Subject(n openflow.Names) string {
	if s.isGroup {
		return s.group.Format(n)
	}
	return s.flow.Format(n)
}

// Lines returns the difference for people, in the syntax of ovs-ofctl: "+ " is
// what a switch lacks, "- " what it should not have. Something that changes
// has a line of each.
func (d Difference) Lines(n openflow.Names) []string {
	lines := make([]string, 0, d.Len())
	adds, deletes := slices.Clone(d.AddFlows), slices.Clone(d.DelFlows)
	slices.SortFunc(adds, compareFlows)
	slices.SortFunc(deletes, compareFlows)
	for _, g := range d.AddGroups {
		if g.Replaces != nil {
			lines = append(lines, "- "+g.Replaces.Format(n))
		}
		lines = append(lines, "+ "+g.Format(n))
	}
	for _, f := range deletes {
		lines = append(lines, "- "+f.Format(n))
	}
	for _, f := range adds {
		if f.Replaces != nil {
			lines = append(lines, "- "+f.Replaces.Format(n))
		}
		lines = append(lines, "+ "+f.Format(n))
	}
	for _, g := range d.DelGroups {
		lines = append(lines, "- "+g.Format(n))
	}
	return lines
}

// compareFlows orders flows as people read them: by table, highest priority
// first.
func compareFlows(a, b KeyedFlow) int {
	return cmp.Or(cmp.Compare(a.table, b.table), cmp.Compare(b.priority, a.priority), cmp.Compare(a.encoded, b.encoded))
}
