package membership

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// apartAt separates the hosts below an address from the others.
func apartAt(first netip.AddrPort) func(a, b netip.Addr) bool {
	return func(a, b netip.Addr) bool { return a.Less(first.Addr()) != b.Less(first.Addr()) }
}

// Whatever a partition's length, and whoever is where: once it is over all agree
// again, and everybody was told of everybody else at most once that he is dead,
// and once that he is back; of those on his own side nothing.
func TestAPartitionHealsAndNobodyFlaps(t *testing.T) {
	const n = 24
	for _, border := range []int{12, 1, 23} { // halves, the controller alone, an agent alone
		for _, length := range []time.Duration{2 * time.Second, 8 * time.Second, 20 * time.Second, 45 * time.Second, 3 * time.Minute} {
			t.Run(fmt.Sprintf("%d of %d for %v", border, n, length), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newCluster(t)
					all := c.grow(n)
					c.forgetTold()
					c.net.part(apartAt(hostAddress(border)))
					time.Sleep(length)
					if length > time.Minute && border == n/2 { // one alone needs minutes to ask all
						if a, b := agreed(all[:border], border), agreed(all[border:], n-border); a != "" || b != "" {
							t.Errorf("the sides do not agree: %s %s", a, b)
						}
					}
					c.net.part(nil)
					t.Logf("healed after %v", c.converge(2*time.Minute, all, n))
					time.Sleep(3 * time.Minute) // does it last?
					if why := agreed(all, n); why != "" {
						t.Fatal("it did not last: ", why)
					}
					for i, m := range all {
						for j, other := range all {
							dead, back := m.times(other.cfg.Name, Dead), m.times(other.cfg.Name, Alive)
							most := 1
							if (i < border) == (j < border) {
								most = 0
							}
							if dead > most || m.times(other.cfg.Name, Left) > 0 {
								t.Fatalf("%s was told %d times that %s is dead, and %d times that he is back: %v", m.cfg.Name, dead, other.cfg.Name, back, m.told)
							}
						}
					}
				})
			})
		}
	}
}

// A member was cut off just for as long as it took to declare it dead. It did
// not hear it, but is told.
func TestWhoIsDeclaredDeadIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(24)
		c.net.part(apartOnly(hostAddress(9)))
		c.wait(time.Minute, "host 9 is declared dead by all", func() bool {
			for i, m := range all {
				if known, _ := m.table.known("host9"); i != 9 && !known.declared {
					return false
				}
			}
			return true
		})
		time.Sleep(time.Second) // nobody gossips it any more
		c.net.part(nil)
		t.Logf("alive again after %v", c.wait(4*time.Second, "host 9 is alive", func() bool { return allKnow(all, "host9", all[9].cfg.Facts) }))
	})
}

// A network that drops one packet in fifty is no reason to think that anybody is
// dead.
func TestALossyNetworkKillsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(30)
		c.forgetTold()
		c.net.mu.Lock()
		c.net.loss = 0.02
		c.net.mu.Unlock()
		time.Sleep(10 * time.Minute)
		for _, m := range all {
			for _, other := range all {
				if m.times(other.cfg.Name, Dead) > 0 {
					t.Errorf("%s was told that %s is dead", m.cfg.Name, other.cfg.Name)
				}
			}
		}
	})
}

// What was said last is what all know after a partition, even if the whole side
// where it was said was restarted and its numbers in memberlist began anew, so
// that there nobody knows of the higher ones.
func TestTheNewestFactsWinAfterAPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(20)
		for mtu := range 10 { // let host 3 have a high number
			facts := all[3].cfg.Facts
			facts.UnderlayMTU = 1500 + mtu
			if err := all[3].UpdateFacts(facts); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		c.net.part(apartAt(hostAddress(10)))
		for i := range 10 {
			all[i].Close()
			cfg := c.config(i)
			if i == 3 {
				cfg.Facts.UnderlayMTU = 9000
			}
			all[i] = c.join(hostAddress(i), cfg)
		}
		c.converge(10*time.Second, all[:10], 10)
		c.net.part(nil)
		c.forgetTold()
		c.converge(2*time.Minute, all, 20)
		for i, m := range all {
			seen := i < 10 // these know it already
			for _, change := range m.told {
				if change.After.Name == "host3" {
					if seen = seen || change.After.Facts.UnderlayMTU == 9000; seen && change.After.Facts.UnderlayMTU != 9000 {
						t.Fatalf("%s was told of older facts after newer ones: %v", m.cfg.Name, change)
					}
				}
			}
			if got, _ := m.View().Member("host3"); got.Facts.UnderlayMTU != 9000 {
				t.Errorf("%s knows %v", m.cfg.Name, got)
			}
		}
	})
}

// The controller's process is started anew with an empty memory and no seeds: the
// agents find it again.
func TestAControllerThatForgotIsFound(t *testing.T) {
	for _, away := range []time.Duration{0, time.Minute, 10 * time.Minute} {
		t.Run(away.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				all := c.grow(20)
				all[0].Close()
				time.Sleep(away)
				all[0] = c.join(hostAddress(0), c.config(0))
				t.Logf("found after %v", c.converge(2*time.Minute, all, 20))
			})
		})
	}
}

// apartOnly separates one host from all others.
func apartOnly(host netip.AddrPort) func(a, b netip.Addr) bool {
	return func(a, b netip.Addr) bool { return (a == host.Addr()) != (b == host.Addr()) }
}
