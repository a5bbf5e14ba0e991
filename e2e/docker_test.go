package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
)

// dockerTopology is two hosts on which only Docker makes containers.
const dockerTopology = `
name: docker
underlay:
  segments: {lan: 192.0.2.0/24}
controller: {address: 192.0.2.10/24}
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
`

// needDocker skips where Docker is not, and fails where it has to be.
func needDocker(t *testing.T) {
	t.Helper()
	needLab(t)
	if err := lab.CheckDocker(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("tests with Docker must not be skipped here: %v", err)
		}
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
}

// dockerSite is an installation with Docker and the agent on every host.
type dockerSite struct {
	*site
}

func dockerUp(t *testing.T) *dockerSite {
	t.Helper()
	return dockerUpIn(t, dockerTopology)
}

func dockerUpIn(t *testing.T, topology string) *dockerSite {
	t.Helper()
	needDocker(t)
	s := &dockerSite{build(t, topology, "--rest-listen", "0.0.0.0:8181", "--insecure")}
	s.synchronized(soon, "host1", "host2")
	s.startDockers(func(host string) { s.startAgent(host) })
	return s
}

// startDockers starts an agent and then Docker on every host.
func (s *dockerSite) startDockers(startAgent func(host string)) {
	t := s.t
	t.Helper()
	s.onEach(func(h *lab.Host) error {
		startAgent(h.Name)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if t.Failed() {
				for _, log := range []string{"agent.out", "dockerd.out"} {
					text, _ := os.ReadFile(fmt.Sprintf("%s/%s/%s", s.Dir, h.Name, log))
					t.Logf("%s of %s:\n%s", log, h.Name, text)
				}
			}
			if err := h.RemoveContainers(ctx); err != nil {
				t.Error(err)
			}
			if err := h.StopDocker(ctx); err != nil {
				t.Error(err)
			}
		})
		if err := h.StartDocker(s.ctx); err != nil {
			return err
		}
		return h.ImportImage(s.ctx)
	})
}

// onEach does something on all hosts at the same time.
func (s *dockerSite) onEach(do func(*lab.Host) error) {
	s.t.Helper()
	var all sync.WaitGroup
	failed := make([]error, len(s.Hosts()))
	for i, h := range s.Hosts() {
		all.Go(func() { failed[i] = do(h) })
	}
	all.Wait()
	for _, err := range failed {
		s.must(err)
	}
}

func (s *dockerSite) startAgent(host string, more ...string) {
	s.t.Helper()
	s.must(s.Host(host).StartAgent(append(more, "--docker", "--controller", "http://192.0.2.10:8181", "--state-dir", "agent-state",
		"--docker-socket", s.Host(host).DockerEngine(), "--plugin-socket", lab.PluginSocket, "--verbose")...))
}

// docker runs a command on a host that has to succeed.
func (s *dockerSite) docker(host string, args ...string) string {
	s.t.Helper()
	out, err := s.Host(host).Docker(s.ctx, args...)
	s.must(err)
	return out
}

// refused runs a command on a host that has to fail with these words.
func (s *dockerSite) refused(host string, args []string, words ...string) {
	s.t.Helper()
	start := time.Now()
	out, err := s.Host(host).Docker(s.ctx, args...)
	if err == nil {
		s.t.Errorf("docker %s on %s succeeds: %s", strings.Join(args, " "), host, out)
		return
	}
	if took := time.Since(start); took > 10*time.Second {
		s.t.Errorf("docker %s on %s fails after %v", strings.Join(args, " "), host, took)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			s.t.Errorf("docker %s on %s says %v, without %q", strings.Join(args, " "), host, err, w)
		}
	}
}

// runs starts a container that does nothing.
func (s *dockerSite) runs(host, name string, args ...string) {
	s.t.Helper()
	s.docker(host, slices.Concat([]string{"run", "-d", "--name", name, "--hostname", name, "--stop-timeout", "0"}, args, []string{lab.DockerImage, "/bin/sleep", "100000"})...)
}

// listed waits until a host's Docker has a network of that name, or has not.
func (s *dockerSite) listed(network string, there bool, hosts ...string) {
	s.t.Helper()
	for _, h := range hosts {
		s.within(soon, fmt.Sprintf("network %s is listed on %s: %v", network, h, there), func() error {
			out, err := s.Host(h).Docker(s.ctx, "network", "ls", "--format", "{{.Name}} {{.Driver}}")
			if err == nil && slices.Contains(strings.Split(out, "\n"), network+" weft") != there {
				err = fmt.Errorf("there are %q", out)
			}
			return err
		})
	}
}

// pings has a container ping an address until an answer comes: the first packet
// between two hosts is lost while the userspace datapath resolves the other one.
func (s *dockerSite) pings(host, container, address string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("%s on %s pings %s", container, host, address), func() error {
		_, err := s.Host(host).Docker(s.ctx, "exec", container, "ping", "-c", "1", "-W", "1", address)
		return err
	})
}

// inspected is what docker inspect says of a container in one network.
type inspected struct {
	Gateway, IPAddress, MacAddress, EndpointID, NetworkID string
	IPPrefixLen                                           int
}

func (s *dockerSite) inspect(host, container, network string) inspected {
	s.t.Helper()
	var networks map[string]inspected
	s.must(json.Unmarshal([]byte(s.docker(host, "inspect", container, "--format", "{{json .NetworkSettings.Networks}}")), &networks))
	got, is := networks[network]
	if !is {
		s.t.Fatalf("container %s is not in network %s: %v", container, network, networks)
	}
	return got
}

// declare creates a network at the controller.
func (s *dockerSite) declare(n model.Network) {
	s.t.Helper()
	s.must(s.call("POST", "/networks", n, nil))
}

func TestDockerDeclaredNetworks(t *testing.T) {
	s := dockerUp(t)
	s.declare(model.Network{Name: "net1", Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")}, VNI: 5000,
		Gateway: &model.Gateway{Mode: model.GatewayLocal}})
	s.listed("net1", true, "host1", "host2")
	s.runs("host1", "one", "--net", "net1")
	s.runs("host2", "two", "--net", "net1", "--ip", "10.0.1.77")
	s.pings("host1", "one", "10.0.1.77")
	one := s.inspect("host1", "one", "net1")
	s.pings("host2", "two", one.IPAddress)
	e, err := s.api.Endpoint(s.ctx, one.EndpointID)
	s.must(err)
	if one.IPAddress != "10.0.1.2" || one.Gateway != "10.0.1.1" || one.IPPrefixLen != 24 || one.MacAddress != e.MAC.String() || e.Location != "host1" || e.State != model.Installed {
		t.Errorf("Docker says %+v, the controller %+v", one, e)
	}
	if out := s.docker("host1", "exec", "one", "ip", "link", "show", "eth0"); !strings.Contains(out, "mtu 1450") {
		t.Errorf("the interface is %s", out)
	}
	if out := s.docker("host1", "exec", "one", "ip", "route"); !strings.Contains(out, "default via 10.0.1.1") {
		t.Errorf("the routes are %s", out)
	}
	s.within(soon, "the endpoint is called like its container", func() error {
		e, err := s.api.Endpoint(s.ctx, one.EndpointID)
		if err == nil && e.Name != "one" {
			err = fmt.Errorf("it is %q", e.Name)
		}
		return err
	})
	s.docker("host1", "rm", "-f", "one")
	s.within(soon, "the endpoint is gone", func() error {
		all, err := s.api.Endpoints(s.ctx, "")
		if err == nil && len(all) != 1 {
			err = fmt.Errorf("there are %v", all)
		}
		return err
	})
}
