package openflow

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Commands of a GroupMod. GroupAddOrModify is Open vSwitch's: with it nobody
// has to know whether the group is there.
const (
	GroupAdd         uint16 = 0
	GroupModify      uint16 = 1
	GroupDelete      uint16 = 2
	GroupAddOrModify uint16 = 0x8000
)

// GroupType says what a group does with its buckets.
type GroupType uint8

// The types of group (section 5.10.1).
const (
	GroupTypeAll          GroupType = 0
	GroupTypeSelect       GroupType = 1
	GroupTypeIndirect     GroupType = 2
	GroupTypeFastFailover GroupType = 3
)

func (t GroupType) String() string {
	switch t {
	case GroupTypeAll:
		return "all"
	case GroupTypeSelect:
		return "select"
	case GroupTypeIndirect:
		return "indirect"
	case GroupTypeFastFailover:
		return "ff"
	}
	return fmt.Sprintf("%d", uint8(t))
}

// Bucket is one list of actions of a group. WatchPort and WatchGroup are
// PortAny and GroupAny where nothing is watched.
type Bucket struct {
	Weight     uint16
	WatchPort  uint32
	WatchGroup uint32
	Actions    []Action
}

const bucketLen = 16 // without actions

// NewBucket returns a bucket that watches nothing.
func NewBucket(actions ...Action) Bucket {
	return Bucket{WatchPort: PortAny, WatchGroup: GroupAny, Actions: actions}
}

// AppendBuckets appends the buckets as a group mod and a group description
// hold them.
func AppendBuckets(b []byte, buckets []Bucket) []byte {
	for _, k := range buckets {
		start := len(b)
		b = zeros(b, 2)
		b = binary.BigEndian.AppendUint16(b, k.Weight)
		b = binary.BigEndian.AppendUint32(b, k.WatchPort)
		b = binary.BigEndian.AppendUint32(b, k.WatchGroup)
		b = zeros(b, 4)
		b = closeEntry(AppendActions(b, k.Actions), start, 0)
	}
	return b
}

// ParseBuckets decodes what AppendBuckets encodes.
func ParseBuckets(b []byte) ([]Bucket, error) {
	d := &decoder{b: b}
	buckets := decodeBuckets(d)
	return buckets, d.err
}

func decodeBuckets(d *decoder) []Bucket {
	var buckets []Bucket
	d.entries(0, bucketLen, func(e *decoder) {
		e.skip(2)
		k := Bucket{Weight: e.u16(), WatchPort: e.u32(), WatchGroup: e.u32()}
		e.skip(4)
		k.Actions = e.actions(len(e.b))
		buckets = append(buckets, k)
	})
	return buckets
}

// GroupMod changes the group table.
type GroupMod struct {
	Command   uint16
	GroupType GroupType
	Group     uint32
	Buckets   []Bucket
}

// Type returns TypeGroupMod.
func (*GroupMod) Type() Type { return TypeGroupMod }

// AppendTo appends the message.
func (m *GroupMod) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = m.appendFixed(b, xid)
	return finish(AppendBuckets(b, m.Buckets), start)
}

// AppendEncoded appends the message with buckets that are encoded already, in
// place of the decoded ones.
func (m *GroupMod) AppendEncoded(b []byte, xid uint32, buckets string) []byte {
	start := len(b)
	return finish(append(m.appendFixed(b, xid), buckets...), start)
}

func (m *GroupMod) appendFixed(b []byte, xid uint32) []byte {
	b = begin(b, TypeGroupMod, xid)
	b = binary.BigEndian.AppendUint16(b, m.Command)
	b = append(b, byte(m.GroupType), 0)
	return binary.BigEndian.AppendUint32(b, m.Group)
}

func decodeGroupMod(d *decoder) Message {
	m := &GroupMod{Command: d.u16(), GroupType: GroupType(d.u8())}
	d.skip(1)
	m.Group = d.u32()
	m.Buckets = decodeBuckets(d)
	return m
}

// GroupDesc is a group as a switch has it.
type GroupDesc struct {
	Group     uint32
	GroupType GroupType
	Buckets   []Bucket
}

// GroupDescs is the body of a group description reply.
type GroupDescs []GroupDesc

const groupDescLen = 8 // without buckets

func (g *GroupDesc) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, byte(g.GroupType), 0)
	b = binary.BigEndian.AppendUint32(b, g.Group)
	return closeEntry(AppendBuckets(b, g.Buckets), start, 0)
}

func decodeGroupDesc(d *decoder) GroupDesc {
	d.skip(2)
	g := GroupDesc{GroupType: GroupType(d.u8())}
	d.skip(1)
	g.Group = d.u32()
	g.Buckets = decodeBuckets(d)
	return g
}

// Format returns the group as `ovs-ofctl -O OpenFlow14 dump-groups` prints it.
func (g *GroupDesc) Format(n Names) string {
	var s strings.Builder
	fmt.Fprintf(&s, "group_id=%d,type=%v", g.Group, g.GroupType)
	for _, k := range g.Buckets {
		s.WriteString(",bucket=")
		if g.GroupType == GroupTypeSelect {
			fmt.Fprintf(&s, "weight:%d,", k.Weight)
		}
		if k.WatchPort != PortAny {
			fmt.Fprintf(&s, "watch_port:%s,", portText(k.WatchPort, n))
		}
		if k.WatchGroup != GroupAny {
			fmt.Fprintf(&s, "watch_group:%d,", k.WatchGroup)
		}
		s.WriteString("actions=" + FormatActions(k.Actions, n))
	}
	return s.String()
}

// ParseGroupDescs decodes the body of a group description reply.
func ParseGroupDescs(body []byte) ([]GroupDesc, error) {
	d := &decoder{b: body}
	gs := decodeGroupDescs(d)
	return gs, d.err
}

func decodeGroupDescs(d *decoder) GroupDescs {
	var gs GroupDescs
	d.entries(0, groupDescLen, func(e *decoder) { gs = append(gs, decodeGroupDesc(e)) })
	return gs
}
