package membership

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// What gossip costs and how soon it sees a death, at three sizes. The limits
// leave room for chance; what is measured is logged (go test -v), and
// docs/decisions/gossip-facts.md says it.
func TestWhatItCosts(t *testing.T) {
	for _, size := range []struct {
		members   int
		bandwidth int // bytes a second that a member sends
		detected  time.Duration
	}{
		{10, 2000, 20 * time.Second},
		{50, 3000, 25 * time.Second},
		{200, 5000, 35 * time.Second},
	} {
		t.Run(fmt.Sprintf("%d members", size.members), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				all := c.grow(size.members)

				const quiet = 4 * time.Minute // two exchanges of everything, even of 200
				before := c.net.traffic()
				time.Sleep(quiet)
				bytes, packets, streams := c.net.traffic().since(before).per(size.members, quiet)
				t.Logf("nothing happens: each sends %.0f bytes, %.1f packets and %.3f streams a second", bytes, packets, streams)
				if bytes > float64(size.bandwidth) {
					t.Errorf("that is more than %d bytes a second", size.bandwidth)
				}

				facts := all[1].cfg.Facts
				facts.UnderlayMTU = 9000
				if err := all[1].UpdateFacts(facts); err != nil {
					t.Fatal(err)
				}
				t.Logf("new facts of one: all know them after %v", c.wait(time.Minute, "all know the new facts", func() bool { return allKnow(all, "host1", facts) }))

				var controller, everybody []time.Duration
				for range 5 {
					last := all[len(all)-1]
					all = all[:len(all)-1]
					last.Close()
					died := time.Now()
					c.wait(2*size.detected, "the controller knows", func() bool { return all[0].state(last.cfg.Name) == Dead })
					controller = append(controller, time.Since(died))
					c.wait(2*size.detected, "all know", func() bool {
						for _, m := range all {
							if m.state(last.cfg.Name) != Dead {
								return false
							}
						}
						return true
					})
					everybody = append(everybody, time.Since(died))
				}
				t.Logf("a member dies: the controller knows after %v, all after %v", inOrder(controller), inOrder(everybody))
				if worst := slices.Max(controller); worst > size.detected {
					t.Errorf("%v is more than %v", worst, size.detected)
				}
			})
		})
	}
}

func inOrder(times []time.Duration) []time.Duration {
	slices.Sort(times)
	for i := range times {
		times[i] = times[i].Round(100 * time.Millisecond)
	}
	return times
}

// traffic is what all nodes sent.
type traffic struct{ bytes, packets, streams int }

func (n *network) traffic() traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	var sum traffic
	for _, h := range n.nodes {
		sum.bytes += h.sent
		sum.packets += h.sentPackets
		sum.streams += h.sentStreams
	}
	return sum
}

func (t traffic) since(before traffic) traffic {
	return traffic{t.bytes - before.bytes, t.packets - before.packets, t.streams - before.streams}
}

// per is for each member and second.
func (t traffic) per(members int, over time.Duration) (bytes, packets, streams float64) {
	n := float64(members) * over.Seconds()
	return float64(t.bytes) / n, float64(t.packets) / n, float64(t.streams) / n
}
