package e2e

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// put stores an endpoint and waits until that is installed.
func (s *site) put(e model.Endpoint) {
	s.t.Helper()
	_, _, err := s.api.PutEndpoint(s.ctx, e, client.WriteOptions{Wait: true})
	s.must(err)
}

func TestContainersPingWithOneIdentifier(t *testing.T) {
	s := up(t, outTopology)
	names := []string{"one", "two", "three", "four"}
	for i, host := range []string{"host1", "host2"} {
		name := fmt.Sprintf("more-%d", i)
		s.plug(name, host, s.declare(model.Endpoint{Name: name, Addresses: addresses(fmt.Sprintf("10.0.1.%d", 11+i), fmt.Sprintf("fd00:1::%d", 11+i))}))
		s.becomes(soon, name, model.Installed, host)
		names = append(names, name)
	}
	for _, to := range []netip.Addr{internet4, internet6} {
		for _, name := range names {
			s.pingSays(name, "1 received", to.String())
		}
		var series []*lab.Pings
		for _, name := range names {
			p, err := s.Container(name).PingAs(4711, to, pingInterval)
			s.must(err)
			t.Cleanup(func() { p.Stop() })
			series = append(series, p)
		}
		for _, p := range series {
			s.answered(p, 50)
		}
		s.noneLost(series...)
	}
}

// coloursTopology is lab C with both addresses of both colours behind one
// gateway host, of both families.
const coloursTopology = `
name: colours
underlay:
  segments: {lan: 192.0.2.0/24}
  segments6: {lan: "2001:db8:a::/64"}
internet:
  addresses: [203.0.113.10/24, "2001:db8:113::10/64"]
hosts:
  - {name: host1, address: 192.0.2.11/24, address6: "2001:db8:a::11/64"}
  - {name: host2, address: 192.0.2.12/24, address6: "2001:db8:a::12/64"}
networks:
  - {name: red, subnets: [10.65.10.0/24, "fd65::/64"], gateway: {addresses: [10.65.10.1, "fd65::fe"], mode: snat, hosts: [host1]}}
  - {name: green, subnets: [10.65.10.0/24, "fd65::/64"], gateway: {addresses: [10.65.10.4, "fd65::ff"], mode: snat, hosts: [host1]}}
endpoints:
  - {name: red1, network: red, addresses: [10.65.10.2, "fd65::2"]}
  - {name: red2, network: red, addresses: [10.65.10.3, "fd65::3"]}
  - {name: green1, network: green, addresses: [10.65.10.2, "fd65::2"]}
  - {name: green2, network: green, addresses: [10.65.10.3, "fd65::3"]}
containers:
  - {name: red1, host: host1}
  - {name: red2, host: host2}
  - {name: green1, host: host1}
  - {name: green2, host: host2}
expect:
  - {from: red1, to: red2, reaches: true}
  - {from: green1, to: green2, reaches: true}
  - {from: red1, to: green2, reaches: false}
  - {from: green2, to: red1, reaches: false}
  - {from: red1, to: internet, reaches: true, seenAs: host1}
  - {from: green1, to: internet, reaches: true, seenAs: host1}
  - {from: red2, to: internet, reaches: true, seenAs: host1}
  - {from: green2, to: internet, reaches: true, seenAs: host1}
`

func TestEqualAddressesAndPortsGetOutAtTheSameTime(t *testing.T) {
	s := up(t, coloursTopology)
	s.check()
	s.responders()
	names := []string{"red1", "red2", "green1", "green2"}
	port := uint16(33333)
	for _, to := range []netip.Addr{internet4, internet6} {
		port++ // the last one is still in TIME-WAIT
		for _, network := range []string{"tcp", "udp"} {
			seen := map[netip.AddrPort]string{}
			var mu sync.Mutex
			var all sync.WaitGroup
			for _, name := range names {
				all.Go(func() {
					from := netip.AddrPortFrom(netip.IPv4Unspecified(), port)
					if to.Is6() {
						from = netip.AddrPortFrom(netip.IPv6Unspecified(), port)
					}
					answer, err := s.Container(name).AskFrom(s.ctx, network, from, netip.AddrPortFrom(to, answering))
					mu.Lock()
					defer mu.Unlock()
					if err != nil || answer.By != "internet" {
						t.Errorf("%s over %s: %+v %v", name, network, answer, err)
					}
					if other, taken := seen[answer.SeenAs]; taken {
						t.Errorf("%s and %s are both %s over %s", name, other, answer.SeenAs, network)
					}
					seen[answer.SeenAs] = name
				})
			}
			all.Wait()
		}
	}
}

// Zones and transit addresses survive the controller, and with them the
// connections that are translated.
func TestEstablishedConnectionsSurviveTheController(t *testing.T) {
	s := up(t, coloursTopology)
	s.check()
	s.responders()
	type conversation struct {
		talk   *lab.Talk
		answer lab.Answer
	}
	var all []conversation
	for _, name := range []string{"red1", "red2", "green1", "green2"} {
		for _, to := range []netip.Addr{internet4, internet6} {
			talk, answer := s.talking(name, netip.AddrPortFrom(to, answering))
			all = append(all, conversation{talk, answer})
		}
	}
	pings := []*lab.Pings{s.pinging("red2", internet4), s.pinging("green2", internet6)}
	wanted := s.mustProgram("host1")
	for range 2 {
		s.restartController()
		s.synchronized(soon, "host1", "host2")
	}
	for _, c := range all {
		s.goesOn(c.talk, c.answer)
	}
	s.noneLost(pings...)
	if got := s.mustProgram("host1"); got != wanted {
		t.Errorf("host1 has\n%s\nand had\n%s", got, wanted)
	}
}

func TestANetworkIsRoutedOutAsItIs(t *testing.T) {
	s := up(t, outTopology)
	s.change("net1", func(n *model.Network) { n.Gateway.Mode = model.GatewayRouted })
	// Whoever is outside needs a route back.
	s.holds(reaching("one", "two"), reaching("three", "internet"))
	s.responders()
	for _, to := range []netip.Addr{internet4, internet6} {
		if answer, err := s.Container("one").Ask(s.ctx, "udp", netip.AddrPortFrom(to, answering)); err == nil {
			t.Errorf("without a route back, %+v", answer)
		}
	}
	for machine, routes := range map[string][][]string{
		"router":   {{"10.0.1.0/24", "192.0.2.11"}, {"fd00:1::/64", "2001:db8:a::11"}},
		"internet": {{"10.0.1.0/24", "203.0.113.1"}, {"fd00:1::/64", "2001:db8:113::1"}},
	} {
		for _, r := range routes {
			s.must(s.execIn(machine, "ip", "route", "add", r[0], "via", r[1]))
		}
	}
	for _, from := range []string{"one", "two"} {
		e := reaching(from, "internet")
		e.SeenAs = from
		s.holds(e, reaching("internet", from), reaching(from, "internet"))
	}
	s.holds(notReaching("one", "four"), notReaching("internet", "four"), reaching("one", "two"), reaching("internet", "one"), reaching("three", "four"))
}

func TestHostAccessAndNATWorkAtTheSameTime(t *testing.T) {
	s := up(t, outTopology)
	s.check()
	s.change("net1", func(n *model.Network) { n.Gateway.HostAccess = true })
	s.responders()
	in, answer := s.talking("host1", netip.AddrPortFrom(netip.MustParseAddr("10.0.1.2"), answering))
	if answer.By != "two" {
		t.Errorf("host1 talks to %+v", answer)
	}
	out, seen := s.talking("two", netip.AddrPortFrom(internet4, answering))
	if seen.SeenAs.Addr() != host1 {
		t.Errorf("the internet sees %+v", seen)
	}
	s.holds(reaching("host1", "one"), reaching("host1", "two"), reaching("one", "internet"), reaching("two", "internet"),
		notReaching("host1", "three"), reaching("three", "four"))
	s.goesOn(in, answer)
	s.goesOn(out, seen)
	s.provesAll()
	s.change("net1", func(n *model.Network) { n.Gateway.HostAccess = false })
	s.holds(notReaching("host1", "one"), reaching("internet", "host1"), reaching("host1", "internet"), reaching("one", "two"))
}

// Nobody outside is a container, or the host's own side of the translation.
func TestNobodyOutsideLooksLikeAContainer(t *testing.T) {
	s := up(t, outTopology)
	s.change("net1", func(n *model.Network) { n.Gateway.HostAccess = true })
	s.must(s.call("POST", "/networks/net1/forwards?wait=installed",
		model.Forward{Port: 9, Protocol: model.UDP, Endpoint: "one", EndpointPort: 9}, nil))
	s.check()
	file := s.capture("one")
	host2Device := "br-phy"
	from, to := s.macOn("host2", host2Device), s.macOn("host1", "br-phy")
	inside := netip.MustParseAddr("10.0.1.1")
	send := func(source, destination netip.Addr) []byte {
		mark := newMark()
		protocol := uint16(unix.ETH_P_IP)
		if source.Is6() {
			protocol = unix.ETH_P_IPV6
		}
		s.sendsOn("host2", host2Device, ethernet(to, from, protocol, udpIn(source, destination, mark)))
		return mark
	}
	// What is right arrives: through the forward, and through host1 as a router.
	for _, destination := range []netip.Addr{host1, inside, netip.MustParseAddr("fd00:1::1")} {
		source := host2
		if destination.Is6() {
			source = netip.MustParseAddr("2001:db8:a::12")
		}
		s.within(soon, fmt.Sprintf("a packet to %s arrives", destination), func() error {
			return arrived(file, send(source, destination))
		})
	}
	for _, bad := range []struct {
		name                string
		source, destination string
		why                 string
	}{
		{"a container of the network", "10.0.1.2", "10.0.1.1", "a container"},
		{"a container, through a forward", "10.0.1.2", "192.0.2.11", "a container"},
		{"a container of IPv6", "fd00:1::2", "fd00:1::1", "a container"},
		{"a transit address", "100.64.0.9", "10.0.1.1", "transit"},
		{"a transit address, through a forward", "100.65.0.1", "192.0.2.11", "transit"},
		{"a transit address of IPv6", "fd77:6566:7400::1:1", "fd00:1::1", "transit"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			s := s.in(t)
			mark := send(netip.MustParseAddr(bad.source), netip.MustParseAddr(bad.destination))
			// What is sent after it, and right, overtakes nothing.
			s.within(soon, "a good packet arrives", func() error { return arrived(file, send(host2, host1)) })
			if arrived(file, mark) == nil {
				t.Errorf("a packet from %s to %s came in", bad.source, bad.destination)
			}
		})
	}
}
