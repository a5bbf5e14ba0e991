package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// connection says whether a host's OVSDB connection is in a state.
func (s *site) connection(host, state string) error {
	h, err := s.api.Host(s.ctx, host)
	if err == nil && h.OVSDB != state {
		err = fmt.Errorf("OVSDB is %s", h.OVSDB)
	}
	return err
}

func (s *site) away(host string) func() error {
	return func() error { return s.connection(host, model.Away) }
}

// setting writes an external id of the Open_vSwitch row.
func (s *site) setting(host, key, value string) {
	s.t.Helper()
	s.vsctl(host, "--no-wait", "set", "Open_vSwitch", ".", fmt.Sprintf("external_ids:%s=%q", key, value))
}

func TestOfTwoHostsWithOneVTEPTheSecondGetsNoTunnels(t *testing.T) {
	s := up(t, trioTopology)
	s.setting("host3", "weft-vtep", "192.0.2.12")
	s.hostSays("host3", model.NoTunnels, "192.0.2.12", "host2", "weft-vtep")
	s.within(soon, "no flow of host3 leads to host2", func() error {
		if h := s.host("host3"); h.VTEP != "" {
			return fmt.Errorf("its VTEP is shown as %s", h.VTEP)
		}
		return nil
	})
	if c := condition(s.host("host2").Conditions, model.NoTunnels); c != "" {
		t.Errorf("the first one says %s", c)
	}
	s.eventuallyReaches(soon, "one", s.address("two"))
	if s.reach("one", s.address("three")) == nil {
		t.Error("a host without tunnels is reached")
	}
	// The cure is what the condition says.
	s.setting("host3", "weft-vtep", "192.0.2.13")
	s.eventuallyReaches(soon, "one", s.address("three"))
	if c := condition(s.host("host3").Conditions, model.NoTunnels); c != "" {
		t.Errorf("cured, and it says %s", c)
	}
	s.check()
}

func TestALoopbackVTEPIsRefusedWithTheCure(t *testing.T) {
	s := up(t, pairTopology)
	for _, vtep := range []string{"127.0.0.1", "::1", "not-an-address"} {
		s.setting("host2", "weft-vtep", vtep)
		s.hostSays("host2", model.NoTunnels, vtep, "ovs-vsctl set Open_vSwitch . external_ids:weft-vtep=")
	}
	s.vsctl("host2", "--no-wait", "remove", "Open_vSwitch", ".", "external_ids", "weft-vtep")
	s.eventuallyReaches(soon, "one", s.address("two"))
	s.check()
}

func TestOfTwoHostsWithOneHostnameTheFirstKeepsIt(t *testing.T) {
	s := up(t, pairTopology)
	s.setting("host2", "hostname", "host1")
	s.hostSays("host2", model.NameTaken, "host1")
	if h := s.host("host1"); h.SystemID != "host1" || condition(h.Conditions, model.NameTaken) != "" {
		t.Errorf("the first one is shown as %+v", h)
	}
	s.setting("host2", "hostname", "renamed")
	s.within(soon, "it has its name", func() error {
		h, err := s.api.Host(s.ctx, "renamed")
		if err == nil && (h.SystemID != "host2" || condition(h.Conditions, model.NameTaken) != "") {
			err = fmt.Errorf("%+v", h)
		}
		return err
	})
	s.check()
}

func TestASystemIDThatIsInUseIsRefusedWhileItsHostAnswers(t *testing.T) {
	s := up(t, trioTopology)
	pings := s.ping("one", "two")
	manager := s.vsctl("host3", "get-manager")
	s.vsctl("host3", "del-manager")
	s.within(soon, "host3 is away", s.away("host3"))
	s.setting("host3", "system-id", "host2")
	s.vsctl("host3", "--no-wait", "set-manager", manager)
	s.hostSays("host2", model.DuplicateSystemID, "192.0.2.13")
	if h := s.host("host2"); h.Address != "192.0.2.12" || h.OVSDB != model.Connected {
		t.Errorf("the first one is shown as %+v", h)
	}
	s.answered(pings, 50)
	s.noneLost(pings)

	// The first one dies. The second, which comes again and again, is let in
	// once it has not answered, and long before its connection times out.
	s.must(s.Host("host2").PowerOff(s.ctx))
	off := time.Now()
	s.within(30*time.Second, "the second one is the host", func() error {
		h, err := s.api.Host(s.ctx, "host2")
		if err == nil && h.Address != "192.0.2.13" {
			err = fmt.Errorf("it is at %s", h.Address)
		}
		return err
	})
	t.Logf("taken %v after the power cut", time.Since(off))
}

func TestAHostAfterAPowerCutReplacesItsOldConnectionAtOnce(t *testing.T) {
	s := up(t, pairTopology)
	h := s.Host("host2")
	seen := s.host("host2").LastSeen
	s.must(h.PowerOff(s.ctx))
	s.must(h.PowerOn(s.ctx))
	times := s.connected("host2")
	s.within(soon, "its bridge connects", func() error {
		if now := s.connected("host2"); len(now) == len(times) {
			return fmt.Errorf("connected %d times", len(now))
		}
		return nil
	})
	s.within(promised, "the new connection is taken", func() error {
		if now := s.host("host2"); !now.LastSeen.After(seen) || !now.Synchronized {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	if c := condition(s.host("host2").Conditions, model.DuplicateSystemID); c != "" {
		t.Errorf("it says %s", c)
	}
	if strings.Contains(s.controllerLog(), "said nothing for") {
		t.Error("it waited for a timeout")
	}
	s.check()
}
