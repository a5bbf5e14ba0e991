package program

import (
	"github.com/weft-sdn/weft/openflow"
)

// Group is one group, immutable and encoded; groups are equal with == if a
// switch would have nothing to change between them.
type Group struct {
	id      uint32
	typ     openflow.GroupType
	buckets string // as they go over the wire
}

// NewGroup encodes a group.
func NewGroup(id uint32, typ openflow.GroupType, buckets ...openflow.Bucket) Group {
	return Group{id, typ, string(openflow.AppendBuckets(nil, buckets))}
}

// FromDesc returns the group that a switch describes.
func FromDesc(g openflow.GroupDesc) Group {
	return NewGroup(g.Group, g.GroupType, g.Buckets...)
}

// ID returns the number of the group.
func (g Group) ID() uint32 { return g.id }

// Type returns the type of the group.
func (g Group) Type() openflow.GroupType { return g.typ }

// Buckets returns the buckets, decoded.
func (g Group) Buckets() []openflow.Bucket {
	buckets, _ := openflow.ParseBuckets([]byte(g.buckets)) // encoded by us, always
	return buckets
}

// AppendAddOrMod appends a GroupMod that makes the group as it is here,
// whether the switch has one of this id or not.
func (g Group) AppendAddOrMod(b []byte, xid uint32) []byte {
	m := openflow.GroupMod{Command: openflow.GroupAddOrModify, GroupType: g.typ, Group: g.id}
	return m.AppendEncoded(b, xid, g.buckets)
}

// AppendDelete appends a GroupMod that deletes the group, and with it every
// flow that refers to it.
func (g Group) AppendDelete(b []byte, xid uint32) []byte {
	m := openflow.GroupMod{Command: openflow.GroupDelete, GroupType: g.typ, Group: g.id}
	return m.AppendEncoded(b, xid, "")
}

// String returns the group as `ovs-ofctl dump-groups` prints it.
func (g Group) String() string { return g.Format(openflow.Names{}) }

// Format returns the group as `ovs-ofctl dump-groups` prints it, with names
// for ports and tables.
func (g Group) Format(n openflow.Names) string {
	d := openflow.GroupDesc{Group: g.id, GroupType: g.typ, Buckets: g.Buckets()}
	return d.Format(n)
}
