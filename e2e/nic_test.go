package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/model"
)

// officeTopology has machines behind a NIC of a host that has no endpoint of
// their network, and a second NIC in the same segment that is not used.
const officeTopology = `
name: office
underlay:
  segments: {lan: 192.0.2.0/24}
internet:
  addresses: [203.0.113.10/24]
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24, nics: {eth1: office}}
  - {name: host3, address: 192.0.2.13/24, nics: {eth1: office}}
machines:
  - {name: printer, lan: office, addresses: [10.0.1.200/24], gateway: [10.0.1.254]}
  - {name: scanner, lan: office, addresses: [10.0.1.201/24], gateway: [10.0.1.254]}
networks:
  - {name: net1, subnets: [10.0.1.0/24], vni: 5000, gateway: {addresses: [10.0.1.254], mode: snat, hosts: [host1]}}
  - {name: net2, subnets: [10.0.2.0/24], vni: 6000, gateway: {addresses: [10.0.2.254], mode: snat, hosts: [host1]}}
endpoints:
  - {name: one, network: net1, addresses: [10.0.1.1]}
  - {name: three, network: net1, addresses: [10.0.1.3]}
  - {name: other, network: net2, addresses: [10.0.2.1]}
nics:
  - {host: host2, interface: eth1, network: net1}
containers:
  - {name: one, host: host1}
  - {name: three, host: host3}
  - {name: other, host: host1}
expect:
  - {from: one, to: three, reaches: true}
  - {from: printer, to: one, reaches: true}
  - {from: one, to: scanner, reaches: true}
  - {from: three, to: printer, reaches: true}
  - {from: printer, to: 10.0.1.254, reaches: true}
  - {from: printer, to: internet, reaches: true, seenAs: host1}
  - {from: other, to: internet, reaches: true}
  - {from: printer, to: other, reaches: false}
  - {from: other, to: scanner, reaches: false}
`

func TestMachinesBehindANICAreInTheNetwork(t *testing.T) {
	s := up(t, officeTopology)
	s.check()
	// Networks on one router: also for machines.
	s.must(s.declareRouter("r1", "net1", "net2"))
	s.holds(reaching("printer", "other"), reaching("other", "scanner"), reaching("printer", "one"), reaching("other", "internet"))
	s.must(s.call(http.MethodDelete, "/routers/r1?wait=installed", nil, nil))
	s.provesAll()

	// Broadcast goes both ways once.
	files := map[string]string{}
	for _, m := range []string{"one", "three", "printer", "scanner"} {
		files[m] = s.capture(m)
	}
	const frames = 10
	for _, from := range []string{"one", "printer"} {
		mark := newMark()
		frame := ethernet(everybody, s.macOn(from, "eth0"), unix.ETH_P_IP, udpIn(s.Machine(from).Addresses()[0], netip.MustParseAddr("10.0.1.255"), mark))
		for range frames {
			s.sends(from, frame)
		}
		for m, file := range files {
			if m == from {
				continue
			}
			s.within(soon, m+" has all of "+from+"'s", func() error {
				text, err := os.ReadFile(file)
				if n := bytes.Count(text, mark); err == nil && n < frames {
					err = fmt.Errorf("it has %d", n)
				}
				return err
			})
		}
		s.check() // what comes late would come now
		for m, file := range files {
			text, err := os.ReadFile(file)
			s.must(err)
			if n := bytes.Count(text, mark); m != from && n != frames {
				t.Errorf("%s has %d of %s's frames, not %d", m, n, from, frames)
			}
		}
	}
	// A restart of the controller forgets nothing, and nothing of what switches
	// learned is taken for somebody else's.
	pings := s.pinging("printer", netip.MustParseAddr("10.0.1.1"))
	repairs := s.host("host2").Repairs
	s.restartController()
	s.synchronized(soon, "host1", "host2", "host3")
	s.answered(pings, 50)
	if now := s.host("host2").Repairs; now > repairs {
		t.Errorf("%d repairs", now-repairs)
	}
	s.noneLost(pings)
	// The NIC goes to another network, and out of all.
	s.must(s.call(http.MethodPut, "/hosts/host2/ports/eth1?wait=installed", model.NIC{Network: "net2"}, nil))
	s.holds(notReaching("one", "printer"), reaching("printer", "scanner"), reaching("one", "three"))
	s.must(s.call(http.MethodDelete, "/hosts/host2/ports/eth1?wait=installed", nil, nil))
	if out := s.on("host2", "ovs-vsctl", "list-ports", "br-weft"); strings.Contains(out, "eth1") {
		t.Errorf("br-weft still has %s", out)
	}
}

func TestAMachineBehindANICIsNobodyElse(t *testing.T) {
	s := up(t, officeTopology)
	s.check()
	one, printer := s.macOn("one", "eth0"), s.macOn("printer", "eth0")
	file := s.capture("three")
	inside, its := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.200")
	three := s.macOn("three", "eth0")
	to := netip.MustParseAddr("10.0.1.3")
	good := func() error {
		mark := newMark()
		s.sends("printer", ethernet(three, printer, unix.ETH_P_IP, udpIn(its, to, mark)))
		return arrived(file, mark)
	}
	s.within(soon, "what is right arrives", good)
	for name, frame := range map[string]func(mark []byte) []byte{
		"an endpoint's MAC":     func(mark []byte) []byte { return ethernet(three, one, unix.ETH_P_IP, udpIn(its, to, mark)) },
		"an endpoint's address": func(mark []byte) []byte { return ethernet(three, printer, unix.ETH_P_IP, udpIn(inside, to, mark)) },
		"an ARP for an endpoint": func(mark []byte) []byte {
			return join(ethernet(everybody, printer, unix.ETH_P_ARP, arp(2, printer, inside, three, to)), mark)
		},
		"the gateway's MAC": func(mark []byte) []byte {
			return ethernet(three, mac{2, 0x77, 0x65, 0x66, 0x74, 1}, unix.ETH_P_IP, udpIn(its, to, mark))
		},
		"an ARP for the gateway": func(mark []byte) []byte {
			return join(ethernet(everybody, printer, unix.ETH_P_ARP, arp(2, printer, netip.MustParseAddr("10.0.1.254"), three, to)), mark)
		},
		"a VLAN that is not there": func(mark []byte) []byte {
			return ethernet(three, printer, 0x8100, join([]byte{0, 5, 8, 0}, udpIn(its, to, mark)))
		},
	} {
		mark := newMark()
		s.sends("printer", frame(mark))
		s.within(soon, "what is right arrives after "+name, good)
		if arrived(file, mark) == nil {
			t.Errorf("%s came in", name)
		}
	}
}

// The interface that carries the tunnels is no NIC for a network.
func TestTheUnderlaysInterfaceIsRefused(t *testing.T) {
	s := up(t, officeTopology)
	err := s.call(http.MethodPut, "/hosts/host1/ports/eth0", model.NIC{Network: "net1"}, nil)
	s.isRefused(err, http.StatusConflict, "eth0", "br-phy")
	err = s.call(http.MethodPut, "/hosts/host1/ports/eth9", model.NIC{Network: "nope"}, nil)
	s.isRefused(err, http.StatusBadRequest, "nope")
	s.check()
}

func TestTwoNICsOfOneSegmentAreNoStorm(t *testing.T) {
	s := up(t, officeTopology)
	s.check()
	s.must(s.call(http.MethodPut, "/hosts/host3/ports/eth1?wait=installed", model.NIC{Network: "net1"}, nil))
	s.within(soon, "both NICs are ports", func() error {
		if p := s.port("host3", "eth1"); p.Number == 0 {
			return fmt.Errorf("%+v", p)
		}
		return nil
	})
	s.portSays("host3", "eth1", model.StandsBy, "same segment", "host2")
	file := s.capture("one")
	mark := newMark()
	s.sends("printer", ethernet(everybody, s.macOn("printer", "eth0"), unix.ETH_P_IP, udpIn(netip.MustParseAddr("10.0.1.200"), netip.MustParseAddr("10.0.1.255"), mark)))
	s.within(soon, "it arrives", func() error { return arrived(file, mark) })
	pings := s.pinging("printer", netip.MustParseAddr("10.0.1.1"))
	s.answered(pings, 100)
	text, err := os.ReadFile(file)
	s.must(err)
	if n := bytes.Count(text, mark); n != 1 {
		t.Errorf("a broadcast arrived %d times", n)
	}
	s.noneLost(pings)
	s.check()
	// The other one takes over when that is taken out.
	s.must(s.call(http.MethodDelete, "/hosts/host2/ports/eth1", nil, nil))
	s.within(soon, "the machines are reached by the other one", func() error {
		return s.reach("one", netip.MustParseAddr("10.0.1.200"))
	})
	s.check()
}
