package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

// openFlow waits until a host's OpenFlow connection is in a state.
func (s *site) openFlow(host, state string) {
	s.t.Helper()
	s.within(soon, fmt.Sprintf("the OpenFlow connection of %s is %s", host, state), func() error {
		h, err := s.api.Host(s.ctx, host)
		if err == nil && h.OpenFlow != state {
			err = fmt.Errorf("it is %s: %s", h.OpenFlow, h.LastError)
		}
		return err
	})
}

var connectedLine = regexp.MustCompile(`(?m)^(\S+Z)\|.*\|br-weft<->tcp:\S+: connected$`)

// connected are the times at which the switch itself says that its bridge
// connected to the controller. What the controller shows is no use here: it
// takes the new connection before it has missed the old one.
func (s *site) connected(host string) []time.Time {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, host, "ovs-vswitchd.log"))
	s.must(err)
	var times []time.Time
	for _, line := range connectedLine.FindAllStringSubmatch(string(text), -1) {
		at, err := time.Parse(time.RFC3339, line[1])
		s.must(err)
		times = append(times, at)
	}
	return times
}

func TestTheNetworkIsBackByItselfAfterVswitchdWasKilled(t *testing.T) {
	s := up(t, pairTopology)
	for range 3 {
		wanted := s.mustProgram("host2")
		pings := s.ping("one", "two")
		before := len(s.connected("host2"))
		s.must(s.Host("host2").KillVswitchd(s.ctx))
		started := time.Now()
		s.must(s.Host("host2").StartVswitchd(s.ctx))
		s.answered(pings, 1)
		back := time.Now()
		times := s.connected("host2")
		if len(times) <= before {
			t.Fatal("packets pass and the switch has not connected")
		}
		reconnected := times[len(times)-1]
		t.Logf("reconnected %v after ovs-vswitchd's start; network back %v after that", reconnected.Sub(started), back.Sub(reconnected))
		if back.Sub(reconnected) > promised {
			t.Errorf("the network was back %v after the reconnect", back.Sub(reconnected))
		}
		s.synchronized(soon, "host2")
		if got := s.mustProgram("host2"); got != wanted {
			t.Errorf("host2 has\n%s\nand had\n%s", got, wanted)
		}
		s.becomes(soon, "two", model.Installed, "host2")
		t.Log(pings.Stop())
	}
}

func TestForwardingDoesNotNeedTheDatabaseServer(t *testing.T) {
	s := up(t, pairTopology)
	pings := s.ping("one", "two")
	ages := s.ages("host2")
	s.must(s.Host("host2").KillOVSDB(s.ctx))
	s.within(soon, "the loss is noticed", func() error {
		h, err := s.api.Host(s.ctx, "host2")
		if err == nil && h.OVSDB != model.Away {
			err = fmt.Errorf("OVSDB %s", h.OVSDB)
		}
		return err
	})
	s.must(s.Host("host2").StartOVSDB(s.ctx))
	before := s.database("host2")
	t.Logf("synchronized %v after ovsdb-server's start", s.synchronized(soon, "host2"))
	s.becomes(soon, "two", model.Installed, "host2")
	if now := s.database("host2"); now != before {
		t.Errorf("the database was written: %s", lastWrites(before, now))
	}
	s.untouched("host2", ages)
	s.noneLost(pings)
	// The new connection is as good as the old one: plugging is seen.
	s.must(s.Container("two").Unplug(s.ctx))
	s.becomes(soon, "two", model.Declared, "")
	s.must(s.Container("two").Plug(s.ctx, s.endpoint("two")))
	s.becomes(soon, "two", model.Installed, "host2")
	s.check()
}

func TestBothDaemonsOfAHostAreKilledAndComeBack(t *testing.T) {
	s := up(t, pairTopology)
	wanted := s.mustProgram("host2")
	host := s.Host("host2")
	s.must(host.PowerOff(s.ctx))
	start := time.Now()
	s.must(host.PowerOn(s.ctx))
	// The controller has not noticed that the old connections are dead, and
	// does not wait for a timeout to take the new ones.
	s.within(soon, "the new connections are taken", func() error {
		got, err := s.program("host2")
		if err == nil && got != wanted {
			err = fmt.Errorf("host2 has\n%s", got)
		}
		return err
	})
	t.Logf("all flows are back %v after the power", time.Since(start))
	s.synchronized(soon, "host2")
	s.check()
}
