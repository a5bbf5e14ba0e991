package controller

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/ovstest"
	"github.com/weft-sdn/weft/model"
)

// tracedSite is a controller that repairs nothing, with two hosts that are real
// switches, and endpoints: doc1 and doc2 of net1 on host1 and host2, doc3 of
// net1 nowhere, and other of net2, which has the subnet of net1, on host2.
type tracedSite struct {
	*Controller
	hosts map[string]*ovstest.OVS
}

// serveForTraces starts a controller, and says where hosts find it.
func serveForTraces(t *testing.T) (c *Controller, ovsdb string) {
	t.Helper()
	c, err := Open(Config{
		DataDir: filepath.Join(t.TempDir(), "data"), Log: slog.New(slog.DiscardHandler),
		OVSDBListen: "127.0.0.1:0", OpenFlowListen: "127.0.0.1:0",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-served
		c.Close()
	})
	await(t, "the controller listens", func() bool { a, _ := c.Addresses(); return a != nil })
	at, _ := c.Addresses()
	return c, at.String()
}

func newTracedSite(t *testing.T) *tracedSite {
	t.Helper()
	c, ovsdb := serveForTraces(t)
	ctx := t.Context()

	for name, subnet := range map[string]string{"net1": "10.0.1.0/24", "net2": "10.0.1.0/24", "plain": ""} {
		n := network(name, subnet)
		if name == "net1" {
			n.Subnets = append(n.Subnets, model.MustPrefix("2001:db8:1::/64"))
		}
		if _, _, err := c.CreateNetwork(ctx, n, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []model.Endpoint{
		{ID: "doc1", Name: "one", Network: "net1", Addresses: []model.Addr{model.MustAddr("10.0.1.11"), model.MustAddr("2001:db8:1::11")}},
		{ID: "doc2", Name: "two", Network: "net1", Addresses: []model.Addr{model.MustAddr("10.0.1.12"), model.MustAddr("2001:db8:1::12")}},
		{ID: "doc3", Name: "three", Network: "net1", Addresses: []model.Addr{model.MustAddr("10.0.1.13")}},
		{ID: "other", Name: "two", Network: "net2", Addresses: []model.Addr{model.MustAddr("10.0.1.66")}},
		{ID: "plain1", Network: "plain", MAC: model.MACFrom([6]byte{2, 0, 0, 0, 0, 1})},
		{ID: "plain2", Network: "plain", MAC: model.MACFrom([6]byte{2, 0, 0, 0, 0, 2})},
	} {
		if _, _, err := c.CreateEndpoint(ctx, e, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s := &tracedSite{c, map[string]*ovstest.OVS{}}
	for i, name := range []string{"host1", "host2"} {
		o := ovstest.StartDummies(t)
		s.hosts[name] = o
		o.VSCtl("set", "Open_vSwitch", ".", "external_ids:hostname="+name, "external_ids:system-id=id-"+name,
			fmt.Sprintf("external_ids:weft-vtep=192.0.2.%d", i+1), "external_ids:weft-datapath=netdev",
			"--", "set-manager", "tcp:"+ovsdb)
	}
	for id, host := range map[string]string{"doc1": "host1", "doc2": "host2", "other": "host2", "plain1": "host1", "plain2": "host2"} {
		o := s.hosts[host]
		await(t, "br-weft", func() bool { return strings.Contains(o.VSCtl("list-br"), "br-weft") })
		o.VSCtl("add-port", "br-weft", "p-"+id, "--", "set", "interface", "p-"+id, "external_ids:iface-id="+id)
	}
	for _, id := range []string{"doc1", "doc2", "other", "plain1", "plain2"} {
		await(t, id+" is installed", func() bool {
			e, err := c.Endpoint(id)
			return err == nil && e.State == model.Installed
		})
	}
	await(t, "both hosts are synchronized", func() bool { return c.Ready().Ready })
	return s
}

// await waits for a condition that nothing can be subscribed to.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: never", what)
		}
	}
}

func (s *tracedSite) trace(t *testing.T, r model.TraceRequest) model.TraceResult {
	t.Helper()
	result, err := s.Trace(t.Context(), r)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return result
}

func TestTrace(t *testing.T) {
	s := newTracedSite(t)
	for _, test := range []struct {
		about     string
		request   model.TraceRequest
		delivered bool
		packets   int
		verdict   string // contains
	}{
		{"by name", model.TraceRequest{From: "one", To: "two"}, true, 2, "one reaches two"},
		{"back", model.TraceRequest{From: "doc2", To: "doc1", Proto: model.TraceTCP}, true, 2, "two reaches one"},
		{"by address", model.TraceRequest{From: "10.0.1.11", To: "10.0.1.12", Network: "net1", Proto: model.TraceUDP, Port: 53}, true, 2, "one reaches two"},
		{"in IPv6", model.TraceRequest{From: "doc1", To: "2001:db8:1::12"}, true, 2, "one reaches two"},
		{"the ARP question", model.TraceRequest{From: "doc1", To: "doc2", Proto: model.TraceARP}, true, 1, "one is told that 10.0.1.12 is at 02:42:0a:00:01:0c"},
		{"the ND question", model.TraceRequest{From: "doc1", To: "doc2", Proto: model.TraceND}, true, 1, "one is told that 2001:db8:1::12 is at"},
		{"layer 2", model.TraceRequest{From: "plain1", To: "plain2"}, true, 1, "plain1 reaches plain2"},
		{"who is nowhere", model.TraceRequest{From: "doc1", To: "three"}, false, 1, "nobody says who has 10.0.1.13"},
		{"an address of nobody", model.TraceRequest{From: "doc1", To: "10.0.1.99"}, false, 1, "nobody says who has 10.0.1.99"},
		{"another network", model.TraceRequest{From: "doc1", To: "other"}, false, 1, "different networks, net1 and net2"},
	} {
		t.Run(test.about, func(t *testing.T) {
			r := s.trace(t, test.request)
			if r.Delivered != test.delivered || len(r.Packets) != test.packets || !strings.Contains(r.Verdict, test.verdict) || r.Differs {
				t.Errorf("%+v", r)
			}
			for _, p := range r.Packets {
				if p.Installed == nil || p.Difference != "" || p.Note != "" || len(p.Wanted.Steps) < 3 || len(p.Wanted.Ends) == 0 {
					t.Errorf("%s: %+v", p.What, p)
				}
			}
		})
	}
}

func TestTraceIsRefusedWithAReason(t *testing.T) {
	s := newTracedSite(t)
	for _, test := range []struct {
		request model.TraceRequest
		kind    model.Kind
		field   string
	}{
		{model.TraceRequest{To: "doc1"}, model.Invalid, "from"},
		{model.TraceRequest{From: "doc1"}, model.Invalid, "to"},
		{model.TraceRequest{From: "doc1", To: "doc2", Proto: "smoke"}, model.Invalid, "proto"},
		{model.TraceRequest{From: "doc1", To: "doc2", Port: 80}, model.Invalid, "port"},
		{model.TraceRequest{From: "nobody", To: "doc1"}, model.NotFound, "from"},
		{model.TraceRequest{From: "doc1", To: "nobody"}, model.NotFound, "to"},
		{model.TraceRequest{From: "doc1", To: "doc2", Network: "none"}, model.NotFound, "network"},
		{model.TraceRequest{From: "two", To: "doc1"}, model.Invalid, "from"}, // of two networks
		{model.TraceRequest{From: "three", To: "doc1"}, model.Conflict, "from"},
		{model.TraceRequest{From: "doc1", To: "three", Proto: model.TraceND}, model.Conflict, "to"},
	} {
		_, err := s.Trace(t.Context(), test.request)
		refused(t, err, test.kind, test.field)
	}
}

func TestATraceShowsWhatASwitchDoesInstead(t *testing.T) {
	s := newTracedSite(t)
	bridge := func(host, command string, args ...string) { s.hosts[host].OFCtl("", command, "br-weft", args...) }
	bridge("host2", "add-flow", "cookie=0xbad,table=60,priority=60000,ip,nw_src=10.0.1.11,actions=drop")
	r := s.trace(t, model.TraceRequest{From: "doc1", To: "doc2"})
	if !r.Delivered || !r.Differs {
		t.Fatalf("the foreign flow is not seen: %+v", r)
	}
	if d := r.Packets[0].Difference; d != "" {
		t.Errorf("the question differs: %s", d)
	}
	d := r.Packets[1].Difference
	for _, part := range []string{"on host host2", "cookie=0xbad", "priority=100"} {
		if !strings.Contains(d, part) {
			t.Errorf("%q is not in %q", part, d)
		}
	}
	if r := s.trace(t, model.TraceRequest{From: "doc2", To: "doc1"}); r.Differs {
		t.Errorf("the way back differs, too: %+v", r)
	}

	bridge("host2", "add-flow", "cookie=0xbad,table=60,priority=60000,ip,nw_src=10.0.1.11,actions=sample(probability=65535)")
	r = s.trace(t, model.TraceRequest{From: "doc1", To: "doc2"})
	if !strings.Contains(strings.Join(r.Packets[1].Installed.Ends, " "), "does not know what the action") {
		t.Errorf("what the walker does not know is not said: %+v", r.Packets[1].Installed)
	}

	bridge("host2", "del-flows")
	r = s.trace(t, model.TraceRequest{From: "doc1", To: "doc2"})
	if !strings.Contains(r.Packets[1].Difference, "table 0: no flow") {
		t.Errorf("an emptied switch: %q", r.Packets[1].Difference)
	}
}

func TestATraceSaysWhichSwitchItCannotRead(t *testing.T) {
	s := newTracedSite(t)
	if _, err := s.hosts["host2"].Control("exit"); err != nil { // ovs-vswitchd
		t.Fatal(err)
	}
	await(t, "host2 is away", func() bool { h, err := s.Host("host2"); return err == nil && h.OpenFlow == model.Away })
	r := s.trace(t, model.TraceRequest{From: "doc1", To: "doc2"})
	if r.Packets[0].Installed == nil {
		t.Errorf("the question stays on host1, which can be read: %+v", r.Packets[0])
	}
	if !strings.Contains(r.Packets[1].Note, "host2 is not connected") {
		t.Errorf("%+v", r.Packets[1])
	}
	// Without ovs-vswitchd its ports have no numbers.
	await(t, "the port of doc2 is not known", func() bool {
		_, err := s.Trace(t.Context(), model.TraceRequest{From: "doc2", To: "doc1"})
		return model.KindOf(err) == model.Conflict
	})
}
