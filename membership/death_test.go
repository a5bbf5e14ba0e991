package membership

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoIsDeadIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.members = nil
		var all []*member
		for i := range 5 {
			cfg := c.config(i)
			cfg.ForgetAfter = time.Hour
			all = append(all, c.join(hostAddress(i), cfg))
		}
		c.converge(time.Minute, all, 5)
		all[4].Close()
		c.wait(30*time.Second, "host 4 is dead", func() bool { return all[1].state("host4") == Dead })
		time.Sleep(50 * time.Minute)
		if got := all[1].state("host4"); got != Dead {
			t.Fatalf("after 50 minutes it is %q", got)
		}
		time.Sleep(11 * time.Minute)
		for _, m := range all[:4] {
			if got, known := m.View().Member("host4"); known {
				t.Errorf("%s still knows %v", m.cfg.Name, got)
			}
			last := m.told[len(m.told)-1]
			if last.Before.Name != "host4" || last.After.Name != "" {
				t.Errorf("%s was last told %v", m.cfg.Name, last)
			}
		}
		all[4] = c.join(hostAddress(4), c.config(4))
		c.converge(time.Minute, all, 5)
	})
}

// In a small cluster all ask the one that fell silent, and it is suspect before
// it is dead.
func TestSuspectComesBeforeDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(3)
		all[2].Close()
		fell := time.Now()
		c.wait(10*time.Second, "host 2 is suspect", func() bool { return all[0].state("host2") == Suspect })
		suspect := time.Since(fell)
		c.wait(30*time.Second, "host 2 is dead", func() bool { return all[0].state("host2") == Dead })
		t.Logf("suspect after %v, dead after %v", suspect, time.Since(fell))
		if got, _ := all[0].View().Member("host2"); time.Since(got.Since) > time.Second || got.Facts != all[2].cfg.Facts {
			t.Errorf("it is known as %v", got)
		}
	})
}

// A host that stalls for some seconds is suspect, and then it is not.
func TestASuspectThatAnswersIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(3)
		c.net.part(apartAt(hostAddress(2)))
		c.wait(10*time.Second, "host 2 is suspect", func() bool { return all[0].state("host2") == Suspect })
		c.net.part(nil)
		c.wait(3*time.Second, "host 2 is alive", func() bool { return all[0].state("host2") == Alive })
		time.Sleep(time.Minute)
		if n := all[0].times("host2", Dead); n > 0 {
			t.Errorf("it was dead %d times", n)
		}
	})
}

func TestWhoSaysGoodbyeHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(40)
		start := time.Now()
		if err := all[9].Leave(); err != nil {
			t.Fatal(err)
		}
		t.Logf("it took %v", time.Since(start))
		rest := append(all[:9:9], all[10:]...)
		left := 0
		c.wait(30*time.Second, "all know that host 9 is gone", func() bool {
			left = 0
			for _, m := range rest {
				switch m.state("host9") {
				case Left:
					left++
				case Dead: // who has missed the goodbye
				default:
					return false
				}
			}
			return true
		})
		t.Logf("%d of 39 know that it has left", left)
		if all[0].times("host9", Left) != 1 || all[0].times("host9", Suspect) > 0 || left < 30 {
			t.Errorf("the controller was told %v", all[0].told)
		}
		// It comes back, as the same or as another.
		all[9] = c.join(hostAddress(209), c.config(9))
		t.Logf("back after %v", c.converge(time.Minute, all, 40))
	})
}

func TestARestartIsNoDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(40)
		c.forgetTold()
		all[9].Close()
		time.Sleep(2 * time.Second)
		cfg := c.config(9)
		cfg.Facts.Version = "v0.6.0"
		all[9] = c.join(hostAddress(9), cfg)
		t.Logf("all know the new version after %v", c.converge(time.Minute, all, 40))
		time.Sleep(time.Minute)
		for _, m := range all {
			if n := m.times("host9", Dead); n > 0 {
				t.Errorf("%s was told that it is dead", m.cfg.Name)
			}
		}
	})
}

// A host whose clock went back a year must not be taken for older than itself.
func TestAClockThatWentBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(10)
		// As if it had been started in a year.
		all[5].say(func(s *self) bool { s.incarnation += 365 * 24 * 3600 * 1000; return true })
		c.wait(time.Minute, "all have heard it", func() bool {
			for _, m := range all {
				if known, _ := m.table.known("host5"); known.Incarnation <= uint64(time.Now().UnixMilli()) {
					return false
				}
			}
			return true
		})
		all[5].Close()
		cfg := c.config(5)
		cfg.Facts.UnderlayMTU = 1400
		all[5] = c.join(hostAddress(5), cfg)
		t.Logf("all know the new facts after %v", c.wait(time.Minute, "all know the new facts", func() bool { return allKnow(all, "host5", cfg.Facts) }))
	})
}
