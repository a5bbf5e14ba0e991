package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// declare creates an endpoint in net1.
func (s *site) declare(e model.Endpoint) model.Endpoint {
	s.t.Helper()
	e.Network = "net1"
	stored, _, err := s.api.CreateEndpoint(s.ctx, e, client.WriteOptions{})
	s.must(err)
	return stored
}

// plug makes a container on a host and plugs it as an endpoint.
func (s *site) plug(name, host string, e model.Endpoint) {
	s.t.Helper()
	c, err := s.AddContainer(name, host)
	s.must(err)
	s.must(c.Plug(s.ctx, e))
}

// eventuallyReaches waits until an address answers a container.
func (s *site) eventuallyReaches(limit time.Duration, from string, to netip.Addr) time.Duration {
	s.t.Helper()
	return s.within(limit, fmt.Sprintf("%s reaches %s", from, to), func() error { return s.reach(from, to) })
}

func addresses(texts ...string) []model.Addr {
	var all []model.Addr
	for _, text := range texts {
		all = append(all, model.MustAddr(text))
	}
	return all
}

func TestPortAndEndpointComeInAnyOrderAndGo(t *testing.T) {
	s := up(t, pairTopology)
	// The port first: it is listed, and fits nothing, until the endpoint comes.
	early := model.Endpoint{
		ID: "early", MAC: model.MACFrom([6]byte{2, 0, 0, 0, 0, 9}),
		Prefixes: []model.Prefix{model.MustPrefix("10.0.1.9/24")},
	}
	s.plug("early", "host2", early)
	s.within(soon, "the port is listed as unmatched", func() error {
		if p := s.port("host2", s.Container("early").Port()); p.Kind != model.PortUnmatched || p.IfaceID != "early" {
			return fmt.Errorf("%+v", p)
		}
		return nil
	})
	if err := s.reach("one", netip.MustParseAddr("10.0.1.9")); err == nil {
		t.Error("a port without an endpoint is on the network")
	}
	s.declare(model.Endpoint{ID: "early", Name: "early", MAC: early.MAC, Addresses: addresses("10.0.1.9")})
	t.Logf("port first: installed %v after the endpoint", s.becomes(soon, "early", model.Installed, "host2"))
	s.eventuallyReaches(soon, "one", netip.MustParseAddr("10.0.1.9"))
	if p := s.port("host2", s.Container("early").Port()); p.Kind != model.PortEndpoint || p.Endpoint != "early" {
		t.Errorf("the port of the endpoint is shown as %+v", p)
	}
	// The endpoint first.
	late := s.declare(model.Endpoint{Name: "late", Addresses: addresses("10.0.1.10")})
	if late.State != model.Declared {
		t.Errorf("without a port it is %s", late.State)
	}
	s.plug("late", "host1", late)
	t.Logf("endpoint first: installed %v after the port", s.becomes(soon, "late", model.Installed, "host1"))
	s.eventuallyReaches(soon, "early", netip.MustParseAddr("10.0.1.10"))

	before := s.mustProgram("host1")
	s.must(s.Container("late").Unplug(s.ctx))
	s.becomes(soon, "late", model.Declared, "")
	s.synchronized(soon, "host1", "host2")
	if got := s.mustProgram("host1"); len(got) >= len(before) {
		t.Errorf("unplugged, and host1 still has\n%s", got)
	}
	s.check()
}

func TestAMistypedIfaceIDIsListed(t *testing.T) {
	s := up(t, pairTopology)
	c := s.Container("two")
	s.vsctl("host2", "set", "Interface", c.Port(), "external_ids:iface-id=mistyped")
	s.becomes(soon, "two", model.Declared, "")
	p := s.port("host2", c.Port())
	if p.Kind != model.PortUnmatched || p.IfaceID != "mistyped" || p.Endpoint != "" {
		t.Errorf("the port is shown as %+v", p)
	}
	out, err := s.weft("host", "show", "host2", "-o", "json")
	s.must(err)
	if !strings.Contains(out, "host2") {
		t.Errorf("weft host show: %s", out)
	}
	s.vsctl("host2", "set", "Interface", c.Port(), "external_ids:iface-id="+c.Endpoint().ID)
	s.becomes(soon, "two", model.Installed, "host2")
	s.check()
}

func TestAnEndpointIsHeldByOnePortAndMoves(t *testing.T) {
	s := up(t, trioTopology)
	two := s.endpoint("two")
	second, held := "two-again", s.Container("two").Port()
	s.plug(second, "host3", two)
	port := s.Container(second).Port()
	s.endpointSays("two", model.ClaimRefused, "host3", port, held, "host2")
	s.portSays("host3", port, model.ClaimRefused, "host2", held)
	if e := s.endpoint("two"); e.Location != "host2" || e.State != model.Installed {
		t.Errorf("the holder lost it: %+v", e)
	}
	s.eventuallyReaches(soon, "one", s.address("two"))

	// A PUT moves it at once, and back.
	two.Host = "host3"
	start := time.Now()
	if _, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true}); err != nil {
		t.Fatal(err)
	}
	t.Logf("moved by PUT after %v", time.Since(start))
	if e := s.endpoint("two"); e.Location != "host3" || e.State != model.Installed {
		t.Errorf("moved and waited, and it is %s on %s", e.State, e.Location)
	}
	s.portSays("host2", held, model.ClaimRefused, "pinned to host host3")
	s.answers("one", s.address("two"), second)
	two.Host = "host2"
	if _, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true}); err != nil {
		t.Fatal(err)
	}
	s.answers("one", s.address("two"), "two")

	// Without a pin, unplugging the holder lets the other have it.
	three := s.endpoint("three")
	s.plug("three-again", "host1", three)
	s.endpointSays("three", model.ClaimRefused, "host1")
	s.must(s.Container("three").Unplug(s.ctx))
	t.Logf("moved %v after the holder was unplugged", s.becomes(soon, "three", model.Installed, "host1"))
	s.answers("one", three.Addresses[0].Addr, "three-again")
}

// answers waits until it is a certain container that answers an address.
func (s *site) answers(from string, a netip.Addr, container string) {
	s.t.Helper()
	received := func() string {
		out, err := s.Container(container).Run(s.ctx, "cat", "/proc/net/dev")
		s.must(err)
		for _, line := range lines(out, "eth0:") {
			return strings.Fields(line)[2]
		}
		s.t.Fatalf("no eth0 in %s", out)
		return ""
	}
	s.within(soon, fmt.Sprintf("%s answers %s at %s", container, from, a), func() error {
		before := received()
		if err := s.reach(from, a); err != nil {
			return err
		}
		if received() == before {
			return fmt.Errorf("somebody else answers")
		}
		return nil
	})
}

func TestAnEndpointOfADeadHostPassesToThePortThatWaits(t *testing.T) {
	for _, c := range []struct {
		name  string
		after time.Duration
		args  []string
	}{
		{"after 10 s by default", 10 * time.Second, nil},
		{"after what was said", 3 * time.Second, []string{"--takeover-after", "3s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := up(t, trioTopology, c.args...)
			two := s.endpoint("two")
			s.plug("two-again", "host3", two)
			s.endpointSays("two", model.ClaimRefused, "host3")
			s.must(s.Host("host2").PowerOff(s.ctx))
			off := time.Now()
			s.becomes(40*time.Second, "two", model.Installed, "host3")
			took := time.Since(off)
			t.Logf("taken over %v after the power was off", took)
			// What counts is when the host was last heard, which is some
			// seconds before the power went, as often as it is probed; and its
			// OVSDB connection has to be given up.
			const probe, silence = 3 * time.Second, 9 * time.Second
			rule := max(c.after, silence)
			if took < rule-probe || took > rule+probe+promised {
				t.Errorf("it passed %v after the power was off, not %v after the host was last heard", took, rule)
			}
			s.answers("one", s.address("two"), "two-again")
			// The host comes back, and does not get it back.
			s.must(s.Host("host2").PowerOn(s.ctx))
			s.synchronized(soon, "host2")
			s.endpointSays("two", model.ClaimRefused, "host2")
			if e := s.endpoint("two"); e.Location != "host3" {
				t.Errorf("it is on %s", e.Location)
			}
			s.answers("one", s.address("two"), "two-again")
		})
	}
}

func TestFlowsFollowAPortThatGetsAnotherNumber(t *testing.T) {
	s := up(t, pairTopology)
	c := s.Container("two")
	before := s.port("host2", c.Port()).Number
	for _, number := range []string{"77", "78"} {
		s.vsctl("host2", "del-port", "br-weft", c.Port(), "--", "add-port", "br-weft", c.Port(),
			"--", "set", "Interface", c.Port(), "ofport_request="+number, "external_ids:iface-id="+c.Endpoint().ID)
		s.within(soon, "the number is seen", func() error {
			if p := s.port("host2", c.Port()); fmt.Sprint(p.Number) != number {
				return fmt.Errorf("it is %d, was %d", p.Number, before)
			}
			return nil
		})
		s.becomes(soon, "two", model.Installed, "host2")
		s.check()
	}
	// And without the port ever being away.
	s.vsctl("host2", "set", "Interface", c.Port(), "ofport_request=79")
	s.within(soon, "the number is seen", func() error {
		if p := s.port("host2", c.Port()); p.Number != 79 {
			return fmt.Errorf("it is %d", p.Number)
		}
		return nil
	})
	s.becomes(soon, "two", model.Installed, "host2")
	s.check()
}

func TestARandomMACIsAdoptedAndStays(t *testing.T) {
	s := up(t, pairTopology)
	docked := s.declare(model.Endpoint{Name: "docked", Addresses: addresses("10.0.1.20"), Container: "docked"})
	if !docked.MAC.IsZero() {
		t.Errorf("before the container is there its MAC is %s", docked.MAC)
	}
	s.plug("docked", "host2", docked)
	s.becomes(soon, "docked", model.Bound, "host2")
	s.endpointSays("docked", model.MACUnknown)
	s.within(soon, "it is installed", func() error {
		// Whatever it sends first shows its MAC.
		_ = s.reach("docked", s.address("one"))
		if e := s.endpoint("docked"); e.State != model.Installed {
			return fmt.Errorf("it is %s: %v", e.State, e.Conditions)
		}
		return nil
	})
	adopted := s.endpoint("docked").MAC
	out, err := s.Container("docked").Run(s.ctx, "ip", "-brief", "link", "show", "eth0")
	s.must(err)
	if !strings.Contains(out, adopted.String()) {
		t.Errorf("adopted %s, and the interface is %s", adopted, out)
	}
	s.eventuallyReaches(soon, "one", netip.MustParseAddr("10.0.1.20"))

	ages := s.ages("host2")
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	if e := s.endpoint("docked"); e.MAC != adopted || e.State != model.Installed {
		t.Errorf("after a restart it is %s with MAC %s, not %s", e.State, e.MAC, adopted)
	}
	s.untouched("host2", ages)
	s.eventuallyReaches(soon, "one", netip.MustParseAddr("10.0.1.20"))
}

func TestAPortThatSendsWithAnotherMACShowsAMismatch(t *testing.T) {
	s := up(t, pairTopology)
	c := s.Container("two")
	for _, words := range [][]string{{"set", "eth0", "address", "02:00:00:00:be:ef"}, {"set", "eth0", "up"}} {
		_, err := c.Run(s.ctx, "ip", append([]string{"link"}, words...)...)
		s.must(err)
	}
	s.within(soon, "the mismatch is seen", func() error {
		if s.reach("two", s.address("one")) == nil {
			t.Fatal("frames with a spoofed MAC are forwarded")
		}
		return says(s.endpoint("two").Conditions, model.MACMismatch, s.endpoint("two").MAC.String())
	})
	_, err := c.Run(s.ctx, "ip", "link", "set", "eth0", "address", s.endpoint("two").MAC.String())
	s.must(err)
	s.within(soon, "the mismatch goes", func() error {
		if err := s.reach("two", s.address("one")); err != nil {
			return err
		}
		if e := s.endpoint("two"); condition(e.Conditions, model.MACMismatch) != "" {
			return fmt.Errorf("%v", e.Conditions)
		}
		return nil
	})
}

// declareSix creates an endpoint with an IPv6 address.
func (s *site) declareSix(name, address string) model.Endpoint {
	s.t.Helper()
	return s.declare(model.Endpoint{Name: name, Addresses: addresses(address)})
}
