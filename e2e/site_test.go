package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// site is one installation under test: a lab and a client of its controller.
type site struct {
	*lab.Lab
	t   *testing.T
	ctx context.Context // ends when the test has taken too long
	api *client.Client
}

// Two labs at a time are what a machine of two cores can run without one
// disturbing the other's measurements.
var places = make(chan struct{}, 2)

const (
	testPatience = 100 * time.Second
	// soon is how long anything may take for which no figure is promised.
	soon = 20 * time.Second
	// promised is how fast flows and rows are put right, and a host is
	// back after its switch has connected again.
	promised = 2 * time.Second
	// promisedGroups is the same for groups, which are re-read now and then.
	promisedGroups = 10 * time.Second
)

// pairTopology is two hosts and one network, with a container on each.
const pairTopology = `
name: pair
underlay:
  segments: {lan: 192.0.2.0/24}
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
networks:
  - {name: net1, subnets: [10.0.1.0/24], vni: 5000}
endpoints:
  - {name: one, network: net1, addresses: [10.0.1.1]}
  - {name: two, network: net1, addresses: [10.0.1.2]}
containers:
  - {name: one, host: host1}
  - {name: two, host: host2}
expect:
  - {from: one, to: two, reaches: true}
  - {from: two, to: one, reaches: true}
`

// trioTopology is pairTopology with a third host.
const trioTopology = `
name: trio
underlay:
  segments: {lan: 192.0.2.0/24}
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
  - {name: host3, address: 192.0.2.13/24}
networks:
  - {name: net1, subnets: [10.0.1.0/24], vni: 5000}
endpoints:
  - {name: one, network: net1, addresses: [10.0.1.1]}
  - {name: two, network: net1, addresses: [10.0.1.2]}
  - {name: three, network: net1, addresses: [10.0.1.3]}
containers:
  - {name: one, host: host1}
  - {name: two, host: host2}
  - {name: three, host: host3}
expect:
  - {from: one, to: two, reaches: true}
  - {from: one, to: three, reaches: true}
  - {from: two, to: three, reaches: true}
`

// up brings an installation up whose containers are all plugged and installed.
func up(t *testing.T, topology string, controllerArgs ...string) *site {
	t.Helper()
	return bringUp(t, parse(t, topology), lab.Up, controllerArgs...)
}

// build makes hosts and the controller and declares nothing.
func build(t *testing.T, topology string, controllerArgs ...string) *site {
	t.Helper()
	return bringUp(t, parse(t, topology), lab.Build, controllerArgs...)
}

func parse(t *testing.T, topology string) *lab.Topology {
	t.Helper()
	parsed, err := lab.Parse([]byte(topology))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

type builder func(context.Context, *lab.Topology, lab.Options) (*lab.Lab, error)

func bringUp(t *testing.T, topology *lab.Topology, with builder, controllerArgs ...string) *site {
	t.Helper()
	return bringUpFor(t, testPatience, topology, with, controllerArgs...)
}

// bringUpFor brings an installation up for a test that takes so long at the most.
func bringUpFor(t *testing.T, patience time.Duration, topology *lab.Topology, with builder, controllerArgs ...string) *site {
	t.Helper()
	needLab(t)
	t.Parallel()
	places <- struct{}{}
	t.Cleanup(func() { <-places })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	l, err := with(ctx, topology, lab.Options{
		Binary:         weftBinary,
		ControllerArgs: controllerArgs,
		Instance:       "e2e-" + strings.ToLower(rand.Text()[:8]),
		Dir:            filepath.Join(t.TempDir(), "lab"),
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{Lab: l, t: t, ctx: ctx}
	t.Cleanup(func() {
		for _, bad := range []string{"panic: ", "DATA RACE", "fatal error: "} {
			if strings.Contains(s.controllerLog(), bad) {
				t.Errorf("the controller's log has %q", bad)
			}
		}
		if t.Failed() {
			t.Logf("the controller's log:\n%s", s.controllerLog())
			for _, h := range l.Hosts() {
				for _, file := range []string{"ovs-vswitchd.log", "agent.out"} {
					text, _ := os.ReadFile(filepath.Join(l.Dir, h.Name, file)) // no agent runs on every host
					t.Logf("%s of %s ends with:\n%s", file, h.Name, text[max(0, len(text)-2000):])
				}
			}
		}
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	s.api, err = client.New(client.Config{Transport: l.HTTP().Transport})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// in is the same installation for a subtest.
func (s *site) in(t *testing.T) *site {
	sub := *s
	sub.t = t
	return &sub
}

func needLab(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: a lab needs root")
	}
	if _, err := exec.LookPath("ovs-vswitchd"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: a lab needs Open vSwitch")
	}
}

// must ends the test on an error of a step that is not itself under test.
func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// within waits until holds returns nil, and returns how long that took.
func (s *site) within(limit time.Duration, what string, holds func() error) time.Duration {
	s.t.Helper()
	took, err := s.wait(limit, holds)
	if err != nil {
		s.t.Fatalf("%s: not within %v: %v", what, limit, err)
	}
	return took
}

func (s *site) wait(limit time.Duration, holds func() error) (time.Duration, error) {
	start := time.Now()
	for pause := 2 * time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := holds()
		took := time.Since(start)
		if err == nil && took <= limit {
			return took, nil
		}
		if err == nil {
			return took, fmt.Errorf("it took %v", took)
		}
		if took > limit || s.ctx.Err() != nil {
			return took, errors.Join(err, s.ctx.Err())
		}
		time.Sleep(pause)
	}
}

// check tests every expectation of the topology with real packets.
func (s *site) check() {
	s.t.Helper()
	results, err := s.Check(s.ctx, s.Topology.Expect)
	s.must(err)
	for _, r := range results {
		if r.Err != nil {
			s.t.Errorf("%s: %v", r.Expectation, r.Err)
		} else if r.Note != "" {
			s.t.Logf("%s: %s", r.Expectation, r.Note)
		}
	}
}

func (s *site) controllerDir() string { return filepath.Join(s.Dir, "ctl") }

func (s *site) controllerLog() string {
	text, err := os.ReadFile(filepath.Join(s.controllerDir(), "controller.out"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// restartController ends the controller without warning and starts it again.
func (s *site) restartController() {
	s.t.Helper()
	s.must(s.KillController(s.ctx))
	s.must(s.StartController(s.ctx))
}

// weft runs the weft command on the controller's machine.
func (s *site) weft(args ...string) (string, error) {
	argv := append([]string{"lab", "exec", "--dir", s.Dir, "ctl", "--", weftBinary}, args...)
	out, err := exec.CommandContext(s.ctx, weftBinary, argv...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("weft %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// host is a host as the controller shows it.
func (s *site) host(name string) model.Host {
	s.t.Helper()
	h, err := s.api.Host(s.ctx, name)
	s.must(err)
	return h
}

// endpoint is the endpoint of that name as the controller shows it.
func (s *site) endpoint(name string) model.Endpoint {
	s.t.Helper()
	all, err := s.api.Endpoints(s.ctx, "")
	s.must(err)
	for _, e := range all {
		if e.Name == name {
			return e
		}
	}
	s.t.Fatalf("there is no endpoint %s in %v", name, all)
	return model.Endpoint{}
}

// synchronized waits until hosts are connected and confirmed what is wanted.
func (s *site) synchronized(limit time.Duration, hosts ...string) time.Duration {
	s.t.Helper()
	return s.within(limit, "hosts are synchronized", func() error {
		for _, name := range hosts {
			h, err := s.api.Host(s.ctx, name)
			if err != nil {
				return err
			}
			if h.OVSDB != model.Connected || h.OpenFlow != model.Connected || !h.Synchronized {
				return fmt.Errorf("host %s: OVSDB %s, OpenFlow %s, synchronized %v: %s", name, h.OVSDB, h.OpenFlow, h.Synchronized, h.LastError)
			}
		}
		return nil
	})
}

// becomes waits until an endpoint is in a state on a host.
func (s *site) becomes(limit time.Duration, endpoint, state, host string) time.Duration {
	s.t.Helper()
	return s.within(limit, fmt.Sprintf("endpoint %s is %s on %q", endpoint, state, host), func() error {
		if e := s.endpoint(endpoint); e.State != state || e.Location != host {
			return fmt.Errorf("it is %s on %q: %v", e.State, e.Location, e.Conditions)
		}
		return nil
	})
}

// condition returns the message of a condition, or nothing.
func condition(conditions []model.Condition, kind string) string {
	for _, c := range conditions {
		if c.Type == kind {
			return c.Message
		}
	}
	return ""
}

// hostSays waits until a host shows a condition whose message has these words.
func (s *site) hostSays(name, kind string, words ...string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("host %s says %s", name, kind), func() error {
		h, err := s.api.Host(s.ctx, name)
		if err != nil {
			return err
		}
		return says(h.Conditions, kind, words...)
	})
}

// endpointSays is hostSays for an endpoint.
func (s *site) endpointSays(name, kind string, words ...string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("endpoint %s says %s", name, kind), func() error {
		return says(s.endpoint(name).Conditions, kind, words...)
	})
}

// portSays is hostSays for a port of a host.
func (s *site) portSays(host, port, kind string, words ...string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("port %s on %s says %s", port, host, kind), func() error {
		return says(s.port(host, port).Conditions, kind, words...)
	})
}

func says(conditions []model.Condition, kind string, words ...string) error {
	message := condition(conditions, kind)
	if message == "" {
		return fmt.Errorf("it says %v", conditions)
	}
	for _, w := range words {
		if !strings.Contains(message, w) {
			return fmt.Errorf("%s says %q, without %q", kind, message, w)
		}
	}
	return nil
}

// port is a port of a host as the controller shows it, or the zero value.
func (s *site) port(host, name string) model.Port {
	s.t.Helper()
	ports, err := s.api.HostPorts(s.ctx, host)
	s.must(err)
	for _, p := range ports {
		if p.Name == name {
			return p
		}
	}
	return model.Port{}
}
