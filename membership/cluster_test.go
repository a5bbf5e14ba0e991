package membership

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// cluster is members in virtual time on one network. It must be made in a bubble
// of testing/synctest.
type cluster struct {
	t       testing.TB
	net     *network
	key     Key
	members []*member
}

// member also remembers what it was told.
type member struct {
	*Membership
	node *node

	mu   sync.Mutex
	told []Change
}

func newCluster(t testing.TB) *cluster {
	c := &cluster{t: t, net: newNetwork(), key: Key{1}}
	t.Cleanup(func() {
		for _, m := range c.members {
			m.Close()
		}
		// Time stands still when the test's function has ended, and connections
		// end by their timeouts.
		time.Sleep(time.Minute)
	})
	return c
}

// host i is at 10.0.i/250.i%250+1.
func hostAddress(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i%250 + 1)}), DefaultPort)
}

func hostName(i int) string { return fmt.Sprintf("host%d", i) }

// config is that of host i: host 0 is the controller, at which all join.
func (c *cluster) config(i int) Config {
	cfg := Config{
		Cluster: "0123456789abcdef", Name: hostName(i), Role: Agent, Keys: []Key{c.key},
		Facts: Facts{VTEP: hostAddress(i).Addr(), Datapath: "netdev", UnderlayMTU: 1500, Version: "v0.5.0"},
		Seeds: []string{hostAddress(0).String()},
	}
	if i == 0 {
		at := hostAddress(0).Addr()
		cfg.Role, cfg.Seeds = Controller, nil
		cfg.Facts = Facts{OVSDB: netip.AddrPortFrom(at, 6640), OpenFlow: netip.AddrPortFrom(at, 6653), REST: netip.AddrPortFrom(at, 8181), Version: "v0.5.0"}
	}
	return cfg
}

// join starts a member at an address, as its configuration says.
func (c *cluster) join(at netip.AddrPort, cfg Config) *member {
	c.t.Helper()
	m := &member{node: c.net.listen(at)}
	cfg.Transport = m.node
	cfg.Changed = func(change Change) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told = append(m.told, change)
	}
	if os.Getenv("WEFT_GOSSIP_LOG") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", at, "name", cfg.Name)
	}
	var err error
	if m.Membership, err = Join(cfg); err != nil {
		c.t.Fatal(err)
	}
	c.members = append(c.members, m)
	return m
}

// start lets hosts 0 to n-1 join, all at once.
func (c *cluster) start(n int) []*member {
	c.t.Helper()
	var all []*member
	for i := range n {
		all = append(all, c.join(hostAddress(i), c.config(i)))
	}
	return all
}

// grow is start, and then waits until all see all and none is new any more.
func (c *cluster) grow(n int) []*member {
	c.t.Helper()
	all := c.start(n)
	c.converge(time.Minute, all, n)
	time.Sleep(2 * settled)
	return all
}

// converge waits until all these see n members alive, all in the same way, and
// nothing else, and says how long that took.
func (c *cluster) converge(patience time.Duration, members []*member, n int) time.Duration {
	c.t.Helper()
	start := time.Now()
	for {
		why := agreed(members, n)
		if why == "" {
			return time.Since(start)
		}
		if time.Since(start) > patience {
			c.t.Fatalf("no agreement after %v: %s", patience, why)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// agreed says why not all see the same n members alive.
func agreed(members []*member, n int) string {
	for _, m := range members {
		if got := m.table.count(Alive); got != n {
			return fmt.Sprintf("%s sees %d alive, not %d", m.cfg.Name, got, n)
		}
	}
	first := alive(members[0].View())
	for _, m := range members[1:] {
		if got := alive(m.View()); !slices.Equal(got, first) {
			return fmt.Sprintf("%s sees %v, and %s %v", m.cfg.Name, got, members[0].cfg.Name, first)
		}
	}
	return ""
}

// alive is who is alive, with all that each says.
func alive(v View) []string {
	var out []string
	for _, m := range v.Members {
		if m.State == Alive {
			out = append(out, fmt.Sprint(m.Name, m.Address, m.Role, m.Facts, m.Keys, m.Incarnation))
		}
	}
	return out
}

// wait polls, in virtual time.
func (c *cluster) wait(patience time.Duration, what string, ok func() bool) time.Duration {
	c.t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > patience {
			c.t.Fatalf("not after %v: %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(start)
}

// forgetTold forgets what all were told so far.
func (c *cluster) forgetTold() {
	for _, m := range c.members {
		m.mu.Lock()
		m.told = nil
		m.mu.Unlock()
	}
}

// times counts how often a member was told that another came into a state.
func (m *member) times(name string, to State) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, c := range m.told {
		if c.After.Name == name && c.After.State == to && c.Before.State != to {
			n++
		}
	}
	return n
}

// allKnow says whether all know the facts of one that is alive.
func allKnow(members []*member, name string, facts Facts) bool {
	for _, m := range members {
		if got, _ := m.table.known(name); got.State != Alive || got.Facts != facts {
			return false
		}
	}
	return true
}

// state is that of a member in the view of another, and empty if unknown.
func (m *member) state(name string) State {
	known, _ := m.table.known(name)
	return known.State
}

func (m *member) problem(kind Kind, who string) (Problem, bool) {
	for _, p := range m.View().Problems {
		if p.Kind == kind && strings.HasPrefix(p.Who, who) {
			return p, true
		}
	}
	return Problem{}, false
}
