package membership

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Who does not belong to the cluster is nobody's member, and both sides say why.
func TestWhoIsNotLetIn(t *testing.T) {
	for _, test := range []struct {
		name    string
		cluster func(*Config) // changes what all members are
		other   func(*Config) // changes the one who comes
		kind    Kind
		inside  string // what the members say
		outside string // what he says
	}{
		{name: "another cluster", kind: OtherCluster,
			other:  func(c *Config) { c.Cluster = "fedcba9876543210" },
			inside: `10.0.0.200 is of cluster "fedcba9876543210", and this is "0123456789abcdef"`, outside: `not of cluster "fedcba9876543210"`},
		{name: "another key", kind: WrongKey,
			other:  func(c *Config) { c.Keys = []Key{{2}} },
			inside: "with a key that is unknown here", outside: "with a key that is unknown here"},
		{name: "no key", kind: WrongKey,
			other:  func(c *Config) { c.Keys, c.Insecure = nil, true },
			inside: "its gossip is not encrypted", outside: "this member has no key"},
		{name: "a key among those without", kind: WrongKey,
			cluster: func(c *Config) { c.Keys, c.Insecure = nil, true },
			inside:  "this member has no key", outside: "its gossip is not encrypted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				var all []*member
				for i := range 5 {
					cfg := c.config(i)
					if test.cluster != nil {
						test.cluster(&cfg)
					}
					all = append(all, c.join(hostAddress(i), cfg))
				}
				c.converge(time.Minute, all, 5)
				c.forgetTold()
				cfg := c.config(199)
				if test.other != nil {
					test.other(&cfg)
				}
				other := c.join(hostAddress(199), cfg)
				time.Sleep(5 * time.Minute)

				for _, m := range all {
					if len(m.told) > 0 || m.state(other.cfg.Name) != "" {
						t.Errorf("%s was told %v", m.cfg.Name, m.told)
					}
				}
				if seen := other.View().Members; len(seen) != 1 {
					t.Errorf("he sees %v", seen)
				}
				p, ok := all[0].problem(test.kind, "10.0.0.200")
				if !ok || !strings.Contains(p.Detail, test.inside) {
					t.Errorf("the controller says %v", all[0].View().Problems)
				}
				p, ok = other.problem(test.kind, hostAddress(0).String())
				if !ok || !strings.Contains(p.Detail, test.outside) {
					t.Errorf("he says %v", other.View().Problems)
				}
				if err := other.Contact(); err == nil || !strings.Contains(err.Error(), test.outside) {
					t.Errorf("Contact: %v", err)
				}
				// The problem ends when he does.
				other.Close()
				time.Sleep(2 * problemEnds)
				if got := all[0].View().Problems; len(got) > 0 {
					t.Errorf("he is gone, and still %v", got)
				}
			})
		})
	}
}

func TestASeedThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		m := c.join(hostAddress(1), c.config(1))
		time.Sleep(time.Minute)
		p, ok := m.problem(Unreachable, hostAddress(0).String())
		if !ok || !strings.Contains(p.Detail, "10.0.0.1:7948 does not answer (dial tcp: i/o timeout): does") || !strings.Contains(p.Detail, "port 7948") {
			t.Errorf("%v", m.View().Problems)
		}
		// When it is there, all is well by itself.
		zero := c.join(hostAddress(0), c.config(0))
		c.converge(20*time.Second, []*member{zero, m}, 2)
		time.Sleep(time.Second)
		if got := m.View().Problems; len(got) > 0 {
			t.Errorf("%v", got)
		}
	})
}

// What a member says of itself is from outside, too.
func TestAMemberThatCannotBeUnderstoodIsNotLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(3)
		strange := c.join(hostAddress(3), c.config(3))
		strange.say(func(s *self) bool { s.role = 77; return true })
		all[0].Close() // and let nobody remember what it said before
		time.Sleep(time.Second)
		other := c.join(hostAddress(9), func() Config { cfg := c.config(9); cfg.Seeds = []string{hostAddress(3).String()}; return cfg }())
		time.Sleep(20 * time.Second)
		if got := other.state("host3"); got != "" {
			t.Errorf("it is %s", got)
		}
		if p, ok := other.problem(Unreadable, hostAddress(3).String()); !ok || !strings.Contains(p.Detail, "role 77 is neither") {
			t.Errorf("%v", other.View().Problems)
		}
	})
}

// However many are refused, there is a limit to what is kept of them.
func TestProblemsAreFew(t *testing.T) {
	var p problems
	for i := range 1000 {
		p.note(WrongKey, hostAddress(i).String(), "")
	}
	if got := len(p.list()); got != maxProblems {
		t.Errorf("%d", got)
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		for want, change := range map[string]func(*Config){
			"ask for --insecure":           func(c *Config) { c.Keys = nil },
			"cluster id is empty":          func(c *Config) { c.Cluster = "" },
			"name is empty":                func(c *Config) { c.Name = "" },
			"name \"a b\" has":             func(c *Config) { c.Name = "a b" },
			"role 0":                       func(c *Config) { c.Role = 0 },
			"key 1 of 1 is all zero":       func(c *Config) { c.Keys = []Key{{}} },
			"is given twice":               func(c *Config) { c.Keys = []Key{{1}, {1}} },
			"4 gossip keys are too many":   func(c *Config) { c.Keys = []Key{{1}, {2}, {3}, {4}} },
			"underlay MTU 70000":           func(c *Config) { c.Facts.UnderlayMTU = 70000 },
			"version has 65 characters":    func(c *Config) { c.Facts.Version = strings.Repeat("v", 65) },
			"VTEP 0.0.0.0 is no address":   func(c *Config) { c.Facts.VTEP = netip.IPv4Unspecified() },
			"none that a host can connect": func(c *Config) { c.Facts.REST = netip.AddrPortFrom(hostAddress(1).Addr(), 0) },
		} {
			cfg := c.config(1)
			change(&cfg)
			cfg.Transport = c.net.listen(hostAddress(1))
			if m, err := Join(cfg); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
				if m != nil {
					m.Close()
				}
			}
		}
	})
}
