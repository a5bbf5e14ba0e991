package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestTheCommandsDeclareShowAndDelete(t *testing.T) {
	s := build(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	run := func(args ...string) string {
		t.Helper()
		out, err := s.weft(args...)
		s.must(err)
		return out
	}
	file, err := filepath.Abs(filepath.Join("..", "topologies", "a.yaml"))
	s.must(err)
	t.Log(run("apply", "-f", file))
	var networks []model.Network
	s.must(json.Unmarshal([]byte(run("network", "list", "-o", "json")), &networks))
	if len(networks) != 3 || networks[0].VNI != 5000 {
		t.Errorf("networks %+v", networks)
	}
	for command, want := range map[string]string{
		"network show net1":       "10.0.1.0/24",
		"network list":            "net2",
		"endpoint list":           "doc3",
		"endpoint list -o yaml":   "10.0.1.20",
		"host list":               "192.0.2.12",
		"host show host1 -o yaml": "vtep: 192.0.2.11",
	} {
		if out := run(strings.Fields(command)...); !strings.Contains(out, want) {
			t.Errorf("weft %s does not show %s:\n%s", command, want, out)
		}
	}
	endpoints, err := s.api.Endpoints(s.ctx, "net2")
	s.must(err)
	for _, e := range endpoints {
		run("endpoint", "delete", e.ID)
	}
	run("network", "delete", "net2")
	if out := run("network", "list"); strings.Contains(out, "net2") {
		t.Errorf("deleted, and listed:\n%s", out)
	}
	if out, err := s.weft("network", "delete", "net1"); err == nil || !strings.Contains(out, "endpoint") {
		t.Errorf("a network with endpoints: %v %s", err, out)
	}
	if out, err := s.weft("network", "show", "nope"); err == nil || !strings.Contains(out, "nope") {
		t.Errorf("a network that is not: %v %s", err, out)
	}
}

func TestAWatcherSeesAnEndpointComeAndGo(t *testing.T) {
	s := up(t, pairTopology)
	late := s.declare(model.Endpoint{Name: "late", Addresses: addresses("10.0.1.9")})
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	events := make(chan model.Event, 100)
	go func() {
		defer close(events)
		for e, err := range s.api.Watch(ctx, late.Revision) {
			if err != nil {
				return
			}
			events <- e
		}
	}()
	until := func(what string, is func(model.Event) bool) {
		t.Helper()
		for e := range events {
			if is(e) {
				return
			}
		}
		t.Fatalf("the watch ended before %s", what)
	}
	s.plug("late", "host2", late)
	until("it is on host2", func(e model.Event) bool {
		now, ok := e.Object.(model.Endpoint)
		return ok && e.Name == late.ID && now.Location == "host2"
	})
	_, err := s.api.DeleteEndpoint(s.ctx, late.ID, client.WriteOptions{})
	s.must(err)
	until("it is deleted", func(e model.Event) bool { return e.Type == "delete" && e.Name == late.ID })
}

func TestAWatcherSeesWhatWasWrittenAndNotWhatWasBefore(t *testing.T) {
	s := build(t, pairTopology)
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	const many = 100
	first, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: "first"}, client.WriteOptions{})
	s.must(err)
	seen := make(chan error, 1)
	go func() {
		n := 0
		for e, err := range s.api.Watch(ctx, first.Revision) {
			switch now, ok := e.Object.(model.Network); {
			case err != nil:
				seen <- err
				return
			case e.Kind != "network":
				continue
			case e.Type != "put" || !ok || now.Name != e.Name || now.Revision < e.Revision:
				seen <- fmt.Errorf("%+v", e)
				return
			}
			if n++; n == 2*many {
				seen <- nil
				return
			}
		}
	}()
	for i := range many {
		n, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: fmt.Sprintf("net-%d", i)}, client.WriteOptions{})
		s.must(err)
		n.MTU = 1300
		_, _, err = s.api.PutNetwork(s.ctx, n, client.WriteOptions{})
		s.must(err)
	}
	select {
	case err := <-seen:
		if err != nil {
			t.Error(err)
		}
	case <-s.ctx.Done():
		t.Error("the watch does not show everything")
	}
}

func TestReadinessNamesWhoIsAway(t *testing.T) {
	s := up(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.within(soon, "it is ready", func() error {
		if r, err := s.api.Ready(s.ctx); err != nil || !r.Ready || len(r.Hosts) > 0 {
			return fmt.Errorf("%+v %v", r, err)
		}
		return nil
	})
	s.vsctl("host2", "del-manager")
	s.within(soon, "host2 is named", func() error {
		r, err := s.api.Ready(s.ctx)
		if err == nil && !strings.Contains(strings.Join(r.Hosts, " "), "host2") {
			err = fmt.Errorf("%+v", r)
		}
		return err
	})
}

func TestAnMTUThatTheUnderlayCannotCarryIsSaid(t *testing.T) {
	s := up(t, pairTopology)
	says := func(words ...string) func() error {
		return func() error {
			n, err := s.api.Network(s.ctx, "net1")
			if err != nil {
				return err
			}
			message := condition(n.Conditions, model.MTUTooLarge)
			if len(words) == 0 && message != "" {
				return fmt.Errorf("it says %s", message)
			}
			for _, w := range words {
				if !strings.Contains(message, w) {
					return fmt.Errorf("it says %q, not %q", message, w)
				}
			}
			return nil
		}
	}
	s.within(soon, "all is well", says())
	s.setting("host2", "weft-underlay-mtu", "1400")
	s.within(soon, "it is said", says("1450", "1350", "host2"))
	s.setting("host2", "weft-underlay-mtu", "1500")
	s.within(soon, "all is well again", says())
}
