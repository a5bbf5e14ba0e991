package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

const outsideAddress = "203.0.113.10"

// Two networks with the same subnet are created on one node only, Docker
// chooses the addresses, and containers of both reach the internet at once.
func TestDockerEqualSubnets(t *testing.T) {
	s := dockerUpIn(t, dockerTopology+"internet: {addresses: ["+outsideAddress+"/24]}\n")
	for vni, n := range map[string][]string{"256": {"red", "10.65.10.1"}, "257": {"green", "10.65.10.4"}} {
		s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.65.10.0/24", "--gateway", n[1],
			"-o", "weft.vni="+vni, "-o", "weft.mode=snat", n[0])
		s.listed(n[0], true, "host1", "host2")
	}
	type place struct{ host, container string }
	members := map[string][]place{
		"red":   {{"host1", "namespace_01"}, {"host2", "namespace_03"}},
		"green": {{"host1", "namespace_02"}, {"host2", "namespace_04"}},
	}
	has := map[string][]string{"red": {"10.65.10.1"}, "green": {"10.65.10.4"}} // addresses, the gateway's first
	for network, places := range members {
		for _, p := range places {
			s.runs(p.host, p.container, "--net", network)
			has[network] = append(has[network], s.inspect(p.host, p.container, network).IPAddress)
		}
	}
	if slices.Contains(has["green"][1:], "10.65.10.4") || slices.Contains(has["red"][1:], "10.65.10.1") {
		t.Errorf("a container has its gateway's address: %v", has)
	}
	for network, places := range members {
		other := map[string]string{"red": "green", "green": "red"}[network]
		for _, p := range places {
			for _, address := range append(has[network], outsideAddress) {
				s.pings(p.host, p.container, address)
			}
			for _, address := range has[other] {
				if slices.Contains(has[network], address) {
					continue
				}
				if out, err := s.Host(p.host).Docker(s.ctx, "exec", p.container, "ping", "-c", "1", "-W", "1", address); err == nil {
					t.Errorf("%s in %s reaches %s of %s: %s", p.container, network, address, other, out)
				}
			}
		}
	}
}

// Containers started without a network are attached to two networks whose way
// out is host1, and all of them reach the internet.
func TestDockerAttachedReachTheInternet(t *testing.T) {
	s := dockerUpIn(t, dockerTopology+"internet: {addresses: ["+outsideAddress+"/24]}\n")
	for i, network := range []string{"net1", "net2"} {
		s.must(s.call("POST", "/networks", map[string]any{
			"name": network, "subnet": fmt.Sprintf("10.0.%d.0/24", i+1), "vni": 5000 + 1000*i,
			"gateway": map[string]any{"addresses": []string{fmt.Sprintf("10.0.%d.1", i+1)}, "mode": "snat", "hosts": []string{"host1"}, "hostAccess": i == 0},
		}, nil))
	}
	containers := []struct{ host, container, network, address, neighbour string }{
		{"host1", "doc1", "net1", "10.0.1.10", "10.0.1.20"},
		{"host1", "doc2", "net2", "10.0.2.10", "10.0.2.20"},
		{"host2", "doc3", "net1", "10.0.1.20", "10.0.1.10"},
		{"host2", "doc4", "net2", "10.0.2.20", "10.0.2.10"},
	}
	for _, c := range containers {
		s.runs(c.host, c.container, "--net", "none", "--label", "weft.network="+c.network, "--label", "weft.ip="+c.address)
	}
	for _, c := range containers {
		s.pings(c.host, c.container, c.neighbour)
		s.pings(c.host, c.container, outsideAddress)
		if out := s.docker(c.host, "exec", c.container, "ip", "link", "show", "eth0"); !strings.Contains(out, "mtu 1450") {
			t.Errorf("the interface of %s is %s", c.container, out)
		}
	}
	s.within(soon, "host1 itself reaches doc3", func() error {
		_, err := s.Host("host1").Run(s.ctx, "ping", "-c", "1", "-W", "1", "10.0.1.20")
		return err
	})
}

// Containers that know nothing of Weft are in one network on all hosts, each
// with an address of its host's range.
func TestDockerBridgeNetwork(t *testing.T) {
	needDocker(t)
	s := &dockerSite{build(t, dockerTopology, "--rest-listen", "0.0.0.0:8181", "--insecure")}
	s.synchronized(soon, "host1", "host2")
	s.must(s.call("POST", "/networks", map[string]any{
		"name": "shared", "subnet": "172.17.0.0/16",
		"slices": map[string]string{"host1": "172.17.64.0/18", "host2": "172.17.128.0/18"},
	}, nil))
	s.startDockers(func(host string) { s.startAgent(host, "--bridge-network", "shared") })
	ranges := map[string]netip.Prefix{"host1": netip.MustParsePrefix("172.17.64.0/18"), "host2": netip.MustParsePrefix("172.17.128.0/18")}
	s.runs("host1", "one")
	s.runs("host2", "two")
	addresses := map[string]string{}
	s.within(soon, "both are in the network", func() error {
		all, err := s.api.Endpoints(s.ctx, "shared")
		if err != nil || len(all) != 2 {
			return fmt.Errorf("there are %v, %v", all, err)
		}
		for _, e := range all {
			if a := e.Addresses[0].Addr; !ranges[e.Host].Contains(a) {
				return fmt.Errorf("%s on %s has %s", e.Name, e.Host, a)
			}
			addresses[e.Host] = e.Addresses[0].String()
		}
		return nil
	})
	s.pings("host1", "one", addresses["host2"])
	s.pings("host2", "two", addresses["host1"])
}
