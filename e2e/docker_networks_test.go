package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// network is a network as the controller shows it.
func (s *dockerSite) network(name string) model.Network {
	s.t.Helper()
	n, err := s.api.Network(s.ctx, name)
	s.must(err)
	return n
}

// shownNetwork is what docker network inspect says.
type shownNetwork struct {
	ID     string `json:"Id"`
	Driver string
	IPAM   struct {
		Driver string
		Config []struct{ Subnet, Gateway string }
	}
	Options, Labels map[string]string
}

// shows is a network as a host's Docker shows it.
func (s *dockerSite) shows(host, name string) (n shownNetwork, err error) {
	out, err := s.Host(host).Docker(s.ctx, "network", "inspect", name)
	if err != nil {
		return n, err
	}
	var list []shownNetwork
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		return n, errors.Join(err, fmt.Errorf("docker network inspect %s says %s", name, out))
	}
	return list[0], nil
}

func TestDockerCreatesNetworks(t *testing.T) {
	s := dockerUp(t)
	id := s.docker("host1", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", "10.0.1.0/24", "-o", "weft.vni=5000", "net1")
	s.listed("net1", true, "host1", "host2")
	if n := s.network("net1"); n.VNI != 5000 || n.Subnets[0] != model.MustPrefix("10.0.1.0/24") || n.GatewayMode() != model.GatewayLocal || n.Gateway.Addresses[0] != model.MustAddr("10.0.1.1") {
		t.Errorf("the controller has %+v with gateway %+v", n, n.Gateway)
	}
	if n, err := s.shows("host1", "net1"); err != nil || n.ID != id {
		t.Errorf("the network was replaced: %+v, %v", n, err)
	}
	if n, err := s.shows("host2", "net1"); err != nil || n.IPAM.Driver != "weft" || n.IPAM.Config[0].Gateway != "10.0.1.1" || n.Options["weft.vni"] != "5000" || n.Options["weft.id"] != "net1" || n.Labels["weft.network"] != "net1" {
		t.Errorf("host2 shows %+v, %v", n, err)
	}

	t.Run("with all options", func(t *testing.T) {
		s := &dockerSite{s.in(t)}
		s.docker("host2", "network", "create", "-d", "weft", "--ipam-driver", "weft", "--ipv6", "--subnet", "10.0.7.0/24", "--gateway", "10.0.7.254",
			"--subnet", "fd00:7::/64", "-o", "weft.mtu=1400", "-o", "weft.mode=snat", "-o", "weft.gateway-hosts=host1,host2", "-o", "weft.encap=vxlan", "net7")
		s.listed("net7", true, "host1")
		n := s.network("net7")
		if n.MTU != 1400 || n.GatewayMode() != model.GatewaySNAT || !slices.Equal(n.Gateway.Hosts, []string{"host1", "host2"}) || !n.HasGatewayAddress(model.MustAddr("10.0.7.254").Addr) {
			t.Errorf("the controller has %+v with gateway %+v", n, n.Gateway)
		}
		s.runs("host1", "six", "--net", "net7")
		s.runs("host2", "seven", "--net", "net7", "--ip6", "fd00:7::77")
		s.pings("host1", "six", "fd00:7::77")
		out := s.docker("host1", "exec", "six", "ip", "addr", "show", "eth0")
		if !strings.Contains(out, "mtu 1400") || !strings.Contains(out, "inet 10.0.7.") || !strings.Contains(out, "inet6 fd00:7::") {
			t.Errorf("the interface is %s", out)
		}
		e := s.inspect("host2", "seven", "net7")
		if e.IPAddress == "" || e.Gateway != "10.0.7.254" {
			t.Errorf("Docker says %+v", e)
		}
		all, err := s.api.Endpoints(s.ctx, "net7")
		s.must(err)
		if len(all) != 2 {
			t.Errorf("reservations are left: %+v", all)
		}
		s.docker("host1", "rm", "-f", "six")
		s.docker("host2", "rm", "-f", "seven")
	})

	t.Run("without the IPAM driver", func(t *testing.T) {
		s := &dockerSite{s.in(t)}
		s.docker("host1", "network", "create", "-d", "weft", "--subnet", "10.0.2.0/24", "--label", "of=mine", "-o", "weft.vni=5002", "net2")
		s.listed("net2", true, "host2")
		s.within(soon, "the network gets the IPAM driver", func() error {
			n, err := s.shows("host1", "net2")
			if err == nil && (n.IPAM.Driver != "weft" || n.Labels["of"] != "mine") {
				err = fmt.Errorf("it is %+v", n)
			}
			return err
		})
		s.runs("host1", "ann", "--net", "net2")
		s.runs("host2", "bob", "--net", "net2")
		a, b := s.inspect("host1", "ann", "net2"), s.inspect("host2", "bob", "net2")
		if a.IPAddress == b.IPAddress {
			t.Errorf("both have %s", a.IPAddress)
		}
		s.pings("host1", "ann", b.IPAddress)
		s.docker("host1", "rm", "-f", "ann")
		s.docker("host2", "rm", "-f", "bob")
	})

	t.Run("refused", func(t *testing.T) {
		s := &dockerSite{s.in(t)}
		for _, test := range []struct {
			args, words []string
		}{
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "-o", "weft.vni=5000"}, []string{"VNI 5000 is taken by network \"net1\""}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "-o", "weft.vni=all"}, []string{"not a VNI"}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "-o", "weft.vnni=5"}, []string{"no option weft.vnni", "weft.vni"}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "-o", "weft.encap=stt"}, []string{"vxlan"}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "-o", "weft.mtu=60"}, []string{"576"}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "-o", "weft.mode=nat"}, []string{"snat"}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "--ip-range", "10.0.3.128/25"}, []string{"--ip-range", "leave it out"}},
			{[]string{"--ipam-driver", "weft", "--subnet", "10.0.3.0/24", "--internal", "-o", "weft.mode=snat"}, []string{"--internal"}},
			{[]string{"--ipam-driver", "weft"}, []string{"--subnet"}},
		} {
			s.refused("host1", slices.Concat([]string{"network", "create", "-d", "weft"}, test.args, []string{"net3"}), test.words...)
		}
		s.listed("net3", false, "host1", "host2")
	})

	t.Run("removed", func(t *testing.T) {
		s := &dockerSite{s.in(t)}
		// It was created on host1, so host2 cannot remove it for all.
		s.docker("host2", "network", "rm", "net1")
		s.listed("net1", true, "host2")
		// Somebody uses it: it stays.
		s.runs("host2", "user", "--net", "net1")
		s.docker("host1", "network", "rm", "net1")
		s.listed("net1", true, "host1")
		s.docker("host2", "rm", "-f", "user")
		s.docker("host1", "network", "rm", "net1")
		s.listed("net1", false, "host1", "host2")
		if _, err := s.api.Network(s.ctx, "net1"); model.KindOf(err) != model.NotFound {
			t.Errorf("the controller still has it: %v", err)
		}
	})
}

func TestDockerNetworksOfOneName(t *testing.T) {
	s := dockerUp(t)
	var both sync.WaitGroup
	for host, subnet := range map[string]string{"host1": "10.1.0.0/24", "host2": "10.2.0.0/24"} {
		both.Go(func() {
			_, err := s.Host(host).Docker(s.ctx, "network", "create", "-d", "weft", "--ipam-driver", "weft", "--subnet", subnet, "same")
			if err != nil {
				// One may have been shown the other's already.
				t.Logf("%s: %v", host, err)
			}
		})
	}
	both.Wait()
	s.within(soon, "both show what the controller has", func() error {
		n, err := s.api.Network(s.ctx, "same")
		if err != nil {
			return err
		}
		for _, host := range []string{"host1", "host2"} {
			shown, err := s.shows(host, "same")
			if err != nil {
				return err
			}
			if shown.IPAM.Config[0].Subnet != n.Subnets[0].String() {
				return fmt.Errorf("%s shows %+v, the controller has %s", host, shown, n.Subnets[0])
			}
		}
		return nil
	})
	s.runs("host1", "one", "--net", "same")
	s.runs("host2", "two", "--net", "same")
	s.pings("host1", "one", s.inspect("host2", "two", "same").IPAddress)
}

func TestDockerNetworksOfTheController(t *testing.T) {
	s := dockerUp(t)
	// No gateway, several subnets, layer 2 only.
	s.declare(model.Network{Name: "plain", Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")}})
	s.declare(model.Network{Name: "wide", Subnets: []model.Prefix{model.MustPrefix("10.0.2.0/30"), model.MustPrefix("10.0.3.0/24")}})
	s.declare(model.Network{Name: "flat"})
	s.listed("plain", true, "host1", "host2")
	s.listed("wide", true, "host1")
	s.listed("flat", true, "host1")

	// Connected, disconnected, and in several networks.
	s.runs("host1", "one", "--net", "plain")
	s.docker("host1", "network", "connect", "--ip", "10.0.3.9", "wide", "one")
	s.docker("host1", "network", "connect", "flat", "one")
	s.runs("host2", "two", "--net", "plain")
	if e := s.inspect("host1", "one", "plain"); e.Gateway != "" || e.IPAddress != "10.0.1.1" {
		t.Errorf("without a gateway Docker says %+v", e)
	}
	if out := s.docker("host1", "exec", "one", "ip", "addr"); strings.Count(out, "link/ether") != 3 || !strings.Contains(out, "10.0.3.9/24") {
		t.Errorf("interfaces of a container in three networks: %s", out)
	}
	if out := s.docker("host1", "exec", "one", "ip", "route"); strings.Contains(out, "default") {
		t.Errorf("there is no gateway: %s", out)
	}
	if out := s.docker("host1", "network", "ls", "--format", "{{.Name}}"); strings.Contains(out, "docker_gwbridge") {
		t.Errorf("Docker has made a way out of its own: %s", out)
	}
	for _, want := range []string{"10.0.2.1", "10.0.2.2", "10.0.3.1"} {
		name := "w" + strings.ReplaceAll(want, ".", "-")
		s.runs("host2", name, "--net", "wide")
		if e := s.inspect("host2", name, "wide"); e.IPAddress != want {
			t.Errorf("the address is %s, want %s", e.IPAddress, want)
		}
	}
	s.pings("host2", "w10-0-3-1", "10.0.3.9")
	s.refused("host2", []string{"run", "--rm", "--net", "wide", "--ip", "10.0.3.9", "busybox:local", "/bin/sleep", "1"}, "10.0.3.9 is taken by endpoint")
	s.docker("host1", "network", "disconnect", "wide", "one")
	s.pings("host1", "one", s.inspect("host2", "two", "plain").IPAddress)
	s.docker("host2", "run", "--rm", "--net", "wide", "--ip", "10.0.3.9", "busybox:local", "/bin/sleep", "0")

	// A change of the network is shown where no container knows it.
	_, _, err := s.api.PutNetwork(s.ctx, model.Network{Name: "flat", MTU: 1300}, client.WriteOptions{})
	s.must(err)
	s.within(soon, "host2 shows the new MTU", func() error {
		n, err := s.shows("host2", "flat")
		if err == nil && n.Options["weft.mtu"] != "1300" {
			err = fmt.Errorf("it shows %+v", n)
		}
		return err
	})

	// Deleted while containers use it.
	force := client.WriteOptions{Force: true}
	_, err = s.api.DeleteNetwork(s.ctx, "plain", force)
	s.must(err)
	s.docker("host1", "rm", "-f", "one")
	s.docker("host2", "rm", "-f", "two")
	s.listed("plain", false, "host1", "host2")
}
