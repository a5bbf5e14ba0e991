package walk

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/flows"
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
		program := []of.FlowStats{
			{Cookie: 1, Instructions: []of.Instruction{of.ApplyActions{Actions: append([]of.Action{of.Output{Port: 2}}, all...)}}},
			{Cookie: 2, Table: 1},
		}
		var text strings.Builder
		text.WriteString("flow delete\ngroup delete\n")
		for _, g := range groups {
			fmt.Fprintf(&text, "group add %s\n", g.Format(of.Names{}))
		}
		for _, f := range program {
			fmt.Fprintf(&text, "flow add %s\n", f.FormatWithoutStats(of.Names{}))
		}
		o.OFCtl(text.String(), "bundle", "host1", "-")
		p := Frame(strangeMAC, Broadcast).EtherType(0x88b5)
		sw := NewSwitch(program, groups)
		sw.Assume = CTNew
		got := agree(t, o, sw, ports, arrivesAt{"host1", 1, 0}, p)
		if want := map[bool]string{true: "dropped", false: "to a port"}[copies > maxResubmits]; got != want {
			t.Errorf("with %d copies the packet is %s, and should be %s", copies, got, want)
		}
	}
}

// Nor does it send more copies than fit into 64 KB of datapath actions, and it
// says so only in a trace. Into how many tunnels that is depends on the
// datapath, so the walker says that it does not know.
func TestOpenVSwitchSendsIntoSoManyTunnelsOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	const hosts = 800
	o := ovstest.Start(t)
	underlay(t, o)
	control(t, o, "netdev-dummy/ip4addr", underlayBridge, "198.18.77.200/15")
	f := flows.NewFabric()
	f.PutNetwork(flows.Network{VNI: 256})
	for n := range uint32(hosts) {
		vtep := netip.AddrFrom4([4]byte{198, 19, byte(n >> 8), byte(n)})
		f.PutHost(flows.Host{Number: n + 1, VTEP: vtep, TunnelPorts: flows.TunnelPorts{1}})
		f.PutEndpoint(flows.Endpoint{Number: n + 1, VNI: 256, Host: n + 1, Port: 11, MAC: [6]byte{2, 0, 0, 0, byte(n >> 8), byte(n)}})
		control(t, o, "ovs/route/add", vtep.String()+"/32", underlayBridge)
		control(t, o, "tnl/neigh/set", underlayBridge, vtep.String(), "02:00:00:00:00:01")
	}
	f.Flush()
	o.AddBridge("host1")
	o.VSCtl("add-port", "host1", "e1", "--", "set", "interface", "e1", "type=dummy", "ofport_request=11",
		"--", "add-port", "host1", "vx1", "--", "set", "interface", "vx1", "type=vxlan", "ofport_request=1",
		"options:remote_ip=flow", "options:key=flow")
	o.OFCtl(bundle(f.Program(1)), "bundle", "host1", "-")
	p := Frame([6]byte{2}, Broadcast).EtherType(0x88b5)
	out := control(t, o, "ofproto/trace", "host1", "in_port=11", frameHex(&p))
	_, actions, _ := strings.Cut(out, "Datapath actions:")
	sent := strings.Count(actions, "tnl_push")
	if sent == hosts-1 || !strings.Contains(out, "over 64 kB of actions") {
		t.Errorf("a broadcast goes into all %d tunnels", sent)
	}
	if least := maxActionBytes / tunnelBytes; sent < least {
		t.Errorf("it goes into %d tunnels, and the walker takes %d for sure", sent, least)
	}
	u := NewUnderlay(&Host{Name: "host1", TunnelPorts: flows.TunnelPorts{1}, VTEP: netip.AddrFrom4([4]byte{198, 19, 0, 0}), Switch: FromProgram(f.Program(1))})
	if r := u.Walk("host1", 11, p); r.Err == nil || !strings.Contains(r.Err.Error(), "64 KB") {
		t.Errorf("the walker says %v of %d copies", r.Err, len(r.Ends))
	}
}
