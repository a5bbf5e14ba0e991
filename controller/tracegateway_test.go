package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/model"
)

// newRoutedSite is a tracedSite with a way out: doc1 of net1 and web of net2,
// on a router with each other, red and green with equal subnets, and local,
// which has a gateway that leads nowhere. host2 is the way out of net1 and net2;
// red and green leave by their endpoints' own hosts.
func newRoutedSite(t *testing.T) *tracedSite {
	t.Helper()
	c, ovsdb := serveForTraces(t)
	ctx := t.Context()
	s := &tracedSite{c, map[string]*ovstest.OVS{}}
	for i, name := range []string{"host1", "host2"} {
		o := ovstest.StartDummies(t)
		s.hosts[name] = o
		o.VSCtl("set", "Open_vSwitch", ".", "external_ids:hostname="+name, "external_ids:system-id=id-"+name,
			fmt.Sprintf("external_ids:weft-vtep=192.0.2.%d", i+1), "external_ids:weft-datapath=netdev",
			"--", "set-manager", "tcp:"+ovsdb)
		await(t, name, func() bool { h, err := c.Host(name); return err == nil && h.OpenFlow == model.Connected })
	}
	for _, n := range []struct {
		name, subnet, gateway, mode string
		hosts                       []string
	}{
		{"net1", "10.0.1.0/24", "10.0.1.1", model.GatewaySNAT, []string{"host2"}},
		{"net2", "10.0.2.0/24", "10.0.2.1", model.GatewayRouted, []string{"host2"}},
		{"red", "10.65.10.0/24", "10.65.10.1", model.GatewaySNAT, nil},
		{"green", "10.65.10.0/24", "10.65.10.1", model.GatewaySNAT, nil},
		{"local", "10.0.5.0/24", "10.0.5.1", model.GatewayLocal, nil},
		{"none", "10.0.6.0/24", "", "", nil},
	} {
		in := network(n.name, n.subnet)
		if n.mode != "" {
			in.Gateway = &model.Gateway{Addresses: []model.Addr{model.MustAddr(n.gateway)}, Mode: n.mode, Hosts: n.hosts}
		}
		if _, _, err := c.CreateNetwork(ctx, in, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := c.CreateRouter(ctx, model.Router{Name: "r1", Networks: []string{"net1", "net2"}}, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct{ id, network, address, host string }{
		{"doc1", "net1", "10.0.1.11", "host1"}, {"web", "net2", "10.0.2.11", "host2"},
		{"red1", "red", "10.65.10.11", "host1"}, {"green1", "green", "10.65.10.11", "host1"},
		{"lone", "local", "10.0.5.11", "host1"}, {"shut", "none", "10.0.6.11", "host1"},
	} {
		if _, _, err := c.CreateEndpoint(ctx, model.Endpoint{ID: e.id, Network: e.network, Addresses: []model.Addr{model.MustAddr(e.address)}}, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		o := s.hosts[e.host]
		await(t, "br-weft", func() bool { return strings.Contains(o.VSCtl("list-br"), "br-weft") })
		o.VSCtl("add-port", "br-weft", "p-"+e.id, "--", "set", "interface", "p-"+e.id, "external_ids:iface-id="+e.id)
		await(t, e.id+" is installed", func() bool {
			e, err := c.Endpoint(e.id)
			return err == nil && e.State == model.Installed
		})
	}
	await(t, "both hosts have the port to their kernel", func() bool {
		v := c.snapshot()
		return v.link("id-host1").GatewayPort != 0 && v.link("id-host2").GatewayPort != 0
	})
	await(t, "both hosts are synchronized", func() bool { return c.Ready().Ready })
	return s
}

func TestTracesOutOfANetwork(t *testing.T) {
	s := newRoutedSite(t)
	for _, test := range []struct {
		about     string
		request   model.TraceRequest
		delivered bool
		packets   int
		verdict   string // contains
	}{
		{"out by another host, translated", model.TraceRequest{From: "doc1", To: "8.8.8.8", Proto: model.TraceTCP, Port: 80}, true, 3,
			"what is sent to 8.8.8.8 leaves through the kernel of host host2 as from 100."},
		{"a ping out", model.TraceRequest{From: "doc1", To: "8.8.8.8"}, true, 3, "translated from 10.0.1.11"},
		{"out as it is", model.TraceRequest{From: "web", To: "8.8.8.8", Proto: model.TraceUDP, Port: 53}, true, 3,
			"leaves through the kernel of host host2 as from 10.0.2.11,"},
		{"out by the own host", model.TraceRequest{From: "red1", To: "8.8.8.8"}, true, 3, "leaves through the kernel of host host1 as from 100."},
		{"over a router", model.TraceRequest{From: "doc1", To: "web", Proto: model.TraceTCP, Port: 80}, true, 2, "doc1 reaches web"},
		{"over a router, by address", model.TraceRequest{From: "web", To: "10.0.1.11"}, true, 2, "web reaches doc1"},
		{"the gateway", model.TraceRequest{From: "doc1", To: "10.0.1.1"}, true, 2, "doc1 reaches the gateway, which answers for 10.0.1.1"},
		{"the other gateway", model.TraceRequest{From: "doc1", To: "10.0.2.1"}, true, 2, "which answers for 10.0.2.1"},
		{"who the gateway is", model.TraceRequest{From: "doc1", To: "8.8.8.8", Proto: model.TraceARP}, true, 1, "doc1 is told that 10.0.1.1 is at 02:77:65:66:74:01"},
		{"an address of nobody over a router", model.TraceRequest{From: "doc1", To: "10.0.2.99"}, false, 2, "doc1 does not reach 10.0.2.99"},
		{"no router between", model.TraceRequest{From: "doc1", To: "lone"}, false, 3, "on no common router, net1 and local"},
		{"equal addresses", model.TraceRequest{From: "red1", To: "green1"}, false, 1, "red1 does not reach green1: they are in different networks"},
		{"a gateway that leads nowhere", model.TraceRequest{From: "lone", To: "8.8.8.8"}, false, 2, "lone does not reach 8.8.8.8: dropped on host host1 because"},
		{"no gateway", model.TraceRequest{From: "shut", To: "8.8.8.8"}, false, 1, "8.8.8.8 is in no subnet of network none, which has no gateway"},
	} {
		t.Run(test.about, func(t *testing.T) {
			r := s.trace(t, test.request)
			if r.Delivered != test.delivered || len(r.Packets) != test.packets || !strings.Contains(r.Verdict, test.verdict) || r.Differs {
				t.Errorf("%s: %+v", r.Verdict, r)
			}
			for _, p := range r.Packets {
				if p.Installed == nil || p.Difference != "" || p.Note != "" || len(p.Wanted.Steps) < 3 || len(p.Wanted.Ends) == 0 {
					t.Errorf("%s: %+v", p.What, p)
				}
			}
		})
	}
}

// What the proof says of real switches with gateways, and that it notices what
// somebody adds there.
func TestGatewaysAreVerified(t *testing.T) {
	s := newRoutedSite(t)
	result, err := s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !result.Proved || result.Pairs != 2 {
		t.Fatalf("%+v", result)
	}
	s.hosts["host2"].OFCtl("", "add-flow", "br-weft", "cookie=0xbad,table=78,priority=60000,ip,nw_dst=8.8.8.8,actions=drop")
	result, err = s.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result.Proved || !strings.Contains(result.Findings[0].Text, "a packet to the world outside does not leave") {
		t.Fatalf("%+v", result)
	}
}
