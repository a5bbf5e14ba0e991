package controller

import (
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// known makes a host known that has a port, as if it had been here before.
func known(t *testing.T, c *Controller, name string, number uint32) *hostLink {
	t.Helper()
	var l *hostLink
	err := c.do(t.Context(), func() {
		w := c.begin()
		w.put(tableHost, &hostRecord{SystemID: "id-" + name, Name: name, Number: number, DatapathID: uint64(number)})
		w.put(tableLink, &linkRecord{SystemID: "id-" + name})
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
		l = c.linkOf("id-" + name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAConfirmationStandsAlsoWhenNothingCanBeStored(t *testing.T) {
	c := open(t, t.TempDir())
	l := known(t, c, "host1", 1)
	sw := &switchLink{ports: map[string]uint32{}, ready: true, synced: true, pending: []confirmation{{session: 1, program: 7}}}
	err := c.do(t.Context(), func() {
		l.sw = sw
		w := c.begin()
		w.put(tableLink, &linkRecord{SystemID: l.systemID, OpenFlow: true, Wanted: 7})
		w.attend(l.systemID, &networkRecord{Network: model.Network{VNI: 5000}}) // that is no more
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
		if err := c.store.Close(); err != nil {
			t.Error(err)
		}
		c.confirmed(l, sw, 1, nil)
		l.sw = nil // it has no session to end
	})
	if err != nil {
		t.Fatal(err)
	}
	if link := c.snapshot().link(l.systemID); link.Confirmed != 7 {
		t.Errorf("what the switch has confirmed is %d, not 7", link.Confirmed)
	}
	if first[presenceRecord](c.snapshot(), tablePresence, byVNI, uint32(5000)) == nil {
		t.Error("the VNI may be given out again, and after a restart it may not")
	}
}

func TestWhatAHostHeldPassesOnAlsoWhenItDiesWithTheController(t *testing.T) {
	dir := t.TempDir()
	c := open(t, dir)
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
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
	})
	if err = errors.Join(err, c.Close()); err != nil {
		t.Fatal(err)
	}

	const takeover = 300 * time.Millisecond
	c, err = Open(Config{DataDir: filepath.Join(dir, "data"), TakeoverAfter: takeover, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.do(t.Context(), func() { // host2 comes, and has the endpoint's container now
		w := c.begin()
		w.put(tableLink, &linkRecord{SystemID: "id-host2", OVSDB: true})
		w.put(tablePort, &portFact{Host: "id-host2", Name: "p", Number: 7, IfaceID: e.ID})
		w.settle(w.endpoint(e.ID))
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); c.snapshot().place(e.ID).Host != "id-host2"; time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 20*takeover {
			t.Fatalf("after %v it is still on %s", time.Since(start), c.snapshot().place(e.ID).Host)
		}
	}
}

func TestAHostThatComesBackClaimsWhatItsPortsSay(t *testing.T) {
	c := open(t, t.TempDir())
	if _, _, err := c.CreateNetwork(t.Context(), network("net1", "10.0.1.0/24"), WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	e, _, err := c.CreateEndpoint(t.Context(), model.Endpoint{ID: "doc1", Network: "net1"}, WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l := known(t, c, "host1", 1)
	err = c.do(t.Context(), func() {
		w := c.begin()
		// The port was seen before, when another host's had the endpoint. That
		// one was unplugged while this host was away, and nothing of its own
		// has changed.
		port := &portFact{Host: l.systemID, Name: "p", Number: 7, IfaceID: e.ID}
		w.put(tablePort, port)
		w.put(tableLink, &linkRecord{SystemID: l.systemID, OVSDB: true})
		same := *port
		w.replacePorts(l.systemID, []*portFact{&same}, true)
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := c.snapshot().place(e.ID); p.Host != l.systemID {
		t.Errorf("the endpoint is on %q", p.Host)
	}
}
