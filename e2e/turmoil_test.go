package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// turmoil is how long things happen to an installation, all at once.
const turmoil = 20 * time.Second

func TestAfterAnyTurmoilAllIsAsWanted(t *testing.T) {
	s := up(t, trioTopology, "--takeover-after", "1s")
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	hosts := []string{"host1", "host2", "host3"}
	plugged := map[string]bool{"one": true, "two": true, "three": true}
	names := []string{"one", "two", "three"}
	plug := func(name string) {
		e := s.endpoint(name)
		e.Prefixes = e.Prefixes[:1] // the second one changes
		s.must(s.Container(name).Plug(s.ctx, e))
	}
	extra := 0
	steps := []struct {
		name string
		do   func(h *lab.Host)
	}{
		{"controller killed", func(*lab.Host) { s.restartController() }},
		{"ovs-vswitchd killed", func(h *lab.Host) { s.must(h.KillVswitchd(s.ctx)); s.must(h.StartVswitchd(s.ctx)) }},
		{"ovsdb-server killed", func(h *lab.Host) { s.must(h.KillOVSDB(s.ctx)); s.must(h.StartOVSDB(s.ctx)) }},
		{"power cut", func(h *lab.Host) { s.must(h.PowerOff(s.ctx)); s.must(h.PowerOn(s.ctx)) }},
		{"cut off", func(h *lab.Host) { s.must(h.CutFromController()) }},
		{"healed", func(h *lab.Host) { _ = h.Heal() }}, // it may not be cut off
		{"del-flows", func(h *lab.Host) { _, _ = h.Run(s.ctx, "ovs-ofctl", "-t", "2", "del-flows", "br-weft") }},
		{"del-groups", func(h *lab.Host) {
			_, _ = h.Run(s.ctx, "ovs-ofctl", "-t", "2", "-O", "OpenFlow14", "del-groups", "br-weft")
		}},
		{"tunnel port deleted", func(h *lab.Host) {
			_, _ = h.Run(s.ctx, "ovs-vsctl", "--no-wait", "--timeout=2", "del-port", "br-weft", "weft-vxlan")
		}},
		{"controller row deleted", func(h *lab.Host) {
			_, _ = h.Run(s.ctx, "ovs-vsctl", "--no-wait", "--timeout=2", "del-controller", "br-weft")
		}},
		{"plugged or unplugged", func(*lab.Host) {
			name := names[random.IntN(len(names))]
			if plugged[name] {
				s.must(s.Container(name).Unplug(s.ctx))
			} else {
				plug(name)
			}
			plugged[name] = !plugged[name]
		}},
		{"endpoint created", func(*lab.Host) {
			extra++
			s.declare(model.Endpoint{Name: fmt.Sprintf("extra-%d", extra)})
		}},
		{"endpoint changed", func(*lab.Host) {
			e := s.endpoint(names[random.IntN(len(names))])
			e.Addresses = append(e.Addresses[:1], addresses(fmt.Sprintf("10.0.1.%d", 200+random.IntN(50)))...)
			_, _, err := s.api.PutEndpoint(s.ctx, e, client.WriteOptions{})
			if err != nil && !strings.Contains(err.Error(), "10.0.1.") { // that address may be taken
				s.must(err)
			}
		}},
	}
	for start := time.Now(); time.Since(start) < turmoil; {
		step, host := steps[random.IntN(len(steps))], hosts[random.IntN(len(hosts))]
		t.Logf("%v %s %s", time.Since(start).Round(time.Millisecond), host, step.name)
		step.do(s.Host(host))
		time.Sleep(time.Duration(random.IntN(300)) * time.Millisecond)
	}
	for _, h := range hosts {
		_ = s.Host(h).Heal() // it may not be cut off
	}
	for _, name := range names {
		if !plugged[name] {
			plug(name)
		}
	}
	t.Logf("synchronized %v after it all", s.synchronized(30*time.Second, hosts...))
	for _, name := range names {
		s.becomes(soon, name, model.Installed, s.Container(name).Host.Name)
	}
	s.synchronized(30*time.Second, hosts...)
	for _, h := range hosts {
		s.within(promisedGroups, h+" has what is wanted", func() error {
			difference, err := s.api.HostFlows(s.ctx, h, client.FlowsDifference)
			if err == nil && len(difference) > 0 {
				err = fmt.Errorf("%+v", difference)
			}
			return err
		})
		wanted, err := s.api.HostFlows(s.ctx, h, client.FlowsWanted)
		s.must(err)
		if n := strings.Count(s.mustProgram(h), "\n") + 1; n != len(wanted) {
			t.Errorf("%s has %d flows and groups, not %d", h, n, len(wanted))
		}
	}
	ready, err := s.api.Ready(s.ctx)
	s.must(err)
	if !ready.Ready || slices.ContainsFunc(ready.Hosts, func(string) bool { return true }) {
		t.Errorf("%+v", ready)
	}
	s.check()
}
