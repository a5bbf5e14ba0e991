package membership

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTwoHundredJoinAndConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.start(200)
		t.Logf("200 members see each other after %v", c.converge(time.Minute, all, 200))

		time.Sleep(30 * time.Second) // does it last?
		for _, m := range all {
			for _, change := range m.told {
				if change.After.State != Alive {
					t.Fatalf("%s was told of %v", m.cfg.Name, change)
				}
			}
			if got := m.View().Controllers(); len(got) != 1 || got[0].Facts != all[0].cfg.Facts {
				t.Fatalf("%s finds the controllers %v", m.cfg.Name, got)
			}
			if p := m.View().Problems; len(p) > 0 {
				t.Fatalf("%s has problems: %v", m.cfg.Name, p)
			}
		}
	})
}

func TestFactsOfOneReachAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(20)
		facts := all[7].cfg.Facts
		facts.UnderlayMTU = 9000
		if err := all[7].UpdateFacts(facts); err != nil {
			t.Fatal(err)
		}
		took := c.wait(5*time.Second, "all know the new MTU", func() bool { return allKnow(all, "host7", facts) })
		t.Logf("after %v", took)
		if all[3].told[len(all[3].told)-1].Before.Facts.UnderlayMTU != 1500 {
			t.Error("the change does not show what was before")
		}
	})
}

// Controllers may be given one list of all controllers.
func TestOnesOwnAddressIsNoSeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		var all []*member
		for i := range 3 {
			cfg := c.config(i)
			cfg.Seeds = []string{hostAddress(0).String(), hostAddress(1).String(), hostAddress(2).String()}
			all = append(all, c.join(hostAddress(i), cfg))
		}
		c.converge(15*time.Second, all, 3)
		time.Sleep(time.Minute)
		for _, m := range all {
			if p := m.View().Problems; len(p) > 0 {
				t.Errorf("%s has problems: %v", m.cfg.Name, p)
			}
		}
	})
}
