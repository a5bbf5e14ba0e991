package walk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/ovstest"
	of "github.com/weft-sdn/weft/openflow"
)

// Open vSwitch sends nothing of a packet that enters too many tables. That is
// what ends a broadcast to some four thousand endpoints of one host.
func TestOpenVSwitchGivesUpWhereTheWalkerDoes(t *testing.T) {
	o := ovstest.Start(t)
	o.AddBridge("host1")
	o.VSCtl("add-port", "host1", "p1", "--", "set", "interface", "p1", "type=dummy", "ofport_request=1",
		"--", "add-port", "host1", "p2", "--", "set", "interface", "p2", "type=dummy", "ofport_request=2")
	ports := datapathPorts(t, o)
	const inAGroup = 1024 // what a message can hold
	for _, copies := range []int{maxResubmits - 1, maxResubmits, maxResubmits + 1} {
		var groups []of.GroupDesc
		var all []of.Action
		for from := 0; from < copies; from += inAGroup {
			g := of.GroupDesc{Group: uint32(len(groups) + 1), GroupType: of.GroupTypeAll}
			for range min(inAGroup, copies-from) {
				g.Buckets = append(g.Buckets, of.NewBucket(of.ResubmitTo(1)))
			}
			groups = append(groups, g)
			all = append(all, of.Group{ID: g.Group})
		}
		flows := []of.FlowStats{
			{Cookie: 1, Instructions: []of.Instruction{of.ApplyActions{Actions: append([]of.Action{of.Output{Port: 2}}, all...)}}},
			{Cookie: 2, Table: 1},
		}
		var text strings.Builder
		text.WriteString("flow delete\ngroup delete\n")
		for _, g := range groups {
			fmt.Fprintf(&text, "group add %s\n", g.Format(of.Names{}))
		}
		for _, f := range flows {
			fmt.Fprintf(&text, "flow add %s\n", f.FormatWithoutStats(of.Names{}))
		}
		o.OFCtl(text.String(), "bundle", "host1", "-")
		p := Frame(strangeMAC, Broadcast).EtherType(0x88b5)
		got := agree(t, o, NewSwitch(flows, groups), ports, arrivesAt{"host1", 1, 0}, p)
		if want := map[bool]string{true: "dropped", false: "to a port"}[copies > maxResubmits]; got != want {
			t.Errorf("with %d copies the packet is %s, and should be %s", copies, got, want)
		}
	}
}
