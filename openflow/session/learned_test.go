package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

const learned = 0x4c

// learning is a fragment by whose flow the switch learns, for each sender, one
// flow in table 61 that lives for so many seconds.
func learning(seconds uint16) *program.Fragment {
	return &program.Fragment{Key: program.Key{Kind: 6}, Flows: []program.Flow{
		program.NewFlow(0, 1, 0xc0de, nil, openflow.ApplyActions{Actions: actions{openflow.Learn{
			HardTimeout: seconds, Priority: 100, Cookie: learned<<56 | 7<<8, Table: 61,
			Specs: []openflow.LearnSpec{{Kind: openflow.LearnMatch, Bits: 48, Src: openflow.EthSrc.All(), Dst: openflow.EthDst.All()}},
		}}}),
	}}
}

func (o *ovs) send(bridge string, sender int) {
	o.t.Helper()
	if _, err := o.Control("netdev-dummy/receive", bridge+"-a", fmt.Sprintf("in_port(1),eth(src=02:00:00:00:00:%02x,dst=02:00:00:00:01:00),eth_type(0x1234)", sender)); err != nil {
		o.t.Fatal(err)
	}
}

func (o *ovs) learned(bridge string, cookies string) int {
	o.t.Helper()
	return strings.Count(o.ofctl(bridge, "dump-flows", "table=61,cookie="+cookies), "priority=100")
}

func TestWhatASwitchLearnsIsItsOwn(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	cfg := Config{Repair: true, GroupCheck: time.Hour, Except: program.CookieRanges{{Value: learned << 56, Mask: 0xff << 56}}}
	s, r := o.connect(br, cfg)
	p := []*program.Fragment{broadcast(1), learning(60)}
	r.waitInstalled(t, s.Wanted(p))
	const senders = 20
	for i := range senders {
		o.send(br, i)
	}
	waitFor(t, 5*time.Second, "what is learned", func() bool { return o.learned(br, "0/0") == senders })

	// What comes after it is looked at, so the learned ones were seen before.
	stranger := func() {
		before := s.stats.Repairs.Load()
		o.ofctl(br, "add-flow", "table=61,priority=7,actions=drop")
		waitFor(t, 5*time.Second, "the repair", func() bool { return s.stats.Repairs.Load() > before })
	}
	onlyStrangers := func(n int) {
		t.Helper()
		r.see(func() bool {
			if got := strings.Join(r.tampered, "\n"); strings.Contains(got, "dl_dst") || len(r.tampered) != n || s.stats.Repairs.Load() != uint64(n) {
				t.Errorf("reported and repaired is\n%s", got)
			}
			return true
		})()
	}
	stranger()
	onlyStrangers(1)
	o.ofctl(br, "del-flows", "table=61,dl_dst=02:00:00:00:00:03")
	stranger()
	onlyStrangers(2)

	// Neither a start nor a bundle takes them away.
	s.Close()
	<-r.ended
	s, r = o.connect(br, cfg)
	r.waitInstalled(t, s.Wanted(p))
	r.waitInstalled(t, s.Update([]program.Change{{Key: broadcast(2).Key, Fragment: broadcast(2)}}))
	if n := o.learned(br, "0/0"); n != senders-1 || s.stats.FlowMods.Load() != 2 {
		t.Errorf("%d flows are left, %d were sent", n, s.stats.FlowMods.Load())
	}
	onlyStrangers(0)

	// Their end is no loss.
	o.ofctl(br, "del-flows", fmt.Sprintf("cookie=%#x/%#x", uint64(learned)<<56, uint64(0xff)<<56))
	if n := o.learned(br, "0/0"); n != 0 {
		t.Errorf("%d are left", n)
	}
	onlyStrangers(0)
	changed := learning(1)
	r.waitInstalled(t, s.Update([]program.Change{{Key: changed.Key, Fragment: changed}}))
	o.send(br, 1)
	waitFor(t, 5*time.Second, "a flow that is learned", func() bool { return o.learned(br, "0/0") == 1 })
	waitFor(t, 5*time.Second, "its end", func() bool { return o.learned(br, "0/0") == 0 })
	stranger()
	onlyStrangers(1)
}
