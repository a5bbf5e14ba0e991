package controller

import (
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/model"
)

// rivals is a controller whose host1 is away and has an endpoint, for which
// host2 has a port.
func rivals(t *testing.T, takeover time.Duration) (c *Controller, holder func() string) {
	t.Helper()
	c, err := Open(Config{DataDir: filepath.Join(t.TempDir(), "data"), TakeoverAfter: takeover, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, _, err := c.CreateNetwork(t.Context(), network("net1", "10.0.1.0/24"), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	e, _, err := c.CreateEndpoint(t.Context(), model.Endpoint{ID: "doc1", Network: "net1"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	known(t, c, "host1", 1)
	known(t, c, "host2", 2)
	err = c.do(t.Context(), func() {
		w := c.begin()
		w.put(tablePlace, &placeRecord{Endpoint: e.ID, Host: "id-host1"})
		w.put(tableLink, &linkRecord{SystemID: "id-host2", OVSDB: true})
		w.put(tablePort, &portFact{Host: "id-host2", Name: "p", Number: 7, IfaceID: e.ID})
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, func() string { return c.snapshot().place(e.ID).Host }
}

// hears tells the controller what the gossip says of host1's agent.
func hears(t *testing.T, c *Controller, state membership.State) {
	t.Helper()
	m := membership.Member{Name: "id-host1", Role: membership.Agent, State: state, Address: netip.MustParseAddrPort("192.0.2.1:7948")}
	change := membership.Change{Before: m, After: m}
	if state == "" {
		change.After = membership.Member{}
	}
	if err := c.do(t.Context(), func() { c.gossiped(change) }); err != nil {
		t.Fatal(err)
	}
}

func TestTheGossipHasToAgreeThatAHostIsDown(t *testing.T) {
	const takeover = 20 * time.Millisecond
	for _, test := range []struct {
		states []membership.State
		moves  bool
		shown  string
	}{
		{nil, true, model.GossipNone},
		{[]membership.State{membership.Alive}, false, model.GossipAlive},
		{[]membership.State{membership.Alive, membership.Suspect}, false, model.GossipSuspect},
		{[]membership.State{membership.Alive, membership.Dead}, true, model.GossipDead},
		{[]membership.State{membership.Alive, membership.Left}, true, model.GossipLeft},
		{[]membership.State{membership.Alive, membership.Dead, ""}, true, model.GossipNone},
		{[]membership.State{membership.Dead, membership.Alive}, false, model.GossipAlive},
	} {
		c, holder := rivals(t, takeover)
		for _, state := range test.states {
			hears(t, c, state)
		}
		time.Sleep(5 * takeover) // whatever is due is done, and whatever is not shall not be
		if err := c.do(t.Context(), func() { c.reconsider(c.linkOf("id-host1")) }); err != nil {
			t.Fatal(err)
		}
		if moved := holder() == "id-host2"; moved != test.moves {
			t.Errorf("%v: it is on %s", test.states, holder())
		}
		h, err := c.Host("host1")
		if err != nil || h.Gossip != test.shown {
			t.Errorf("%v: shown as %q, %v", test.states, h.Gossip, err)
		}
		cut := false
		for _, condition := range h.Conditions {
			cut = cut || condition.Type == model.CutOff
		}
		if cut == test.moves {
			t.Errorf("%v: the condition CutOff: %t", test.states, cut)
		}
	}
}

// What the gossip said is remembered, and events are told of it; of a controller
// nothing is.
func TestTransitionsAreEvents(t *testing.T) {
	c, _ := rivals(t, time.Hour)
	events, err := c.Watch(t.Context(), c.Revision())
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []membership.State{membership.Alive, membership.Alive, membership.Dead} {
		hears(t, c, state)
	}
	if err := c.do(t.Context(), func() {
		m := membership.Member{Name: "id-host1", Role: membership.Controller, State: membership.Left}
		c.gossiped(membership.Change{After: m})
	}); err != nil {
		t.Fatal(err)
	}
	if got := c.gossipers(); len(got) != 0 {
		t.Errorf("dead, and looked for at %v", got)
	}
	hears(t, c, membership.Alive)
	if got := c.gossipers(); len(got) != 1 || got[0] != "192.0.2.1:7948" {
		t.Errorf("looked for at %v", got)
	}
	last := c.Revision()
	seen := 0
	for e := range events {
		if h, ok := e.Object.(model.Host); !ok || e.Kind != "host" || h.Name != "host1" {
			t.Errorf("an event of %s: %+v", e.Kind, e.Object)
		}
		seen++
		if e.Revision == last {
			break
		}
	}
	if seen != 3 {
		t.Errorf("%d events", seen)
	}
	if err := c.do(t.Context(), c.forgetGossip); err != nil {
		t.Fatal(err)
	}
	if h, err := c.Host("host1"); err != nil || h.Gossip != model.GossipNone {
		t.Errorf("without gossip: %q, %v", h.Gossip, err)
	}
}

func TestTheCardIsMadeOnceAndFollows(t *testing.T) {
	c := open(t, t.TempDir())
	if _, err := Card(c.config.DataDir); err == nil {
		t.Error("there is a card before there is a gossip")
	}
	first, err := c.renewCard("one", netip.MustParseAddrPort("192.0.2.10:7948"))
	if err != nil || len(first.Token.Keys) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	if _, err := c.renewCard("two", netip.MustParseAddrPort("[2001:db8::1]:1000")); err != nil {
		t.Fatal(err)
	}
	now, err := Card(c.config.DataDir)
	if err != nil || now.Token.Keys[0] != first.Token.Keys[0] || now.Token.API != "two" || now.Token.Cluster != c.ClusterID() || now.Seeds[0] != "[2001:db8::1]:1000" {
		t.Errorf("%+v, %v", now, err)
	}
}
