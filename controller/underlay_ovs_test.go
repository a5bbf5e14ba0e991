package controller_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

// labD are links of three hosts of which the direct one from host1 to host3 is
// dear.
var labD = model.Underlay{Links: []model.Link{
	{Hosts: []string{"host1", "host2"}, Cost: 1},
	{Hosts: []string{"host2", "host3"}, Cost: 1},
	{Hosts: []string{"host1", "host3"}, Cost: 10},
}}

func (s *site) underlay(u model.Underlay) {
	s.Helper()
	if _, _, err := s.c.PutUnderlay(s.Context(), u, controller.WriteOptions{Wait: true}); err != nil {
		s.Fatal(err)
	}
}

// linkBecomes waits until a link is seen in a state.
func (s *site) linkBecomes(a, b int, state string) {
	s.Helper()
	var last model.LinkState
	defer func() {
		if s.Failed() {
			s.Logf("the link is %+v", last)
		}
	}()
	eventually(s.T, fmt.Sprintf("the link from host%d to host%d to be %s", a, b, state), func() bool {
		u, err := s.c.Underlay()
		if err != nil {
			return false
		}
		for _, l := range u.State.Links {
			if l.Hosts[0] == fmt.Sprintf("host%d", a) && l.Hosts[1] == fmt.Sprintf("host%d", b) {
				last = l
			}
		}
		return last.State == state
	})
}

// see has both ends of a link see each other, or not.
func (s *site) see(a, b int, alive bool) {
	s.Helper()
	for _, pair := range [][2]int{{a, b}, {b, a}} {
		if _, err := s.hosts[pair[0]-1].Control("bfd/set-forwarding", fmt.Sprintf("weft-bfd-%d", pair[1]), fmt.Sprint(alive)); err != nil {
			s.Fatal(err)
		}
	}
}

// wayBecomes waits until a host sends what is for another to a third, which is
// what its switch has in the table path.
func (s *site) wayBecomes(from, to, next int) {
	s.Helper()
	address := fmt.Sprintf("198.18.0.%d", next)
	var flows string
	defer func() {
		if s.Failed() {
			s.Logf("host%d: %s", from, flows)
		}
	}()
	eventually(s.T, fmt.Sprintf("host%d to reach host%d by host%d", from, to, next), func() bool {
		flows = s.hosts[from-1].OFCtl("", "dump-flows", "br-weft", "-OOpenFlow14", "--no-stats", "--no-names", fmt.Sprintf("table=65,reg5=%#x", to))
		return strings.Contains(flows, "set_field:"+address+"->tun_dst")
	})
}

func (s *site) meshed(t *testing.T) {
	s.Helper()
	s.network("net1", "10.0.1.0/24", nil)
	for host := 1; host <= 3; host++ {
		s.endpoint("net1", fmt.Sprintf("e%d", host), host)
	}
	s.underlay(labD)
	for _, pair := range [][2]int{{1, 2}, {2, 3}, {1, 3}} {
		for _, end := range [][2]int{{pair[0], pair[1]}, {pair[1], pair[0]}} {
			s.becomes(end[0], fmt.Sprintf("weft-bfd-%d", end[1]), "options", fmt.Sprintf("key=16777215 remote_ip=198.18.0.%d", end[1]))
		}
		s.see(pair[0], pair[1], true)
		s.linkBecomes(pair[0], pair[1], model.LinkUp)
	}
}

func TestTrafficFollowsTheLinksThatWork(t *testing.T) {
	s := newSite(t, 3)
	s.meshed(t)
	s.wayBecomes(1, 3, 2)
	s.see(1, 2, false)
	s.linkBecomes(1, 2, model.LinkDown)
	s.wayBecomes(1, 3, 3)
	s.wayBecomes(1, 2, 3)
	s.see(1, 2, true)
	s.linkBecomes(1, 2, model.LinkUp)
	s.wayBecomes(1, 3, 2)

	// Both links of host1 are cut: nobody reaches it, and that is said.
	s.see(1, 2, false)
	s.see(1, 3, false)
	eventually(t, "host1 to be cut off", func() bool {
		u, _ := s.c.Underlay()
		return u.State.UnreachablePairs == 2 && u.State.Unreachable[0][0] == "host1"
	})
	s.see(1, 3, true)
	eventually(t, "host1 to be back", func() bool { u, _ := s.c.Underlay(); return u.State.UnreachablePairs == 0 })
}

func TestALinkThatFlapsIsDamped(t *testing.T) {
	s := newSite(t, 3)
	s.meshed(t)
	for range 3 {
		s.see(1, 2, true)
		s.linkBecomes(1, 2, model.LinkUp)
		s.see(1, 2, false)
		s.linkBecomes(1, 2, model.LinkDown)
	}
	s.see(1, 2, true)
	s.linkBecomes(1, 2, model.LinkDamped)
	s.wayBecomes(1, 3, 3)
	s.linkBecomes(1, 2, model.LinkUp) // after five seconds without a break
	s.wayBecomes(1, 3, 2)
}

func TestARestartOfTheControllerMovesNoTraffic(t *testing.T) {
	s := newSite(t, 3)
	s.meshed(t)
	s.see(1, 2, false)
	s.linkBecomes(1, 2, model.LinkDown)
	s.wayBecomes(1, 3, 3)
	before := s.mods(1)
	s.restart()
	s.wayBecomes(1, 3, 3)
	s.linkBecomes(1, 2, model.LinkDown)
	s.linkBecomes(1, 3, model.LinkUp)
	if after := s.mods(1); after != before {
		t.Errorf("host1 had\n%s\nand has after a restart of the controller\n%s", before, after)
	}
}

// mods are all flows of a host, without anything that counts.
func (s *site) mods(host int) string {
	return s.hosts[host-1].OFCtl("", "dump-flows", "br-weft", "-OOpenFlow14", "--no-stats", "--no-names")
}

// A relay that lost its flows must not be sent anything before it has them.
func TestARestartedRelayIsUsedWhenItsProgramIsConfirmed(t *testing.T) {
	s := newSite(t, 3)
	s.meshed(t)
	s.wayBecomes(1, 3, 2)
	relay := s.hosts[1].Process("ovs-vswitchd")
	relay.Kill()
	relay.Wait()
	s.see13(t)
	s.wayBecomes(1, 3, 3)
	s.startVswitchd(2)
	s.becomes(2, "weft-bfd-1", "bfd", "cpath_down=false enable=true min_rx=100 min_tx=100 mult=3")
	s.synchronized()
}

// see13 has the neighbours of host2 see that it is gone, as BFD would tell them.
func (s *site) see13(t *testing.T) {
	s.Helper()
	for _, host := range []int{1, 3} {
		if _, err := s.hosts[host-1].Control("bfd/set-forwarding", "weft-bfd-2", "false"); err != nil {
			t.Fatal(err)
		}
	}
	s.linkBecomes(1, 2, model.LinkDown)
	s.linkBecomes(2, 3, model.LinkDown)
}

func TestNetworksOfAllEncapsulationsStandSideBySide(t *testing.T) {
	s := newSite(t, 2)
	s.becomes(1, "weft-vxlan", "type", "vxlan")
	for i, encap := range []string{model.GRE, model.Geneve, model.VXLAN} {
		n := model.Network{Name: encap, Subnets: []model.Prefix{model.MustPrefix(fmt.Sprintf("10.0.%d.0/24", i))}, Encap: encap}
		if _, _, err := s.c.PutNetwork(t.Context(), n, controller.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		s.endpoint(encap, "e-"+encap, 1)
		s.becomes(1, "weft-"+encap, "type", encap)
		s.becomes(1, "weft-"+encap, "options", "key=flow remote_ip=flow")
		if i == 0 {
			s.becomes(1, "weft-vxlan", "type", "") // nobody needs it
		}
	}
	for _, encap := range []string{model.GRE, model.Geneve} {
		if got := s.interfaceOf(2, "weft-"+encap, "type"); got != "" {
			t.Errorf("host2 takes part in no network, and has a %s port", got)
		}
		want := map[string]int{model.GRE: 1458, model.Geneve: 1450}[encap]
		if n, _ := s.c.Network(encap); n.MTU != want {
			t.Errorf("%s has MTU %d, want %d", encap, n.MTU, want)
		}
	}
	s.synchronized()
}

func TestAHostIsInANetwork(t *testing.T) {
	s := newSite(t, 1)
	s.network("net1", "10.0.1.0/24", nil)
	e, _, err := s.c.CreateEndpoint(t.Context(), model.Endpoint{
		ID: "self", Network: "net1", Kind: model.KindHost, Host: "host1", Addresses: []model.Addr{model.MustAddr("10.0.1.9")},
	}, controller.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to be installed", func() bool { now, _ := s.c.Endpoint("self"); return now.State == model.Installed })
	s.becomes(1, "weft-h1", "type", "internal")
	s.becomes(1, "weft-h1", "mac", e.MAC.String())
	s.becomes(1, "weft-h1", "mtu_request", "1450")
	ids := s.interfaceOf(1, "weft-h1", "external_ids")
	for _, want := range []string{"iface-id=self", "weft-address=10.0.1.9/24"} {
		if !strings.Contains(ids, want) {
			t.Errorf("external_ids are %s, without %s", ids, want)
		}
	}
	// A second one of that network on that host is refused.
	_, _, err = s.c.CreateEndpoint(t.Context(), model.Endpoint{ID: "again", Network: "net1", Kind: model.KindHost, Host: "host1"}, controller.WriteOptions{})
	if model.KindOf(err) != model.Conflict {
		t.Errorf("a host twice in a network: %v", err)
	}
	if _, err := s.c.DeleteEndpoint(t.Context(), "self", controller.WriteOptions{Wait: true}); err != nil {
		t.Fatal(err)
	}
	s.becomes(1, "weft-h1", "type", "")
}
