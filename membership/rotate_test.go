package membership

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Keys are replaced in three steps, each member at its own time, and meanwhile
// nobody is missed by anybody.
func TestKeysAreRotatedAndNobodyIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		all := c.grow(30)
		c.forgetTold()
		before, after := c.key, Key{2}
		if got := all[0].View().Lacking(after.ID()); len(got) != 30 {
			t.Errorf("%d lack the new key before it is there", len(got))
		}
		step := func(keys ...Key) {
			for _, m := range all {
				if err := m.Rotate(keys); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Second) // others write with the other key meanwhile
			}
			c.converge(10*time.Second, all, 30)
		}
		step(before, after)
		if got := all[0].View().Lacking(after.ID()); len(got) != 0 {
			t.Errorf("%v lack the new key", got)
		}
		step(after, before)
		for _, m := range all[0].View().Members {
			if m.Keys[0] != after.ID() {
				t.Errorf("%s does not write with the new key: %v", m.Name, m.Keys)
			}
		}
		// Who joins in the middle has either.
		cfg := c.config(30)
		cfg.Keys = []Key{after, before}
		all = append(all, c.join(hostAddress(30), cfg))
		c.converge(time.Minute, all, 31)
		for _, m := range all {
			if err := m.Rotate([]Key{after}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		c.converge(10*time.Second, all, 31)
		time.Sleep(2 * time.Minute)
		for _, m := range all {
			for _, change := range m.told {
				if change.After.State != Alive {
					t.Fatalf("%s was told of %v", m.cfg.Name, change)
				}
			}
			if p := m.View().Problems; len(p) > 0 {
				t.Fatalf("%s has the problems %v", m.cfg.Name, p)
			}
		}
		// The old key opens nothing any more.
		old := c.join(hostAddress(99), c.config(99))
		time.Sleep(10 * time.Second)
		if _, ok := all[0].problem(WrongKey, hostAddress(99).Addr().String()); !ok || len(old.View().Members) != 1 {
			t.Errorf("who has the old key sees %d members; the controller says %v", len(old.View().Members), all[0].View().Problems)
		}
	})
}

func TestRotationsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		m := c.join(hostAddress(1), c.config(1))
		for want, keys := range map[string][]Key{
			"one key at least":      nil,
			"not among the new":     {{2}},
			"is given twice":        {{1}, {1}},
			"are too many":          {{1}, {2}, {3}, {4}},
			"gossip key 2 of 2 is ": {{1}, {}},
		} {
			if err := m.Rotate(keys); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
		}
		cfg := c.config(2)
		cfg.Keys, cfg.Insecure = nil, true
		if err := c.join(hostAddress(2), cfg).Rotate([]Key{{2}}); err == nil || !strings.Contains(err.Error(), "restart it with a token") {
			t.Error(err)
		}
	})
}

func TestNothingShowsAKey(t *testing.T) {
	key := Key{0xab, 0xcd, 0xef}
	token := Token{Cluster: "c", Keys: []Key{key}, API: "secret"}
	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "key", key, "token", token)
	for _, shown := range []string{logged.String(), fmt.Sprint(key), fmt.Sprintf("%v %+v %#v %s", token, token, token, key)} {
		if strings.Contains(shown, "abcd") || strings.Contains(shown, "171") || strings.Contains(shown, "secret") {
			t.Error(shown)
		}
	}
}
