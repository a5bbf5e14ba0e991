package session

import (
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow/program"
)

func TestForeignChangesAreRepaired(t *testing.T) {
	o := startOVS(t)
	p := append(many(200)[3:], broadcast(1), broadcast(2)) // no two flows of one identity
	for _, c := range []struct {
		name     string
		tamper   func(br string)
		within   time.Duration
		reported string
	}{
		{"a foreign flow", func(br string) { o.ofctl(br, "add-flow", "table=3,priority=7,ip,actions=NORMAL") }, 2 * time.Second,
			"- table=3, priority=7,ip actions=NORMAL"},
		{"a foreign flow with a timeout", func(br string) { o.ofctl(br, "add-flow", "table=3,idle_timeout=60,actions=drop") }, 2 * time.Second, "actions=drop"},
		{"all flows deleted", func(br string) { o.ofctl(br, "del-flows") }, 2 * time.Second, "+ cookie=0xc0de, table=60, priority=100,metadata=0x1 actions=group:101"},
		{"one flow deleted", func(br string) { o.ofctl(br, "del-flows", "table=60,metadata=1") }, 2 * time.Second, "+ cookie=0xc0de, table=60"},
		{"actions changed, cookie kept", func(br string) { o.ofctl(br, "mod-flows", "cookie=0xc0de/-1,actions=drop") }, 2 * time.Second, "- cookie=0xc0de, priority=100,metadata=0x1 actions=drop"},
		{"a wanted flow with a timeout", func(br string) {
			o.ofctl(br, "add-flow", "table=60,metadata=1,priority=100,cookie=0xc0de,hard_timeout=99,actions=group:101")
		}, 2 * time.Second, "hard_timeout"},
		{"all groups deleted", func(br string) { o.ofctl(br, "del-groups") }, 10 * time.Second, "+ group_id=101,type=all"},
		{"a group changed", func(br string) { o.ofctl(br, "mod-group", "group_id=201,type=all,bucket=actions=drop") }, 10 * time.Second, "- group_id=201,type=all,bucket=actions=drop"},
		{"a foreign group", func(br string) { o.ofctl(br, "add-group", "group_id=9,type=select,bucket=actions=drop") }, 10 * time.Second, "- group_id=9"},
		{"a foreign bundle", func(br string) {
			o.Run("", "ovs-ofctl", "-OOpenFlow14", "--bundle", "add-flow", "unix:"+o.Path(br+".mgmt"), "table=3,actions=drop")
		}, 2 * time.Second, "actions=drop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o.t = t
			br := o.bridge()
			s, r := o.connect(br, Config{Repair: true, GroupCheck: 500 * time.Millisecond})
			r.waitInstalled(t, s.Wanted(p))
			before := s.stats.Repairs.Load()
			c.tamper(br)
			waitFor(t, c.within, "the repair", func() bool { return s.stats.Repairs.Load() > before && s.differs(t, p...).Len() == 0 })
			r.see(func() bool {
				if !strings.Contains(strings.Join(r.tampered, "\n"), c.reported) {
					t.Errorf("%q is not reported, but\n%s", c.reported, strings.Join(r.tampered[:min(10, len(r.tampered))], "\n"))
				}
				return true
			})()
		})
	}
}

func TestWithoutRepairForeignChangesAreOnlyReported(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{GroupCheck: 50 * time.Millisecond})
	r.waitInstalled(t, s.Wanted([]*program.Fragment{broadcast(1)}))
	o.ofctl(br, "add-group", "group_id=9,type=all,bucket=actions=drop")
	waitFor(t, 5*time.Second, "the report", r.see(func() bool { return len(r.tampered) == 1 }))
	if d := s.differs(t, broadcast(1)); len(d.DelGroups) != 1 {
		t.Errorf("the foreign group is gone")
	}
}

func TestExceptedCookiesAreLeftAlone(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	o.ofctl(br, "add-flow", "table=4,cookie=0xee01,actions=drop")
	s, r := o.connect(br, Config{Repair: true, Except: []program.CookieRange{{Value: 0xee00, Mask: 0xff00}}})
	r.waitInstalled(t, s.Wanted([]*program.Fragment{broadcast(1)}))
	o.ofctl(br, "add-flow", "table=5,cookie=0xee02,actions=drop")
	o.ofctl(br, "add-flow", "table=6,cookie=0xef,actions=drop")
	waitFor(t, 5*time.Second, "the repair", func() bool { return s.stats.Repairs.Load() == 1 })
	if out := o.ofctl(br, "dump-flows", "cookie=0xee00/0xff00"); strings.Count(out, "actions=drop") != 2 {
		t.Errorf("excepted flows are gone:\n%s", out)
	}
}

func TestTwentyThousandFlows(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{Repair: true})
	p := many(20_000)
	started := time.Now()
	r.waitInstalled(t, s.Wanted(p))
	t.Logf("installed in %v", time.Since(started))
	s.mustHold(t, p...)
	started = time.Now()
	o.ofctl(br, "del-flows")
	waitFor(t, 20*time.Second, "the repair", func() bool { return s.stats.Repairs.Load() >= 20_000 && s.differs(t, p...).Len() == 0 })
	t.Logf("repaired %v after del-flows began", time.Since(started))
	if s.stats.Bundles.Load() > 20 {
		t.Errorf("%d bundles", s.stats.Bundles.Load())
	}
}
