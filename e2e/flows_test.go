package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestTheFlowsOfAHostAreShownAsTheyAre(t *testing.T) {
	s := up(t, pairTopology)
	s.synchronized(soon, "host1")
	wanted, err := s.api.HostFlows(s.ctx, "host1", client.FlowsWanted)
	s.must(err)
	installed, err := s.api.HostFlows(s.ctx, "host1", client.FlowsInstalled)
	s.must(err)
	if n := strings.Count(s.mustProgram("host1"), "\n") + 1; len(wanted) != n || len(installed) != n {
		t.Errorf("ovs-ofctl shows %d flows and groups; wanted are %d, installed %d", n, len(wanted), len(installed))
	}
	for _, f := range wanted {
		if f.Owner == "" {
			t.Errorf("nobody's: %s", f.Text)
		}
	}
	if difference, err := s.api.HostFlows(s.ctx, "host1", client.FlowsDifference); err != nil || len(difference) > 0 {
		t.Errorf("difference %v %v", difference, err)
	}
	out, err := s.weft("flows", "host1")
	s.must(err)
	for _, f := range wanted {
		if !strings.Contains(out, f.Text) {
			t.Errorf("weft flows does not show %s", f.Text)
		}
	}
	// All of Weft's flows are shown by the oldest protocol too, which a plain
	// ovs-ofctl speaks.
	old := lines(s.on("host1", "ovs-ofctl", "dump-flows", "br-weft"), "cookie=")
	now := lines(s.on("host1", "ovs-ofctl", "-O", "OpenFlow14", "dump-flows", "br-weft"), "cookie=")
	if len(old) != len(now) {
		t.Errorf("a plain ovs-ofctl shows %d flows of %d", len(old), len(now))
	}
	if names := s.on("host1", "ovs-ofctl", "--names", "dump-flows", "br-weft"); !strings.Contains(names, "table=classify") || !strings.Contains(names, "resubmit(,deliver)") && !strings.Contains(names, "goto_table:deliver") {
		t.Errorf("the tables have no names:\n%s", names)
	}
}

func TestWithNoRepairForeignChangesAreOnlyReported(t *testing.T) {
	s := up(t, pairTopology, "--no-repair")
	s.synchronized(soon, "host1")
	before := s.mustProgram("host1")
	s.on("host1", "ovs-ofctl", "add-flow", "br-weft", "cookie=0x99,table=0,priority=999,arp,arp_op=77,actions=drop")
	s.within(soon, "it is reported", func() error {
		if h := s.host("host1"); !strings.Contains(h.LastError, "somebody else") || h.Synchronized || h.Repairs != 0 {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
	difference, err := s.api.HostFlows(s.ctx, "host1", client.FlowsDifference)
	s.must(err)
	if len(difference) != 1 || difference[0].Sign != "-" || !strings.Contains(difference[0].Text, "arp_op=77") {
		t.Errorf("difference %+v", difference)
	}
	if got := s.mustProgram("host1"); got == before {
		t.Error("it was repaired")
	}
	// What is wanted is carried out all the same.
	one := s.endpoint("one")
	one.Addresses = addresses("10.0.1.1", "10.0.1.61")
	if _, _, err := s.api.PutEndpoint(s.ctx, one, client.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	s.within(soon, "a write is carried out", func() error {
		if got := s.mustProgram("host1"); !strings.Contains(got, "nw_src=10.0.1.61") || !strings.Contains(got, "arp_op=77") {
			return fmt.Errorf("host1 has\n%s", got)
		}
		return nil
	})
	s.on("host1", "ovs-ofctl", "del-flows", "br-weft", "cookie=0x99/-1")
	s.within(soon, "it is in order again", func() error {
		if h := s.host("host1"); !h.Synchronized {
			return fmt.Errorf("%+v", h)
		}
		return nil
	})
	s.check()
}

func TestAContainerOnTwoHostsNeedsAHost(t *testing.T) {
	s := up(t, trioTopology)
	e := s.declare(model.Endpoint{Name: "web", Container: "web", Addresses: addresses("10.0.1.30")})
	s.plug("web-a", "host1", e)
	s.becomes(soon, "web", model.Bound, "host1")
	s.must(s.Container("web-a").Unplug(s.ctx))
	s.becomes(soon, "web", model.Declared, "")
	// Both before the endpoint: nobody can know which is meant.
	other := e
	other.Container = "db"
	s.plug("db-a", "host1", other)
	s.plug("db-b", "host2", other)
	s.within(soon, "both ports are seen", func() error {
		for host, c := range map[string]string{"host1": "db-a", "host2": "db-b"} {
			if s.port(host, s.Container(c).Port()).ContainerID != "db" {
				return fmt.Errorf("%s is not", c)
			}
		}
		return nil
	})
	db := s.declare(model.Endpoint{Name: "db", Container: "db", Addresses: addresses("10.0.1.31")})
	s.endpointSays("db", model.AmbiguousContainer, "host1", "host2", "host")
	db.Host = "host2"
	_, _, err := s.api.PutEndpoint(s.ctx, db, client.WriteOptions{})
	s.must(err)
	s.becomes(soon, "db", model.Bound, "host2")
	if c := condition(s.endpoint("db").Conditions, model.AmbiguousContainer); c != "" {
		t.Errorf("pinned, and it says %s", c)
	}
}
