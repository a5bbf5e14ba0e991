package walk

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/ovstest"
	of "github.com/weft-sdn/weft/openflow"
)

// programmer makes up programs that are not Weft's: every kind of match and
// action that the walker knows, put together without sense, with tables that
// lead back to tables and groups that lead to groups.
type programmer struct{ *rand.Rand }

const (
	anyTables = 4
	anyGroups = 4
	anyPorts  = 4
)

// class is a kind of packet, what a match must have for it, and the fields that
// may then be changed.
type class struct {
	match  []of.FieldValue
	fields []*of.Field
}

var (
	anywhere = []*of.Field{of.EthSrc, of.EthDst, of.Metadata, of.TunID, of.Reg[0], of.Reg[1], of.XReg[0], of.XXReg[0], of.PktMark}
	classes  = []class{
		{nil, nil},
		{[]of.FieldValue{of.EthType.Uint(ethARP)}, []*of.Field{of.ARPSPA, of.ARPTPA, of.ARPSHA, of.ARPTHA}},
		{[]of.FieldValue{of.EthType.Uint(ethIPv4)}, []*of.Field{of.IPv4Src, of.IPv4Dst, of.IPTTL}},
		{[]of.FieldValue{of.EthType.Uint(ethIPv4), of.IPProto.Uint(protoUDP)}, []*of.Field{of.IPv4Src, of.IPv4Dst, of.UDPSrc}},
		{[]of.FieldValue{of.EthType.Uint(ethIPv6)}, []*of.Field{of.IPv6Src, of.IPv6Dst, of.IPTTL}},
		{[]of.FieldValue{of.EthType.Uint(ethIPv6), of.IPProto.Uint(protoICMPv6), of.ICMPv6Type.Uint(ndSolicit)}, []*of.Field{of.NDTarget, of.IPv6Dst, of.NDSLL}},
	}
)

// is tells whether packets of the class are of an Ethertype.
func (c class) is(ethType uint64) bool {
	return len(c.match) > 0 && bitsOf(c.match[0].Value) == number(ethType)
}

// value makes up a value that is often the same.
func (g programmer) value(f *of.Field) of.FieldValue {
	b := make([]byte, (f.Bits+7)/8)
	b[len(b)-1] = byte(g.IntN(3))
	if f == of.EthSrc || f == of.EthDst {
		b[0] = 2
	}
	return of.FieldValue{Field: f, Value: b}
}

func (g programmer) flow(n int) of.FlowStats {
	c := classes[g.IntN(len(classes))]
	match := append([]of.FieldValue{}, c.match...)
	if g.IntN(3) == 0 {
		match = append(match, of.InPort.Uint(uint64(g.IntN(anyPorts)+1)))
	}
	for range g.IntN(3) {
		fields := []*of.Field{of.EthSrc, of.EthDst, of.Reg[0], of.Reg[1], of.Metadata, of.CTMark, of.CTZone}
		f := fields[g.IntN(len(fields))]
		v := g.value(f)
		if g.IntN(2) == 0 {
			v.Mask = make([]byte, len(v.Value))
			v.Mask[len(v.Mask)-1] = 1
			clear(v.Value[:len(v.Value)-1])
			v.Value[len(v.Value)-1] &= 1
		}
		match = append(match, v)
	}
	seen := map[*of.Field]bool{}
	for i := 0; i < len(match); i++ {
		if seen[match[i].Field] {
			match = append(match[:i], match[i+1:]...)
			i--
			continue
		}
		seen[match[i].Field] = true
	}
	table := uint8(g.IntN(anyTables))
	actions := g.actions(append(c.fields, anywhere...), g.IntN(5)+1)
	if c.is(ethIPv4) || c.is(ethIPv6) {
		at := g.IntN(len(actions) + 1)
		actions = slices.Insert(actions, at, g.gateway(c.is(ethIPv6)))
		if _, is := actions[at].(of.CT); is {
			// What was tracked is not tracked again, or a trace may have no end.
			match = append(match, of.CTState.UintMask(0, uint64(CTTracked)))
		}
	}
	instructions := []of.Instruction{of.ApplyActions{Actions: actions}}
	if table+1 < anyTables && g.IntN(2) == 0 {
		instructions = append(instructions, of.GotoTable{Table: table + 1 + uint8(g.IntN(anyTables-int(table)-1))})
	}
	return of.FlowStats{Table: table, Priority: uint16(n + 1), Cookie: uint64(n + 1), Match: of.NewMatch(match...), Instructions: instructions}
}

func (g programmer) actions(fields []*of.Field, n int) (actions []of.Action) {
	for range n {
		f := fields[g.IntN(len(fields))]
		switch g.IntN(10) {
		case 0, 1:
			actions = append(actions, of.SetField{FieldValue: g.value(f)})
		case 2:
			lo := g.IntN(f.Bits)
			n := min(1+g.IntN(f.Bits-lo), 16)
			actions = append(actions, of.Load{Dst: of.Subfield{Field: f, Lo: lo, Bits: n}, Value: uint64(g.IntN(1 << n))})
		case 3:
			to := fields[g.IntN(len(fields))]
			n := 1 + g.IntN(min(f.Bits, to.Bits))
			if to != f {
				actions = append(actions, of.Move{
					Src: of.Subfield{Field: f, Lo: g.IntN(f.Bits - n + 1), Bits: n},
					Dst: of.Subfield{Field: to, Lo: g.IntN(to.Bits - n + 1), Bits: n},
				})
			}
		case 4:
			actions = append(actions, of.Load{Dst: of.InPort16.All(), Value: uint64(g.IntN(3))})
		case 5:
			actions = append(actions, of.Output{Port: of.PortInPort})
		case 6, 7:
			actions = append(actions, of.Output{Port: uint32(g.IntN(anyPorts) + 1)})
		case 8:
			actions = append(actions, of.Group{ID: uint32(g.IntN(anyGroups) + 1)})
		case 9:
			r := of.ResubmitTo(uint8(g.IntN(anyTables)))
			if g.IntN(4) == 0 {
				r.Port = uint16(g.IntN(anyPorts) + 1)
			}
			actions = append(actions, r)
		}
	}
	return actions
}

// gateway makes up what is done with packets that leave a network.
func (g programmer) gateway(ipv6 bool) of.Action {
	switch g.IntN(5) {
	case 0:
		return of.DecTTL{}
	case 2:
		return of.SetTTL{TTL: uint8(g.IntN(3))}
	case 1:
		return of.Multipath{Fields: of.HashSymmetricL3L4UD, Basis: uint16(g.IntN(3)), MaxLink: uint16(g.IntN(5)), Dst: of.Reg[0].All()}
	}
	a := of.CT{Zone: uint16(g.IntN(2)), Table: []uint8{of.NoTable, 0, 1, 2, 3}[g.IntN(5)]}
	if g.IntN(2) == 0 {
		a.Flags = of.CTCommit
		a.Nested = append(a.Nested, of.Load{Dst: of.CTMark.Range(0, 7), Value: uint64(g.IntN(3))})
		if g.IntN(2) == 0 {
			address := some4
			if ipv6 {
				address = some6
			}
			a.Nested = append(a.Nested, of.NAT{Flags: uint16(1 + g.IntN(2)), Min: address})
		}
	} else if g.IntN(2) == 0 {
		a.Nested = append(a.Nested, of.NAT{})
	}
	return a
}

var some4, some6 = netip.MustParseAddr("100.64.0.9"), netip.MustParseAddr("fd77::9")

// group makes up a group. Groups lead to groups of higher numbers only: Open vSwitch refuses circles.
func (g programmer) group(id uint32) of.GroupDesc {
	d := of.GroupDesc{Group: id, GroupType: []of.GroupType{of.GroupTypeAll, of.GroupTypeAll, of.GroupTypeIndirect}[g.IntN(3)]}
	n := g.IntN(4)
	if d.GroupType == of.GroupTypeIndirect {
		n = 1
	}
	for range n {
		var actions []of.Action
		for _, a := range g.actions(anywhere, 1+g.IntN(4)) {
			if inner, is := a.(of.Group); is && inner.ID <= id {
				continue
			}
			actions = append(actions, a)
		}
		d.Buckets = append(d.Buckets, of.NewBucket(actions...))
	}
	return d
}

func (g programmer) packet() Packet {
	mac := func() [6]byte { return [6]byte{2, 0, 0, 0, 0, byte(g.IntN(3))} }
	p := Frame(mac(), mac())
	switch g.IntN(4) {
	case 0:
		return p.ARP(ARPRequest, mac(), strange4, noMAC, someTarget(true))
	case 1:
		return p.IP(strange4, someTarget(true)).UDP(1, 2)
	case 2:
		return p.IP(strange6, someTarget(false)).Solicit(strange6, mac())
	}
	return p.EtherType(0x88b5)
}

func TestOpenVSwitchAgreesOnAnyProgram(t *testing.T) {
	o := ovstest.Start(t)
	o.AddBridge("host1")
	o.OFCtl("", "set-frags", "host1", "nx-match")
	var args []string
	for n := range anyPorts {
		args = append(args, "--", "add-port", "host1", fmt.Sprintf("p%d", n+1), "--", "set", "interface", fmt.Sprintf("p%d", n+1), "type=dummy", fmt.Sprintf("ofport_request=%d", n+1))
	}
	o.VSCtl(args[1:]...)
	ports := datapathPorts(t, o)
	first, last := uint64(1), *tracedTopologies*10
	if *oneSeed != 0 {
		first, last = *oneSeed, *oneSeed
	}
	verdicts := map[string]int{}
	for seed := first; seed <= last && !t.Failed(); seed++ {
		g := programmer{rand.New(rand.NewPCG(seed, 3))}
		var groups []of.GroupDesc
		for id := uint32(anyGroups); id > 0; id-- {
			groups = append(groups, g.group(id))
		}
		var all []of.FlowStats
		for n := range 20 {
			all = append(all, g.flow(n))
		}
		var text strings.Builder
		text.WriteString("flow delete\ngroup delete\n")
		for _, d := range groups {
			fmt.Fprintf(&text, "group add %s\n", d.Format(of.Names{}))
		}
		for _, f := range all {
			fmt.Fprintf(&text, "flow add %s\n", f.FormatWithoutStats(of.Names{}))
		}
		o.OFCtl(text.String(), "bundle", "host1", "-")
		sw := NewSwitch(all, groups)
		sw.Assume = []CTState{CTNew, CTEstablished, CTEstablished | CTReply}[g.IntN(3)] // a trace translates what is invalid, too
		for range 20 {
			p := g.packet()
			verdicts[agree(t, o, sw, ports, arrivesAt{"host1", uint32(1 + g.IntN(anyPorts)), 0}, p)]++
		}
		if t.Failed() {
			t.Logf("replay with: go test ./flows/walk -run '^%s$' -seed %d", t.Name(), seed)
		}
	}
	t.Logf("verdicts: %v", verdicts)
}
