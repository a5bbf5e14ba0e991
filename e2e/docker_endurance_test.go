package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
)

var dockerNet1 = model.Network{Name: "net1", Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")}, VNI: 5000,
	Gateway: &model.Gateway{Mode: model.GatewayLocal}}

// endpointsAre waits until the controller has just these many endpoints.
func (s *dockerSite) endpointsAre(n int) {
	s.t.Helper()
	// A reservation of which an agent does not know whether the controller made it
	// is swept after half a minute.
	const swept = 30 * time.Second
	s.within(swept+soon, fmt.Sprintf("there are %d endpoints", n), func() error {
		all, err := s.api.Endpoints(s.ctx, "")
		if err == nil && len(all) != n {
			err = fmt.Errorf("there are %d: %+v", len(all), all)
		}
		return err
	})
}

// noPorts waits until no port of a container is left on a host.
func (s *dockerSite) noPorts(host string) {
	s.t.Helper()
	s.within(soon, "no port is left on "+host, func() error {
		out, err := s.Host(host).Run(s.ctx, "ovs-vsctl", "list-ports", "br-weft")
		if err == nil && strings.Contains(out, "wv") {
			err = fmt.Errorf("there are %q", out)
		}
		if links, linkErr := s.Host(host).Run(s.ctx, "ip", "-br", "link"); err == nil && (linkErr != nil || strings.Contains(links, "wv") || strings.Contains(links, "wc")) {
			err = fmt.Errorf("there are %q, %v", links, linkErr)
		}
		return err
	})
}

func TestDockerAgentRestarts(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.2.0/24", "net2")
	s.listed("net2", true, "host2")
	s.runs("host1", "one", "--net", "net1")
	s.docker("host1", "network", "connect", "net2", "one")
	s.runs("host2", "two", "--net", "net1")
	two := s.inspect("host2", "two", "net1").IPAddress
	s.pings("host1", "one", two)

	s.must(s.Host("host1").KillAgent(s.ctx))
	s.pings("host1", "one", two)
	s.startAgent("host1")
	s.within(soon, "the new agent serves", func() error {
		_, err := s.Host("host1").Docker(s.ctx, "run", "--rm", "--net", "net2", lab.DockerImage, "/bin/sleep", "0")
		return err
	})
	s.pings("host1", "one", two)
	s.docker("host1", "network", "disconnect", "net2", "one")
	s.docker("host1", "network", "connect", "net2", "one")
	s.docker("host1", "restart", "-t", "0", "one")
	s.pings("host1", "one", two)
	s.docker("host1", "rm", "-f", "one")
	s.docker("host2", "rm", "-f", "two")
	s.endpointsAre(0)
	s.noPorts("host1")
	s.noPorts("host2")
}

// What Docker told is lost: networks are found again, and what an earlier agent
// made can still be taken away.
func TestDockerAgentLosesItsRecords(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.2.0/24", "net2")
	s.listed("net2", true, "host2")
	s.runs("host1", "one", "--net", "net1")
	s.runs("host2", "two", "--net", "net1")
	two := s.inspect("host2", "two", "net1").IPAddress
	s.must(s.Host("host1").KillAgent(s.ctx))
	s.must(os.RemoveAll(filepath.Join(s.Dir, "host1", "agent-state")))
	s.startAgent("host1")
	s.within(soon, "a container starts", func() error {
		_, err := s.Host("host1").Docker(s.ctx, "run", "--rm", "--net", "net1", lab.DockerImage, "/bin/sleep", "0")
		return err
	})
	s.pings("host1", "one", two)
	s.docker("host1", "restart", "-t", "0", "one")
	s.pings("host1", "one", two)
	s.docker("host1", "rm", "-f", "one")
	s.endpointsAre(1)
	s.noPorts("host1")
}

// A host that loses its power has neither devices nor namespaces afterwards, and
// all that was on disk.
func TestDockerHostReboots(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	s.runs("host1", "one", "--net", "net1", "--restart", "always")
	s.runs("host1", "gone", "--net", "net1")
	s.runs("host2", "two", "--net", "net1")
	two := s.inspect("host2", "two", "net1").IPAddress
	s.pings("host1", "one", two)
	h := s.Host("host1")
	s.must(h.KillDocker(s.ctx))
	s.must(h.KillContainers(s.ctx))
	s.must(h.KillAgent(s.ctx))
	s.must(h.KillVswitchd(s.ctx))
	_, err := h.Run(s.ctx, "sh", "-c", "for d in $(ip -br link | grep -o '^w[vc][0-9a-f]*'); do ip link del $d; done; true")
	s.must(err)
	s.must(h.StartVswitchd(s.ctx))
	s.synchronized(soon, "host1")
	s.startAgent("host1")
	s.must(h.StartDocker(s.ctx))
	s.pings("host1", "one", two)
	s.docker("host1", "start", "gone")
	s.pings("host1", "gone", two)
	s.docker("host1", "rm", "-f", "one", "gone")
	s.endpointsAre(1)
	s.noPorts("host1")
}

func TestDockerRestarts(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	s.runs("host1", "one", "--net", "net1", "--restart", "always")
	s.runs("host1", "gone", "--net", "net1")
	s.runs("host2", "two", "--net", "net1")
	two := s.inspect("host2", "two", "net1").IPAddress
	back := func(how string) {
		t.Helper()
		s.must(s.Host("host1").StartDocker(s.ctx))
		s.within(soon, "the container is back after Docker was "+how, func() error {
			out, err := s.Host("host1").Docker(s.ctx, "ps", "--format", "{{.Names}}")
			if err == nil && !slices.Contains(strings.Fields(out), "one") {
				err = fmt.Errorf("there are %q", out)
			}
			return err
		})
		s.pings("host1", "one", two)
		s.pings("host2", "two", s.inspect("host1", "one", "net1").IPAddress)
		s.listed("net1", true, "host1")
	}
	s.must(s.Host("host1").StopDocker(s.ctx))
	back("stopped")
	s.docker("host1", "rm", "-f", "gone")
	s.endpointsAre(2)

	s.must(s.Host("host1").KillDocker(s.ctx))
	s.pings("host2", "two", s.endpointOn("host1")) // containers outlive it
	back("killed")
	s.endpointsAre(2)

	// Networks come and go while Docker is away.
	s.must(s.Host("host2").StopDocker(s.ctx))
	s.declare(model.Network{Name: "net2", Subnets: []model.Prefix{model.MustPrefix("10.0.2.0/24")}})
	s.must(s.Host("host2").StartDocker(s.ctx))
	s.listed("net2", true, "host2")
}

// endpointOn is the address of the only endpoint on a host.
func (s *dockerSite) endpointOn(host string) string {
	s.t.Helper()
	all, err := s.api.Endpoints(s.ctx, "")
	s.must(err)
	for _, e := range all {
		if e.Host == host {
			return e.Addresses[0].String()
		}
	}
	s.t.Fatalf("no endpoint is on %s: %+v", host, all)
	return ""
}

func TestDockerWithoutController(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	s.runs("host1", "one", "--net", "net1")
	s.runs("host1", "old", "--net", "net1")
	s.runs("host2", "two", "--net", "net1")
	two := s.inspect("host2", "two", "net1").IPAddress
	s.pings("host1", "one", two)
	s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.2.0/24", "born")
	s.listed("born", true, "host2")

	for how, away := range map[string]struct{ cut, heal func() }{
		"killed": {func() { s.must(s.KillController(s.ctx)) }, func() { s.must(s.StartController(s.ctx)) }},
		"frozen": {func() { s.must(s.FreezeController()) }, func() { s.must(s.ThawController()) }},
		"cut": {
			func() { s.must(s.Host("host1").CutFromController()) },
			func() { s.must(s.Host("host1").Heal()) },
		},
	} {
		away.cut()
		t.Run(how, func(t *testing.T) {
			s := &dockerSite{s.in(t)}
			s.pings("host1", "one", two)
			s.refused("host1", []string{"run", "--rm", "--net", "net1", lab.DockerImage, "/bin/sleep", "0"}, "while the controller answers", "192.0.2.10:8181")
			s.refused("host1", []string{"network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "net3"}, "while the controller answers")
			start := time.Now()
			s.docker("host1", "rm", "-f", "old")
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("docker rm takes %v", took)
			}
			// The agent restarts while the controller is away.
			s.must(s.Host("host1").KillAgent(s.ctx))
			s.startAgent("host1")
			s.listed("net1", true, "host1")
			s.docker("host1", "network", "rm", "born")
			s.pings("host1", "one", two)
		})
		away.heal()
		s.endpointsAre(2)
		s.listed("born", false, "host1", "host2")
		s.runs("host1", "old", "--net", "net1")
		s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.2.0/24", "born")
		s.listed("born", true, "host2")
	}
}

func TestDockerManyAtOnce(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	const each = 25
	start := time.Now()
	var mu sync.Mutex
	var all sync.WaitGroup
	addresses := map[string]string{}
	for _, h := range s.Hosts() {
		for i := range each {
			all.Go(func() {
				name := fmt.Sprintf("%s-%d", h.Name, i)
				_, err := h.Docker(s.ctx, "run", "-d", "--name", name, "--net", "net1", lab.DockerImage, "/bin/sleep", "100000")
				if err != nil {
					t.Error(err)
					return
				}
				out, err := h.Docker(s.ctx, "inspect", name, "--format", "{{.NetworkSettings.Networks.net1.IPAddress}}")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if other := addresses[out]; other != "" {
					t.Errorf("%s and %s have %s", name, other, out)
				}
				addresses[out] = name
			})
		}
	}
	all.Wait()
	t.Logf("%d containers on two hosts within %v", 2*each, time.Since(start))
	s.endpointsAre(2 * each)
	s.onEach(func(h *lab.Host) error { return h.RemoveContainers(s.ctx) })
	s.endpointsAre(0)
	s.noPorts("host1")
	s.noPorts("host2")
}

// The agent is killed at every moment of a container's start, and comes back.
func TestDockerAgentDiesWhileStarting(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1")
	for i := range 6 {
		name := fmt.Sprintf("brief-%d", i)
		started := make(chan error, 1)
		go func() {
			_, err := s.Host("host1").Docker(s.ctx, "run", "-d", "--name", name, "--net", "net1", "--ip", "10.0.1.77", lab.DockerImage, "/bin/sleep", "100000")
			started <- err
		}()
		time.Sleep(time.Duration(100+i*50) * time.Millisecond) // at a different moment each time
		s.must(s.Host("host1").KillAgent(s.ctx))
		s.startAgent("host1")
		// Docker calls again for long enough, but without the call's body if it
		// had sent that.
		if err := <-started; err != nil && !strings.Contains(err.Error(), "has not said again what") {
			t.Errorf("killed at moment %d: %v", i, err)
		}
		s.docker("host1", "rm", "-f", name)
	}
	s.within(time.Minute, "nothing is left", func() error {
		all, err := s.api.Endpoints(s.ctx, "")
		if err == nil && len(all) != 0 {
			err = fmt.Errorf("there are %+v", all) // reserved, and Docker never asked again
		}
		return err
	})
	s.noPorts("host1")
}

// The same name on two hosts, and pools of Docker's own that overlap ours.
func TestDockerEqualNamesAndPools(t *testing.T) {
	s := dockerUp(t)
	s.docker("host1", "network", "create", "-d", "bridge", "--subnet", "10.0.1.0/24", "before")
	s.declare(dockerNet1)
	s.listed("net1", true, "host1", "host2")
	s.docker("host2", "network", "create", "-d", "bridge", "--subnet", "10.0.1.0/24", "after")
	s.docker("host1", "network", "create", "-d", "bridge", "--subnet", "10.0.9.0/24", "net2")
	s.declare(model.Network{Name: "net2"})
	s.listed("net2", true, "host2")
	s.listed("net2", false, "host1")
	s.runs("host1", "same", "--net", "net1")
	s.runs("host2", "same", "--net", "net1")
	s.pings("host1", "same", s.inspect("host2", "same", "net1").IPAddress)
	s.within(soon, "one of them has the name", func() error {
		all, err := s.api.Endpoints(s.ctx, "net1")
		named := 0
		for _, e := range all {
			if e.Name == "same" {
				named++
			}
		}
		if err == nil && (named != 1 || len(all) != 2) {
			err = fmt.Errorf("there are %+v", all)
		}
		return err
	})
}

// A container that is removed while it starts leaves nothing behind.
func TestDockerRemovedWhileStarting(t *testing.T) {
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1")
	for i := range 8 {
		name := fmt.Sprintf("brief-%d", i)
		started := make(chan struct{})
		ctx, cancel := context.WithTimeout(s.ctx, soon)
		go func() {
			defer close(started)
			_, _ = s.Host("host1").Docker(ctx, "run", "-d", "--name", name, "--net", "net1", lab.DockerImage, "/bin/sleep", "100000")
		}()
		time.Sleep(time.Duration(i) * 60 * time.Millisecond) // at a different moment each time
		_, _ = s.Host("host1").Docker(ctx, "rm", "-f", name)
		<-started
		_, _ = s.Host("host1").Docker(ctx, "rm", "-f", name)
		cancel()
	}
	s.endpointsAre(0)
	s.noPorts("host1")
}
