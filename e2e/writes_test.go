package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// refused ends the test unless an error is of a kind and says these words.
func (s *site) refused(err error, kind model.Kind, words ...string) {
	s.t.Helper()
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Kind != kind {
		s.t.Fatalf("not refused as %v: %v", kind, err)
	}
	for _, w := range words {
		if !strings.Contains(refusal.Error(), w) {
			s.t.Errorf("refused without a word of %q: %v", w, refusal)
		}
	}
}

func TestAWriteThatWaitsIsInstalledWhenItIsAnswered(t *testing.T) {
	s := up(t, pairTopology)
	two := s.endpoint("two")
	for i := range 20 {
		two.Addresses = addresses("10.0.1.2", []string{"10.0.1.50", "10.0.1.51"}[i%2])
		start := time.Now()
		_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true})
		took := time.Since(start)
		s.must(err)
		for _, host := range []string{"host1", "host2"} {
			if got := s.mustProgram(host); !strings.Contains(got, "arp_tpa="+two.Addresses[1].String()) {
				t.Fatalf("answered, and %s has\n%s", host, got)
			}
		}
		if i == 0 {
			t.Logf("answered in %v", took)
		}
	}
}

func TestASilentSwitchIsNamedAndHoldsUpNobodyElse(t *testing.T) {
	s := up(t, trioTopology)
	s.must(s.Host("host2").FreezeVswitchd())
	defer func() { s.must(s.Host("host2").ThawVswitchd()) }()

	const patience = 3 * time.Second
	type answer struct {
		outcome client.Outcome
		err     error
		took    time.Duration
	}
	slow := make(chan answer, 1)
	two := s.endpoint("two")
	two.Addresses = addresses("10.0.1.2", "10.0.1.52")
	go func() {
		start := time.Now()
		_, outcome, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true, Timeout: patience})
		slow <- answer{outcome, err, time.Since(start)}
	}()
	// Meanwhile a network that only host1 takes part in is made and used.
	start := time.Now()
	_, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: "net9", Subnets: []model.Prefix{model.MustPrefix("10.0.9.0/24")}}, client.WriteOptions{Wait: true})
	s.must(err)
	e, _, err := s.api.CreateEndpoint(s.ctx, model.Endpoint{Network: "net9", Name: "nine"}, client.WriteOptions{Wait: true})
	s.must(err)
	s.plug("nine", "host1", e)
	s.becomes(soon, "nine", model.Installed, "host1")
	e.Addresses = append(e.Addresses, addresses("10.0.9.77")...)
	_, _, err = s.api.PutEndpoint(s.ctx, e, client.WriteOptions{Wait: true})
	s.must(err)
	t.Logf("another host's writes took %v", time.Since(start))
	if took := time.Since(start); took > patience {
		t.Errorf("another host's writes took %v", took)
	}
	a := <-slow
	s.refused(a.err, model.Timeout, "host2")
	if strings.Contains(a.err.Error(), "host1") || strings.Contains(a.err.Error(), "host3") {
		t.Errorf("it names others than host2: %v", a.err)
	}
	if a.took < patience || a.took > patience+promised || a.outcome.Revision == 0 {
		t.Errorf("answered after %v with revision %d", a.took, a.outcome.Revision)
	}
	// The write stands, and is carried out when the switch goes on.
	if got := s.endpoint("two").Addresses; len(got) != 2 {
		t.Errorf("its addresses are %v", got)
	}
	s.must(s.Host("host2").ThawVswitchd())
	s.synchronized(soon, "host2")
	if got := s.mustProgram("host2"); !strings.Contains(got, "nw_src=10.0.1.52") {
		t.Errorf("host2 has\n%s", got)
	}
}

func TestAWriteForAHostThatIsAwayIsRefusedAWait(t *testing.T) {
	s := up(t, pairTopology)
	s.vsctl("host2", "del-manager")
	s.must(s.Host("host2").CutFromController())
	s.within(30*time.Second, "host2 is away", s.away("host2"))
	two := s.endpoint("two")
	two.Addresses = addresses("10.0.1.2", "10.0.1.53")
	start := time.Now()
	_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true, Timeout: promised})
	s.refused(err, model.Timeout, "host2")
	t.Logf("refused after %v: %v", time.Since(start), err)
}

func TestADryRunShowsWhatTheWriteThenDoes(t *testing.T) {
	s := up(t, pairTopology)
	before := s.agesOf("host1", "host2")
	programs := map[string]string{"host1": s.mustProgram("host1"), "host2": s.mustProgram("host2")}
	two := s.endpoint("two")
	revision := two.Revision
	two.Addresses = addresses("10.0.1.2", "10.0.1.54")
	_, dry, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{DryRun: true})
	s.must(err)
	if len(dry.Differences) != 2 {
		t.Fatalf("differences: %+v", dry.Differences)
	}
	for host, ages := range before {
		s.untouched(host, ages)
	}
	if e := s.endpoint("two"); e.Revision != revision || len(e.Addresses) != 1 {
		t.Errorf("the dry run changed it: %+v", e)
	}
	_, _, err = s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true})
	s.must(err)
	for _, d := range dry.Differences {
		added, removed := lineChanges(programs[d.Host], s.mustProgram(d.Host))
		var plus, minus int
		for _, line := range d.Lines {
			switch line[0] {
			case '+':
				plus++
			case '-':
				minus++
			}
		}
		t.Logf("%s: the dry run says +%d -%d", d.Host, plus, minus)
		if plus != added || minus != removed {
			t.Errorf("%s: the dry run says +%d -%d, the write did +%d -%d:\n%s", d.Host, plus, minus, added, removed, strings.Join(d.Lines, "\n"))
		}
	}
	// To do it again is to do nothing.
	_, again, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{DryRun: true})
	s.must(err)
	if len(again.Differences) != 0 {
		t.Errorf("again: %+v", again.Differences)
	}
	// A refusal is the same as that of the write.
	two.Addresses = addresses("10.0.2.1")
	_, _, err = s.api.PutEndpoint(s.ctx, two, client.WriteOptions{DryRun: true})
	s.refused(err, model.Invalid, "10.0.2.1")
}

// lineChanges counts the lines that only one of two texts has.
func lineChanges(before, now string) (added, removed int) {
	count := map[string]int{}
	for line := range strings.Lines(now + "\n") {
		count[line]++
	}
	for line := range strings.Lines(before + "\n") {
		count[line]--
	}
	for _, n := range count {
		if n > 0 {
			added += n
		} else {
			removed -= n
		}
	}
	return added, removed
}

func TestAVNIIsNotReusedWhileAHostMayStillHaveIt(t *testing.T) {
	s := up(t, trioTopology)
	s.must(s.Host("host3").CutFromController())
	_, err := s.api.DeleteNetwork(s.ctx, "net1", client.WriteOptions{Force: true})
	s.must(err)
	s.within(soon, "the others have forgotten it", func() error {
		for _, host := range []string{"host1", "host2"} {
			if got := s.mustProgram(host); strings.Contains(got, "0x1388") {
				return errors.New(got)
			}
		}
		return nil
	})
	again := model.Network{Name: "another", VNI: 5000, Subnets: []model.Prefix{model.MustPrefix("10.0.7.0/24")}}
	_, _, err = s.api.CreateNetwork(s.ctx, again, client.WriteOptions{})
	s.refused(err, model.Conflict, "5000", "host3")
	// Not after a restart either, nor is it chosen for somebody who does not ask.
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	_, _, err = s.api.CreateNetwork(s.ctx, again, client.WriteOptions{})
	s.refused(err, model.Conflict, "5000", "host3")
	if !strings.Contains(s.mustProgram("host3"), "0x1388") {
		t.Error("host3 does not have it any more: nothing is proved")
	}
	s.must(s.Host("host3").Heal())
	s.within(30*time.Second, "the VNI is free", func() error {
		_, outcome, err := s.api.CreateNetwork(s.ctx, again, client.WriteOptions{})
		if err == nil && !outcome.Created {
			err = errors.New("not created")
		}
		return err
	})
	if strings.Contains(s.mustProgram("host3"), "0x1388") {
		t.Error("given out, and host3 still has flows of it")
	}
}

func TestDeletingAHostFreesItsVNIs(t *testing.T) {
	s := up(t, trioTopology)
	s.must(s.Host("host3").PowerOff(s.ctx))
	s.within(40*time.Second, "host3 is away", func() error {
		if h := s.host("host3"); h.OVSDB == model.Connected || h.OpenFlow == model.Connected {
			return errors.New("it is connected")
		}
		return nil
	})
	_, err := s.api.DeleteNetwork(s.ctx, "net1", client.WriteOptions{Force: true})
	s.must(err)
	again := model.Network{Name: "another", VNI: 5000}
	s.synchronized(soon, "host1", "host2")
	_, _, err = s.api.CreateNetwork(s.ctx, again, client.WriteOptions{})
	s.refused(err, model.Conflict, "host3")
	_, err = s.api.DeleteHost(s.ctx, "host3", client.WriteOptions{})
	s.must(err)
	_, _, err = s.api.CreateNetwork(s.ctx, again, client.WriteOptions{})
	s.must(err)
}
