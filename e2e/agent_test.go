package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// hostSide is all that an agent sets up in a host's kernel.
func (s *site) hostSide(host string) string {
	s.t.Helper()
	var all strings.Builder
	for _, command := range []string{"ip -4 address show dev weft-gw", "ip -6 address show dev weft-gw scope global", "ip -4 route", "ip -6 route", "ip neighbour show dev weft-gw nud permanent"} {
		words := strings.Fields(command)
		out, err := s.Host(host).Run(s.ctx, words[0], words[1:]...)
		s.must(err)
		all.WriteString(out)
	}
	return all.String()
}

// isReady waits until the agent of a host has reported that.
func (s *site) isReady(host string) {
	s.t.Helper()
	s.within(soon, "the agent of "+host+" is ready", func() error {
		if out := s.on(host, "ovs-vsctl", "--if-exists", "get", "Open_vSwitch", ".", "external_ids:weft-agent"); !strings.Contains(out, "ready") {
			return fmt.Errorf("it says %s", out)
		}
		return nil
	})
}

func TestAnAgentDiesAndNothingStops(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	s.responders()
	before := s.hostSide("host1")
	pings := []*lab.Pings{s.pinging("one", internet4), s.pinging("four", internet6)}
	talk, answer := s.talking("two", netip.AddrPortFrom(internet4, answering))
	h := s.Host("host1")
	s.must(h.KillAgent(s.ctx))
	for _, p := range pings {
		s.answered(p, 50)
	}
	s.check()
	if now := s.hostSide("host1"); now != before {
		t.Errorf("without its agent, host1 has\n%s\nand had\n%s", now, before)
	}
	// What changes while it is dead is done when it is back.
	s.must(s.call("POST", "/networks/net1/forwards", model.Forward{Port: 8080, Endpoint: "two", EndpointPort: answering}, nil))
	s.change("net2", func(n *model.Network) { n.Gateway.HostAccess = true })
	s.must(h.StartAgent())
	s.answersAt("internet", "tcp", netip.AddrPortFrom(host1, 8080), "two")
	s.holds(reaching("host1", "four"), reaching("four", "internet"), reaching("one", "internet"))
	s.goesOn(talk, answer)
	s.noneLost(pings...)
}

func TestAnAgentMindsTheLeftoversOfAnother(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	h := s.Host("host1")
	s.must(h.KillAgent(s.ctx))
	// Something is missing, and something is there that nobody wants any more.
	before := s.hostSide("host1")
	s.on("host1", "ip", "route", "del", "100.64.0.0/10")
	s.on("host1", "ip", "route", "add", "10.0.99.0/24", "via", "100.64.127.255", "dev", "weft-gw", "onlink")
	s.on("host1", "ip", "address", "add", "100.64.77.77/32", "dev", "weft-gw")
	// What is not its own stays.
	s.on("host1", "ip", "route", "add", "blackhole", "10.0.98.0/24")
	s.must(h.StartAgent())
	want := strings.Replace(before, "default", "default", 1)
	s.within(soon, "the host's side is as it was", func() error {
		now := s.hostSide("host1")
		if !strings.Contains(now, "blackhole 10.0.98.0/24") {
			t.Fatalf("a route of somebody else's is gone:\n%s", now)
		}
		if left := difference(lines(now, ""), lines(want, "")); len(left) > 0 {
			return fmt.Errorf("%q", left)
		}
		return nil
	})
	s.check()
	// A host that is a gateway no more has nothing of it left.
	for _, name := range []string{"net1", "net2"} {
		s.change(name, func(n *model.Network) { n.Gateway.Hosts = []string{"host2"} })
	}
	s.within(soon, "host1 has nothing left", func() error {
		out, err := s.Host("host1").Run(s.ctx, "ip", "-4", "route")
		if err == nil && strings.Contains(out, "weft-gw") {
			err = fmt.Errorf("%s", out)
		}
		return err
	})
	// Host2's agent did not run: its packets never left there before.
	s.isReady("host2")
	for _, from := range []string{"one", "four"} {
		e := reaching(from, "internet")
		e.SeenAs = "host2"
		s.holds(e)
	}
}

// difference is what of the lines is in one only, but for what a test added.
func difference(a, b []string) []string {
	count := map[string]int{}
	for _, line := range a {
		count[strings.TrimSpace(line)]++
	}
	for _, line := range b {
		count[strings.TrimSpace(line)]--
	}
	var out []string
	for line, n := range count {
		if n != 0 && !strings.Contains(line, "blackhole") {
			out = append(out, fmt.Sprintf("%+d %s", n, line))
		}
	}
	return out
}

func TestAHostThatForwardsNothingStillForwardsForItsNetworks(t *testing.T) {
	topology := parse(t, outTopology)
	no := false
	topology.Hosts[0].Agent = &no
	s := bringUpWithoutGateways(t, topology)
	// As Docker leaves a host.
	s.must(s.Host("host1").DropForwarded())
	s.networkSays("net1", model.GatewayNotReady, "host1")
	if _, err := s.Container("one").Run(s.ctx, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", internet4.String()); err == nil {
		t.Fatal("without an agent, one reaches the internet")
	}
	s.must(s.Host("host1").StartAgent())
	s.networkIsWell("net1", model.GatewayNotReady)
	s.check()
	// Docker comes, or comes again, while the agent runs.
	s.on("host1", "ip", "link", "show", "weft-gw")
	// And who is not of the networks is still dropped.
	s.must(s.execIn("internet", "ip", "route", "add", "198.51.100.0/24", "via", "203.0.113.1"))
	s.must(s.execIn("router", "ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.11"))
	s.on("host1", "ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.12")
	s.on("host2", "ip", "address", "add", "198.51.100.1/32", "dev", "lo")
	if _, err := s.Machine("internet").Run(s.ctx, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", "198.51.100.1"); err == nil {
		t.Error("host1 forwards what is not of its networks")
	}
}

// bringUpWithoutGateways brings a topology up whose gateways are not ready.
func bringUpWithoutGateways(t *testing.T, topology *lab.Topology) *site {
	t.Helper()
	s := bringUp(t, topology, lab.Build)
	_, _, err := s.api.Apply(s.ctx, topology.Document(), client.WriteOptions{})
	s.must(err)
	for _, h := range s.Hosts() {
		s.within(soon, h.Name+" has br-weft", func() error {
			_, err := os.Stat(filepath.Join(s.Dir, h.Name, "br-weft.mgmt"))
			return err
		})
	}
	var all []*lab.Container
	for _, c := range s.Containers() {
		s.must(c.Plug(s.ctx, s.endpoint(c.Name)))
		all = append(all, c)
	}
	s.must(s.WaitInstalled(s.ctx, all...))
	return s
}
