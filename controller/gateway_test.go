package controller

import (
	"context"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// with changes the state beside the API, as hosts and older versions do.
func with(t *testing.T, c *Controller, change func(*tx)) {
	t.Helper()
	err := c.do(context.Background(), func() {
		w := c.begin()
		change(w)
		if _, err := c.commit(context.Background(), w); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func snat(hosts ...string) *model.Gateway {
	return &model.Gateway{Mode: model.GatewaySNAT, Hosts: hosts}
}

func TestForwardsAreSaidInTheFamiliesThatTheyLeadTo(t *testing.T) {
	c := open(t, t.TempDir())
	ctx := context.Background()
	for i, mode := range []string{model.GatewaySNAT, model.GatewayRouted} {
		n := model.Network{Name: mode, Gateway: &model.Gateway{Mode: mode}, Subnets: []model.Prefix{
			model.MustPrefix([]string{"10.0.1.0/24", "10.0.2.0/24"}[i]), model.MustPrefix([]string{"2001:db8:1::/64", "2001:db8:2::/64"}[i])}}
		if _, _, err := c.PutNetwork(ctx, n, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.PutEndpoint(ctx, model.Endpoint{ID: "both-" + mode, Network: mode}, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	four := model.Endpoint{ID: "four", Network: model.GatewaySNAT, Addresses: []model.Addr{model.MustAddr("10.0.1.9")}}
	if _, _, err := c.PutEndpoint(ctx, four, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	v := c.snapshot()
	for _, test := range []struct {
		forward model.Forward
		want    []string
	}{
		{model.Forward{Endpoint: "both-snat", Protocol: model.TCP, Port: 8080, EndpointPort: 80},
			[]string{"tcp/0.0.0.0:8080>100.65.0.1:80", "tcp/[::]:8080>[fd77:6566:7400::1:1]:80"}},
		{model.Forward{Endpoint: "both-snat", Protocol: model.UDP, Port: 53, EndpointPort: 53, Address: model.MustAddr("192.0.2.1")},
			[]string{"udp/192.0.2.1:53>100.65.0.1:53"}},
		{model.Forward{Endpoint: "both-snat", Protocol: model.UDP, Port: 53, EndpointPort: 53, Address: model.MustAddr("2001:db8::1")},
			[]string{"udp/[2001:db8::1]:53>[fd77:6566:7400::1:1]:53"}},
		{model.Forward{Endpoint: "four", Protocol: model.TCP, Port: 1, EndpointPort: 2}, []string{"tcp/0.0.0.0:1>100.65.0.3:2"}},
		{model.Forward{Endpoint: "both-routed", Protocol: model.TCP, Port: 1, EndpointPort: 2}, // packets leave as they are
			[]string{"tcp/0.0.0.0:1>10.0.2.2:2", "tcp/[::]:1>[2001:db8:2::2]:2"}},
		{model.Forward{Endpoint: "gone", Protocol: model.TCP, Port: 1, EndpointPort: 2}, nil},
	} {
		if got := v.forwardWords(&forwardRecord{Forward: test.forward}); !slices.Equal(got, test.want) {
			t.Errorf("%+v: %q, want %q", test.forward, got, test.want)
		}
	}
}

func TestAnOlderDataDirectoryGetsItsZones(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
	n := network("net1", "10.0.1.0/24")
	n.Gateway = snat("h1")
	if _, _, err := c.CreateNetwork(t.Context(), n, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	with(t, c, func(w *tx) {
		w.put(tableHost, &hostRecord{SystemID: "id1", Name: "h1", Number: 1, DatapathID: 1})
	})
	with(t, c, func(w *tx) { // as it would have been stored
		now := *w.network("net1")
		now.Zone = 0
		w.put(tableNetwork, &now)
		w.delete(tablePresence, first[presenceRecord](w.view, tablePresence, byID, "id1", now.VNI))
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	v := open(t, dir).snapshot()
	got := v.network("net1")
	if got.Zone == 0 {
		t.Error("it has no zone")
	}
	if p := first[presenceRecord](v, tablePresence, byID, "id1", got.VNI); p == nil || p.Zone != got.Zone {
		t.Errorf("its gateway host is noted as %+v", p)
	}
}

// A network keeps its zone while its mode goes back and forth; the zone of one
// that is gone is not given out while a switch may have connections in it.
func TestZonesAreKept(t *testing.T) {
	c := open(t, t.TempDir())
	zone := func(name string) uint16 { return c.snapshot().network(name).Zone }
	put := func(name, subnet string, g *model.Gateway) {
		t.Helper()
		n := network(name, subnet)
		n.Gateway = g
		if _, _, err := c.PutNetwork(t.Context(), n, WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	with(t, c, func(w *tx) {
		w.put(tableHost, &hostRecord{SystemID: "id1", Name: "h1", Number: 1, DatapathID: 1})
	})
	put("a", "10.0.1.0/24", nil)
	if zone("a") != 0 {
		t.Error("a network that nothing leaves has a zone")
	}
	put("a", "10.0.1.0/24", snat("h1"))
	if zone("a") != 1 {
		t.Errorf("zone %d", zone("a"))
	}
	put("a", "10.0.1.0/24", nil)
	put("b", "10.0.2.0/24", snat())
	put("a", "10.0.1.0/24", snat("h1"))
	if zone("a") != 1 || zone("b") != 2 {
		t.Errorf("zones %d and %d", zone("a"), zone("b"))
	}
	if _, err := c.DeleteNetwork(t.Context(), "a", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	put("c", "10.0.3.0/24", snat())
	if zone("c") != 3 {
		t.Errorf("zone %d, and 1 may still be in use on h1", zone("c"))
	}
	with(t, c, func(w *tx) { // as when h1 has confirmed and is flushed
		for _, p := range slices.Collect(each[presenceRecord](w.view, tablePresence, byHost, "id1")) {
			w.delete(tablePresence, p)
		}
	})
	// A dry run takes nothing.
	n := network("d", "10.0.4.0/24")
	n.Gateway = snat()
	if _, _, err := c.CreateNetwork(t.Context(), n, WriteOptions{DryRun: true}); err != nil {
		t.Fatal(err)
	}
	put("e", "10.0.5.0/24", snat())
	if zone("e") != 1 {
		t.Errorf("zone %d, and 1 is free", zone("e"))
	}
}

// A gateway host that does not exist is not "every host".
func TestNamedExitsThatAreUnknownAreNone(t *testing.T) {
	c := open(t, t.TempDir())
	n := network("net1", "10.0.1.0/24")
	n.Gateway = snat("h1", "h2")
	if _, _, err := c.CreateNetwork(t.Context(), n, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	gateway := func() *flows.Gateway {
		v := c.snapshot()
		return v.fabricGateway(v.network("net1"), v.underlayLimits())
	}
	if g := gateway(); g.Mode != flows.Local || g.Zone != 0 {
		t.Errorf("%+v", g)
	}
	with(t, c, func(w *tx) {
		w.put(tableHost, &hostRecord{SystemID: "id2", Name: "h2", Number: 2, DatapathID: 2, Draining: true, UnderlayMTU: 1400})
	})
	if g := gateway(); g.Mode != flows.SNAT || g.Zone == 0 || !slices.Equal(g.Hosts, []flows.Exit{{Host: 2, Draining: true}}) || g.Limit != 1350 {
		t.Errorf("%+v", g)
	}
}
