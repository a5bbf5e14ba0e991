package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestARestartOfTheControllerLosesNoPacketAndTouchesNothing(t *testing.T) {
	s := up(t, pairTopology)
	there, back := s.ping("one", "two"), s.ping("two", "one")
	s.synchronized(soon, "host1", "host2")
	for range 2 { // the second start begins with what the first one wrote
		ages, databases := s.agesOf("host1", "host2"), s.databasesOf("host1", "host2")
		s.restartController()
		t.Logf("synchronized %v after the start", s.synchronized(soon, "host1", "host2"))
		s.answered(there, 100)
		s.answered(back, 100)
		for host, before := range ages {
			s.untouched(host, before)
		}
		for host, before := range databases {
			if now := s.database(host); now != before {
				t.Errorf("the database of %s was written: %s", host, lastWrites(before, now))
			}
		}
	}
	s.noneLost(there, back)
	for _, host := range []string{"host1", "host2"} {
		if h := s.host(host); h.Repairs != 0 || h.LastError != "" {
			t.Errorf("host %s: %d repairs, last error %q", host, h.Repairs, h.LastError)
		}
	}
	for _, name := range []string{"one", "two"} {
		if e := s.endpoint(name); e.State != model.Installed {
			t.Errorf("endpoint %s is %s", name, e.State)
		}
	}
}

func TestAHostCutOffFromTheControllerOnlyKeepsItsPlaceOverARestart(t *testing.T) {
	s := up(t, trioTopology)
	pings := []string{"one", "two"}
	to := s.ping(pings[0], "three")
	too := s.ping(pings[1], "three")
	from := s.ping("three", "one")
	s.synchronized(soon, "host1", "host2", "host3")
	ages := s.agesOf("host1", "host2", "host3")

	s.must(s.Host("host3").CutFromController())
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	if h := s.host("host3"); h.OVSDB != model.Away || h.OpenFlow != model.Away || h.VTEP != "192.0.2.13" {
		t.Errorf("the host that is cut off is shown as %+v", h)
	}
	s.endpointSays("three", model.HostAway, "host3")
	for _, p := range []string{"one", "two"} {
		s.becomes(soon, p, model.Installed, s.Container(p).Host.Name)
	}
	s.answered(to, 100)
	s.answered(too, 100)
	for host, before := range ages {
		s.untouched(host, before)
	}
	s.must(s.Host("host3").Heal())
	t.Logf("synchronized %v after it was healed", s.synchronized(soon, "host3"))
	s.becomes(soon, "three", model.Installed, "host3")
	s.untouched("host3", ages["host3"])
	s.noneLost(to, too, from)
}

func TestARestartUnderManyFlowsTouchesNoneOfThem(t *testing.T) {
	s := up(t, pairTopology)
	const many = 200
	document := model.Document{}
	ports := []string{"--no-wait"}
	for i := range many {
		id := fmt.Sprintf("many-%d", i)
		document.Endpoints = append(document.Endpoints, model.Endpoint{ID: id, Network: "net1"})
		// An internal port needs no container, and no frame of it is sent.
		ports = append(ports, "--", "add-port", "br-weft", id, "--", "set", "Interface", id, "type=internal", "external_ids:iface-id="+id)
	}
	start := time.Now()
	_, _, err := s.api.Apply(s.ctx, document, client.WriteOptions{})
	s.must(err)
	t.Logf("%d endpoints are declared in %v", many, time.Since(start))
	s.vsctl("host2", ports...)
	took := s.within(60*time.Second, "all are installed", func() error {
		all, err := s.api.Endpoints(s.ctx, "net1")
		for _, e := range all {
			if err == nil && e.State != model.Installed {
				err = fmt.Errorf("%s is %s", e.ID, e.State)
			}
		}
		return err
	})
	t.Logf("their ports are plugged, and all installed, after %v; host2 has %d flows", took, s.host("host2").Flows)
	s.synchronized(soon, "host1", "host2")
	pings := s.ping("one", "two")
	ages, databases := s.agesOf("host1", "host2"), s.databasesOf("host1", "host2")
	s.restartController()
	t.Logf("synchronized %v after the start", s.synchronized(soon, "host1", "host2"))
	s.answered(pings, 100)
	s.noneLost(pings)
	for host := range ages {
		s.untouched(host, ages[host])
		if now := s.database(host); now != databases[host] {
			t.Errorf("the database of %s was written: %s", host, lastWrites(databases[host], now))
		}
	}
}
