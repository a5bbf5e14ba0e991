package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// addressFlags waits until duplicate address detection (RFC 4862 section 5.4)
// is through, and returns what ip says of an address.
func (s *site) addressFlags(container, address string) string {
	s.t.Helper()
	var flags string
	s.within(soon, "duplicate address detection of "+address+" ends", func() error {
		out, err := s.Container(container).Run(s.ctx, "ip", "-6", "-oneline", "address", "show", "dev", "eth0", "to", address)
		s.must(err)
		flags = strings.TrimSpace(out)
		switch {
		case flags == "":
			return fmt.Errorf("%s does not have it", container)
		case strings.Contains(flags, "tentative") && !strings.Contains(flags, "dadfailed"):
			return fmt.Errorf("still %s", flags)
		}
		return nil
	})
	return flags
}

func (s *site) ip(container string, args ...string) {
	s.t.Helper()
	_, err := s.Container(container).Run(s.ctx, "ip", args...)
	s.must(err)
}

func TestIPv6AndDualStack(t *testing.T) {
	s := up(t, dualTopology)
	for container, address := range map[string]string{"one": "2001:db8:1::1", "two": "2001:db8:1::2"} {
		if flags := s.addressFlags(container, address); strings.Contains(flags, "dadfailed") {
			t.Errorf("%s is no duplicate: %s", address, flags)
		}
		if flags := s.addressFlags(container, "fe80::/10"); strings.Contains(flags, "dadfailed") {
			t.Errorf("the link-local address is no duplicate: %s", flags)
		}
	}
	s.check()
	one, two := s.ping("one", "two"), s.ping("two", "one")
	six, err := s.Container("one").Ping(netip.MustParseAddr("2001:db8:1::2"), pingInterval)
	s.must(err)
	s.answered(six, 100)
	s.noneLost(six, one, two)

	out, err := s.Container("one").Run(s.ctx, "ndisc6", "-1", "2001:db8:1::2", "eth0")
	if err != nil || !strings.Contains(strings.ToLower(out), s.endpoint("two").MAC.String()) {
		t.Errorf("ndisc6: %v %s", err, out)
	}
	if out, err := s.Container("one").Run(s.ctx, "ndisc6", "-1", "-w", "500", "2001:db8:1::77", "eth0"); err == nil {
		t.Errorf("somebody answers for an address that nobody has: %s", out)
	}
	// Link-local addresses of two hosts' containers.
	linkLocal := strings.Fields(s.addressFlags("two", "fe80::/10"))[3]
	linkLocal, _, _ = strings.Cut(linkLocal, "/")
	s.within(soon, "the link-local address answers", func() error {
		_, err := s.Container("one").Run(s.ctx, "ping", "-n", "-c", "1", "-W", "1", linkLocal+"%eth0")
		return err
	})
}

func TestADuplicateIPv6AddressIsFoundAndNoOther(t *testing.T) {
	s := up(t, dualTopology)
	s.addressFlags("one", "2001:db8:1::1")
	for range 3 { // its own address, again and again, is none
		s.ip("one", "address", "del", "2001:db8:1::1/64", "dev", "eth0")
		s.ip("one", "address", "add", "2001:db8:1::1/64", "dev", "eth0")
		if flags := s.addressFlags("one", "2001:db8:1::1"); strings.Contains(flags, "dadfailed") {
			t.Fatalf("its own address is no duplicate: %s", flags)
		}
	}
	// That of a container on another host, and on the same.
	s.ip("one", "address", "add", "2001:db8:1::2/64", "dev", "eth0")
	if flags := s.addressFlags("one", "2001:db8:1::2"); !strings.Contains(flags, "dadfailed") {
		t.Errorf("another host's address is a duplicate: %s", flags)
	}
	s.plug("again", "host2", s.declareSix("again", "2001:db8:1::3"))
	s.addressFlags("again", "2001:db8:1::3")
	s.ip("again", "address", "add", "2001:db8:1::2/64", "dev", "eth0")
	if flags := s.addressFlags("again", "2001:db8:1::2"); !strings.Contains(flags, "dadfailed") {
		t.Errorf("the address of a container on the same host is a duplicate: %s", flags)
	}
	// Whose it is keeps it.
	s.eventuallyReaches(soon, "one", netip.MustParseAddr("10.0.1.2"))
	if flags := s.addressFlags("two", "2001:db8:1::2"); strings.Contains(flags, "dadfailed") {
		t.Errorf("the owner lost it: %s", flags)
	}
}

func TestADuplicateIPv4AddressIsFoundAndNoOther(t *testing.T) {
	s := up(t, dualTopology)
	// An ARP probe (RFC 5227 section 1.1) is a question from 0.0.0.0; arping
	// succeeds when somebody answers.
	probe := func(address string) error {
		_, err := s.Container("one").Run(s.ctx, "arping", "-0", "-C", "1", "-c", "3", "-W", "0.1", "-w", "2", "-i", "eth0", address)
		return err
	}
	if err := probe("10.0.1.2"); err != nil {
		t.Errorf("nobody speaks for the address of another: %v", err)
	}
	if err := probe("10.0.1.1"); err == nil {
		t.Error("somebody else speaks for its own address")
	}
	if err := probe("10.0.1.77"); err == nil {
		t.Error("somebody speaks for an address that nobody has")
	}
}

func TestAnIPv6Underlay(t *testing.T) {
	s := up(t, dualTopology)
	for host, vtep := range map[string]string{"host1": "2001:db8:ffff::11", "host2": "2001:db8:ffff::12"} {
		s.on(host, "ip", "address", "add", vtep+"/64", "dev", "br-phy", "nodad")
		s.setting(host, "weft-vtep", vtep)
		s.within(soon, "the VTEP is known", func() error {
			if h := s.host(host); h.VTEP != vtep {
				return fmt.Errorf("it is %s: %v", h.VTEP, h.Conditions)
			}
			return nil
		})
	}
	s.synchronized(soon, "host1", "host2")
	for host, peer := range map[string]string{"host1": "2001:db8:ffff::12", "host2": "2001:db8:ffff::11"} {
		if got := s.mustProgram(host); !strings.Contains(got, "tun_ipv6_src="+peer) || strings.Contains(got, "tun_src=") {
			t.Errorf("%s has\n%s", host, got)
		}
	}
	s.eventuallyReaches(soon, "one", netip.MustParseAddr("10.0.1.2"))
	s.eventuallyReaches(soon, "two", netip.MustParseAddr("2001:db8:1::1"))
	s.check()
}
