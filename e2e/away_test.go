package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestWhatHappenedWhileTheControllerWasDownIsFound(t *testing.T) {
	s := up(t, pairTopology)
	late := s.declare(model.Endpoint{Name: "late", Addresses: addresses("10.0.1.9")})
	s.must(s.KillController(s.ctx))
	s.must(s.Container("two").Unplug(s.ctx))
	s.plug("late", "host2", late)
	s.on("host1", "ovs-ofctl", "add-flow", "br-weft", "table=0,priority=999,ip,actions=normal")
	s.on("host1", "ovs-ofctl", "-O", "OpenFlow14", "add-group", "br-weft", "group_id=7,type=all,bucket=actions=drop")
	s.must(s.StartController(s.ctx))
	s.synchronized(soon, "host1", "host2")
	s.becomes(soon, "late", model.Installed, "host2")
	s.becomes(soon, "two", model.Declared, "")
	s.eventuallyReaches(soon, "one", late.Addresses[0].Addr)
	if got := s.mustProgram("host1"); strings.Contains(got, "NORMAL") || strings.Contains(got, "group_id=7,") {
		t.Errorf("host1 has\n%s", got)
	}
	if got := s.mustProgram("host2"); strings.Contains(got, "nw_src=10.0.1.2 ") {
		t.Errorf("host2 has\n%s", got)
	}
}

func TestWhatHappenedOnAHostThatWasCutOffIsFound(t *testing.T) {
	s := up(t, trioTopology)
	s.must(s.Host("host3").CutFromController())
	late := s.declare(model.Endpoint{Name: "late", Addresses: addresses("10.0.1.9")})
	s.must(s.Container("three").Unplug(s.ctx))
	s.plug("late", "host3", late)
	s.plug("new-on-one", "host1", s.declare(model.Endpoint{Name: "new-on-one", Addresses: addresses("10.0.1.10")}))
	s.becomes(soon, "new-on-one", model.Installed, "host1")
	s.within(30*time.Second, "host3 is missed", s.away("host3"))
	if e := s.endpoint("three"); e.Location != "host3" {
		t.Errorf("nobody can have seen that it was unplugged, and it is on %q", e.Location)
	}
	s.must(s.Host("host3").Heal())
	s.synchronized(soon, "host3")
	s.becomes(soon, "late", model.Installed, "host3")
	s.becomes(soon, "three", model.Declared, "")
	s.eventuallyReaches(soon, "late", s.address("new-on-one"))
	s.eventuallyReaches(soon, "one", s.address("late"))
}

func TestAnEndpointThatMovedAwayFromAHostThatIsCutOffIsTakenFromIt(t *testing.T) {
	s := up(t, trioTopology)
	two := s.endpoint("two")
	s.must(s.Host("host2").CutFromController())
	two.Host = "host3"
	_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{})
	s.must(err)
	s.plug("two-again", "host3", two)
	s.becomes(soon, "two", model.Installed, "host3")
	s.answers("one", s.address("two"), "two-again")
	// The old place still has its flows; that ends as soon as it can be told.
	if got := s.mustProgram("host2"); !strings.Contains(got, "nw_src=10.0.1.2") {
		t.Error("host2 lost its flows while it was cut off: nothing is proved")
	}
	s.must(s.Host("host2").Heal())
	s.synchronized(soon, "host2")
	if got := s.mustProgram("host2"); strings.Contains(got, "nw_src=10.0.1.2") {
		t.Errorf("host2 has\n%s", got)
	}
	s.endpointSays("two", model.ClaimRefused, "host2")
	s.answers("one", s.address("two"), "two-again")
}

func TestASwitchThatWasFrozenUntilItWasGivenUpComesBack(t *testing.T) {
	s := up(t, pairTopology)
	s.must(s.Host("host2").FreezeVswitchd())
	s.within(soon, "it is given up", func() error {
		if h := s.host("host2"); h.OpenFlow != model.Away {
			return fmt.Errorf("OpenFlow %s", h.OpenFlow)
		}
		return nil
	})
	two := s.endpoint("two")
	two.Addresses = addresses("10.0.1.2", "10.0.1.62")
	_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{})
	s.must(err)
	s.must(s.Host("host2").ThawVswitchd())
	t.Logf("synchronized %v after it goes on", s.synchronized(soon, "host2"))
	if got := s.mustProgram("host2"); !strings.Contains(got, "nw_src=10.0.1.62") {
		t.Errorf("host2 has\n%s", got)
	}
	s.check()
}
