package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
)

func TestTheGatewayAnswersOnEveryHostAndPacketsGetOut(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	for container, gateways := range map[string][]string{
		"one": {"10.0.1.254", "fd00:1::fe"}, "two": {"10.0.1.254", "fd00:1::fe"},
		"three": {"10.0.2.254", "fd00:2::fe"}, "four": {"10.0.2.254", "fd00:2::fe"},
	} {
		for _, a := range gateways {
			s.pingSays(container, "ttl=64", a)
			s.pingSays(container, "1 received", "-s", "1400", a)
		}
	}
	// The gateway of a network on no common router does not answer.
	s.holds(reaching("one", "10.0.1.254"), notReaching("one", "10.0.2.254"), notReaching("four", "10.0.1.254"), notReaching("four", "fd00:1::fe"), reaching("four", "10.0.2.254"))
	// One MAC address, the same on every host.
	for _, container := range []string{"one", "two"} {
		for _, a := range []string{"10.0.1.254", "fd00:1::fe"} {
			out, err := s.Container(container).Run(s.ctx, "ip", "neighbour", "show", "to", a)
			if err != nil || !strings.Contains(out, "02:77:65:66:74:01") {
				t.Errorf("%s has %s as %s (%v)", container, a, out, err)
			}
		}
	}
}

func TestARouteIsTraced(t *testing.T) {
	s := up(t, outTopology)
	s.must(s.declareRouter("r1", "net1", "net2"))
	// The gateway, host1, the router, and there.
	for _, from := range []string{"one", "two"} {
		s.pingSays(from, "From 10.0.1.254 icmp_seq=1 Time to live exceeded", "-t", "1", internet4.String())
		s.pingSays(from, "From 192.0.2.1 icmp_seq=1 Time to live exceeded", "-t", "3", internet4.String())
		s.pingSays(from, "1 received", "-t", "4", internet4.String())
		s.pingSays(from, "From fd00:1::fe icmp_seq=1 Time exceeded: Hop limit", "-t", "1", internet6.String())
		s.pingSays(from, "From 2001:db8:a::1 icmp_seq=1 Time exceeded: Hop limit", "-t", "3", internet6.String())
		// And between networks: one hop.
		s.pingSays(from, "From 10.0.1.254 icmp_seq=1 Time to live exceeded", "-t", "1", "10.0.2.4")
		s.pingSays(from, "1 received", "-t", "2", "10.0.2.4")
		s.pingSays(from, "1 received", "-t", "2", "fd00:2::4")
	}
}

func TestWhatIsTooLargeIsAnsweredWithTheRightNumber(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	s.must(s.declareRouter("r1", "net1", "net2"))
	// A container that was set up without regard to the MTU.
	for _, name := range []string{"one", "two"} {
		c := s.Container(name)
		s.ip(name, "link", "set", "eth0", "mtu", "1500")
		s.on(c.Host.Name, "ip", "link", "set", c.Port(), "mtu", "1500")
	}
	for _, c := range []struct{ from, to, says string }{
		{"one", "10.0.1.2", "Frag needed and DF set (mtu = 1450)"},     // over the tunnel
		{"one", "10.0.2.4", "Frag needed and DF set (mtu = 1450)"},     // to another network
		{"two", "203.0.113.10", "Frag needed and DF set (mtu = 1450)"}, // over the tunnel to the gateway host
		{"one", "fd00:1::2", "Packet too big: mtu=1450"},               //
		{"two", "2001:db8:113::10", "Packet too big: mtu=1450"},        //
		{"two", "fd00:2::3", "Packet too big: mtu=1450"},               //
		{"one", "203.0.113.10", "1 received"},                          // there is no tunnel on the way
	} {
		size := "1472"
		if netip.MustParseAddr(c.to).Is6() {
			size = "1452"
		}
		if c.says == "1 received" {
			size = "1400"
		}
		// A kernel remembers what it was told; the first answer is what counts.
		s.ip(c.from, "route", "flush", "cache")
		s.ip(c.from, "-6", "route", "flush", "cache")
		s.pingSays(c.from, c.says, "-M", "do", "-s", size, c.to)
	}
	// With what it was told, a large transfer gets through.
	s.holds(lab.Expectation{From: "two", To: "internet", Bulk: 4 << 20}, lab.Expectation{From: "one", To: "four", Bulk: 4 << 20})
}

func TestTheMTUFollowsTheUnderlayAndSaysWhoLimitsIt(t *testing.T) {
	s := up(t, outTopology)
	n, err := s.api.Network(s.ctx, "net1")
	s.must(err)
	if n.MTU != 1450 || n.MTULimit == nil || n.MTULimit.MTU != 1450 {
		t.Errorf("MTU %d, limit %+v", n.MTU, n.MTULimit)
	}
	// A host that turns out to be narrower changes nothing by itself.
	s.setting("host2", "weft-underlay-mtu", "1400")
	s.networkSays("net1", model.MTUTooLarge, "1450", "1350", "host2")
	n, err = s.api.Network(s.ctx, "net1")
	s.must(err)
	if n.MTU != 1450 || n.MTULimit == nil || *n.MTULimit != (model.MTULimit{MTU: 1350, Host: "host2"}) {
		t.Errorf("MTU %d, limit %+v", n.MTU, n.MTULimit)
	}
	// And an oversize packet is answered with what the tunnel now carries.
	s.within(soon, "the answer has the new number", func() error {
		s.ip("one", "route", "flush", "cache")
		out, _ := s.Container("one").Run(s.ctx, "ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", "1400", "10.0.1.2")
		if !strings.Contains(out, "mtu = 1350") {
			return fmt.Errorf("ping says %s", out)
		}
		return nil
	})
}

func TestRoutersJoinNetworksAndNothingElseDoes(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	both := []lab.Expectation{reaching("one", "four"), reaching("four", "one"), reaching("two", "three"), reaching("one", "three"), reaching("two", "four"), reaching("one", "10.0.2.254"), reaching("four", "fd00:1::fe")}
	s.must(s.declareRouter("r1", "net1", "net2"))
	s.holds(both...)
	// A connection between the two, over a restart of the controller.
	s.responders()
	talk, answer := s.talking("one", netip.AddrPortFrom(netip.MustParseAddr("10.0.2.4"), answering))
	if answer.By != "four" || answer.SeenAs.Addr() != netip.MustParseAddr("10.0.1.1") {
		t.Errorf("routed, and %+v", answer)
	}
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	s.goesOn(talk, answer)
	// What routers there are is shown, and may not overlap.
	var r model.Router
	s.must(s.call("GET", "/routers/r1", nil, &r))
	if fmt.Sprint(r.Networks) != "[net1 net2]" {
		t.Errorf("%+v", r)
	}
	s.must(s.call("POST", "/networks", model.Network{Name: "net3", Subnets: []model.Prefix{model.MustPrefix("10.0.1.128/25")},
		Gateway: &model.Gateway{Addresses: addresses("10.0.1.129"), Mode: model.GatewayLocal}}, nil))
	err := s.call("PUT", "/routers/r1", model.Router{Name: "r1", Networks: []string{"net1", "net2", "net3"}}, nil)
	s.isRefused(err, 409, "net1", "net3")
	s.must(s.call("DELETE", "/routers/r1", nil, nil))
	s.synchronized(soon, "host1", "host2")
	s.check()
	s.provesAll()
}

// Nothing gets from one network into another by way of the gateway host, even
// if that would route it: host1 knows the way to both.
func TestAGatewayHostsKernelJoinsNothing(t *testing.T) {
	s := up(t, outTopology)
	for _, name := range []string{"net1", "net2"} {
		s.change(name, func(n *model.Network) { n.Gateway.HostAccess = true })
	}
	s.holds(reaching("host1", "one"), reaching("host1", "four"),
		notReaching("one", "four"), notReaching("two", "three"), notReaching("one", "three"),
		reaching("one", "internet"), reaching("four", "internet"), reaching("one", "two"), reaching("three", "four"))
	// Nor does anybody else outside get in who has not host1 for a router.
	s.holds(notReaching("internet", "one"), reaching("internet", "host1"), reaching("host1", "one"))
	// Whoever has does: that is what hostAccess is for.
	for _, route := range [][]string{{"10.0.1.0/24", "192.0.2.11"}, {"fd00:1::/64", "2001:db8:a::11"}} {
		s.on("host2", "ip", "route", "add", route[0], "via", route[1])
	}
	s.holds(reaching("host2", "one"), reaching("host2", "two"))
}

// declareRouter declares a router and waits until it is installed.
func (s *site) declareRouter(name string, networks ...string) error {
	return s.call("PUT", "/routers/"+name+"?wait=installed", model.Router{Name: name, Networks: networks}, nil)
}

func TestANetworkIsRenumberedUnderTraffic(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	out := s.pinging("two", internet4)
	within := s.pinging("one", netip.MustParseAddr("10.0.1.2"))
	other := s.pinging("four", internet4) // of a network that nothing happens to
	s.change("net1", func(n *model.Network) {
		n.Subnets = append(n.Subnets, model.MustPrefix("10.7.0.0/24"))
		n.Gateway.Addresses = append(n.Gateway.Addresses, model.MustAddr("10.7.0.254"))
	})
	for i, name := range []string{"one", "two"} {
		e := s.endpoint(name)
		e.Addresses = append(e.Addresses, model.MustAddr(fmt.Sprintf("10.7.0.%d", i+1)))
		s.put(e)
		s.ip(name, "address", "add", fmt.Sprintf("10.7.0.%d/24", i+1), "dev", "eth0")
	}
	for _, p := range []*lab.Pings{out, within} {
		s.answered(p, 10)
	}
	s.noneLost(out, within) // with two addresses each, nothing was lost
	// The old addresses go.
	for i, name := range []string{"one", "two"} {
		e := s.endpoint(name)
		e.Addresses = addresses(fmt.Sprintf("fd00:1::%d", i+1), fmt.Sprintf("10.7.0.%d", i+1))
		s.put(e)
		s.ip(name, "address", "del", fmt.Sprintf("10.0.1.%d/24", i+1), "dev", "eth0")
		s.ip(name, "route", "replace", "default", "via", "10.7.0.254", "dev", "eth0")
	}
	s.change("net1", func(n *model.Network) {
		n.Subnets = []model.Prefix{model.MustPrefix("10.7.0.0/24"), model.MustPrefix("fd00:1::/64")}
		n.Gateway.Addresses = addresses("10.7.0.254", "fd00:1::fe")
	})
	s.pingSays("one", "1 received", "10.7.0.2")
	s.pingSays("one", "1 received", "10.7.0.254")
	s.pingSays("two", "1 received", internet4.String())
	s.pingSays("two", "1 received", internet6.String())
	s.pingSays("one", "0 received", "10.0.1.254")
	s.noneLost(other)
	s.provesAll()
}
