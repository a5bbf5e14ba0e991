package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// joined brings up an installation whose hosts have all joined by the line that
// weft token prints, and by nothing else.
func joined(t *testing.T, topology string, controllerArgs ...string) *site {
	t.Helper()
	s := build(t, topology, controllerArgs...)
	for _, h := range s.Hosts() {
		s.must(h.Join(s.ctx))
	}
	for _, h := range s.Hosts() {
		s.within(soon, h.Name+" gossips", s.gossip(h.Name, model.GossipAlive))
	}
	return s
}

// gossip says whether a host's agent is seen so.
func (s *site) gossip(host, state string) func() error {
	return func() error {
		h, err := s.api.Host(s.ctx, host)
		if err != nil {
			return err
		}
		if h.Gossip != state {
			return fmt.Errorf("gossip %s", h.Gossip)
		}
		return nil
	}
}

func TestHostsJoinByOneLine(t *testing.T) {
	s := joined(t, pairTopology)
	s.synchronized(soon, "host1", "host2")
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	s.check()
}

// The agent has set what the host says of itself, and a manager with its mark;
// what somebody else has set is still there.
func TestAnAgentChangesOnlyWhatIsItsOwn(t *testing.T) {
	s := build(t, pairTopology)
	h := s.Host("host1")
	s.vsctl("host1", "--no-wait", "set", "Open_vSwitch", ".", "external_ids:weft-underlay-mtu=1400", "external_ids:mine=yes")
	s.must(h.Join(s.ctx))
	s.vsctl("host1", "--no-wait", "--id=@m", "create", "Manager", `target="ptcp:6699:127.0.0.1"`, "--", "add", "Open_vSwitch", ".", "manager_options", "@m")
	s.within(soon, "host1 gossips", s.gossip("host1", model.GossipAlive))
	s.synchronized(soon, "host1")
	for key, want := range map[string]string{"weft-vtep": `"192.0.2.11"`, "weft-datapath": "netdev", "weft-underlay-mtu": `"1400"`, "mine": "yes", "hostname": "host1"} {
		if got := s.vsctl("host1", "get", "Open_vSwitch", ".", "external_ids:"+key); got != want {
			t.Errorf("external_ids:%s is %s and not %s", key, got, want)
		}
	}
	if got := s.vsctl("host1", "get-manager"); got != "ptcp:6699:127.0.0.1\n"+s.manager() {
		t.Errorf("the managers are %q", got)
	}
	// A restart needs to be told nothing, and writes nothing.
	before := s.database("host1")
	s.must(h.KillAgent(s.ctx))
	s.must(h.StartAgent("--hostname", "host1", "--docker=false"))
	s.within(soon, "the agent has joined again", func() error {
		if out := s.said("host1"); strings.Count(out, "follows the controller") < 2 {
			return errors.New(out)
		}
		return nil
	})
	if now := s.database("host1"); now != before {
		t.Errorf("the database was written: %s", lastWrites(before, now))
	}
}

// manager is where a host is pointed.
func (s *site) manager() string {
	return "tcp:" + s.Topology.Controller.Address.Addr().String() + ":6640"
}

// said is the log of a host's agent.
func (s *site) said(host string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, host, "agent.out"))
	s.must(err)
	return string(text)
}

func TestAHostWhoseAgentGossipsIsNotDown(t *testing.T) {
	s := joined(t, trioTopology, "--takeover-after", "2s")
	s.must(s.Declare(s.ctx))
	s.must(s.PlugAll(s.ctx))
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	seen := s.gossipEvents(ctx, "host1")
	// Somebody on host2 claims what is on host1.
	one := s.endpoint("one")
	s.vsctl("host2", "--no-wait", "add-port", "br-weft", "rival", "--", "set", "Interface", "rival", "type=internal", "external_ids:iface-id="+one.ID)
	h := s.Host("host1")
	s.must(h.CutFromController())
	s.within(soon, "host1 is away", s.away("host1"))
	pings := s.ping("two", "one")
	s.within(soon, "host1 is called cut off", func() error {
		if condition(s.host("host1").Conditions, model.CutOff) == "" {
			return errors.New("it is not")
		}
		return nil
	})
	s.answered(pings, 60) // six seconds, three times what it would take
	if at := s.endpoint("one").Location; at != "host1" {
		t.Errorf("host1 is cut off, and its endpoint is on %s", at)
	}
	s.noneLost(pings)
	s.must(h.Heal())
	s.synchronized(soon, "host1")

	// A power cut ends the gossip, too.
	s.must(h.KillAgent(s.ctx))
	s.must(h.PowerOff(s.ctx))
	s.within(40*time.Second, "the endpoint passes on", func() error {
		if at := s.endpoint("one").Location; at != "host2" {
			return fmt.Errorf("it is on %s", at)
		}
		return nil
	})
	s.must(s.gossip("host1", model.GossipDead)())
	stop()
	var states []string
	for state := range seen {
		states = append(states, state)
	}
	if len(states) == 0 || states[len(states)-1] != model.GossipDead {
		t.Errorf("a watcher saw the states %q", states)
	}
	// The dead do not come alive by a restart of the controller.
	s.restartController()
	s.must(s.gossip("host1", model.GossipDead)())
}

// gossipEvents are the gossip states of a host that a watcher is told of.
func (s *site) gossipEvents(ctx context.Context, host string) <-chan string {
	s.t.Helper()
	since := s.host(host).Revision
	states := make(chan string, 1000)
	go func() {
		defer close(states)
		for e, err := range s.api.Watch(ctx, since) {
			if err != nil {
				return
			}
			if h, ok := e.Object.(model.Host); ok && h.Name == host {
				states <- h.Gossip
			}
		}
	}()
	return states
}
