package membership

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A host that was installed anew, or got another address, comes back under its
// name. Nobody said goodbye.
func TestTheSameNameAtAnotherAddress(t *testing.T) {
	for _, away := range []time.Duration{0, 5 * time.Second, time.Minute, 5 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				all := c.grow(20)
				c.forgetTold()
				all[7].Close()
				time.Sleep(away)
				cfg := c.config(7)
				cfg.Facts.VTEP = hostAddress(107).Addr()
				all[7] = c.join(hostAddress(107), cfg)
				t.Logf("all agree after %v", c.converge(30*time.Second, all, 20))
				time.Sleep(3 * time.Minute)
				for _, m := range all {
					if got, _ := m.View().Member("host7"); got.State != Alive || got.Address != hostAddress(107) || got.Facts != cfg.Facts {
						t.Errorf("%s knows %v", m.cfg.Name, got)
					}
					if n := m.times("host7", Dead); n > 1 {
						t.Errorf("%s was told %d times that it is dead", m.cfg.Name, n)
					}
					if p := m.View().Problems; len(p) > 0 {
						t.Errorf("%s still has problems: %v", m.cfg.Name, p)
					}
				}
			})
		})
	}
}

func TestTwoOfOneNameAreReportedAndNobodyFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(20)
		c.forgetTold()
		cfg := c.config(7)
		cfg.Facts.VTEP = hostAddress(107).Addr()
		second := c.join(hostAddress(107), cfg)
		time.Sleep(10 * time.Minute)
		for _, m := range all {
			if got, _ := m.View().Member("host7"); got.Address != hostAddress(7) {
				t.Errorf("%s has it at %v", m.cfg.Name, got.Address)
			}
			if len(m.told) > 0 {
				t.Errorf("%s was told of changes: %v", m.cfg.Name, m.told)
			}
		}
		for _, m := range []*member{second, all[0]} {
			p, ok := m.problem(NameConflict, "host7")
			if !ok || !strings.Contains(p.Detail, hostAddress(7).String()) || !strings.Contains(p.Detail, hostAddress(107).String()) {
				t.Errorf("the one at %v does not report it: %v", m.node.at, m.View().Problems)
			}
		}
		// The second goes, and that is no goodbye of the first.
		if err := second.Leave(); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		for _, m := range all {
			if m.times("host7", Left)+m.times("host7", Dead)+m.times("host7", Suspect) > 0 || len(m.View().Problems) > 0 {
				t.Errorf("afterwards %s was told %v and has the problems %v", m.cfg.Name, m.told, m.View().Problems)
			}
		}
	})
}

// The second of two gets the name when the first is dead, and keeps it when that
// one comes back.
func TestANameIsInheritedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(20)
		c.join(hostAddress(107), c.config(7))
		time.Sleep(30 * time.Second)
		c.net.part(apartOnly(hostAddress(7)))
		rest := append(all[:7:7], all[8:]...)
		c.wait(2*time.Minute, "all have the second", func() bool {
			for _, m := range rest {
				if got, _ := m.View().Member("host7"); got.State != Alive || got.Address != hostAddress(107) {
					return false
				}
			}
			return true
		})
		c.forgetTold()
		c.net.part(nil)
		time.Sleep(5 * time.Minute)
		for _, m := range rest {
			if got, _ := m.View().Member("host7"); got.State != Alive || got.Address != hostAddress(107) {
				t.Errorf("%s knows %v", m.cfg.Name, got)
			}
			if m.times("host7", Dead) > 0 {
				t.Errorf("%s was told %v", m.cfg.Name, m.told)
			}
		}
		for _, m := range []*member{all[7], all[0]} {
			if _, ok := m.problem(NameConflict, "host7"); !ok {
				t.Errorf("the one at %v does not report it: %v", m.node.at, m.View().Problems)
			}
		}
	})
}
