package session

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// TestIncrementalUpdatesUnderTamperingEndWhereAFullProgramDoes changes fragments
// at random, faster than they go in, while somebody else changes the switch.
func TestIncrementalUpdatesUnderTamperingEndWhereAFullProgramDoes(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{Repair: true, GroupCheck: 50 * time.Millisecond})
	rnd := rand.New(rand.NewPCG(1, 2))
	wanted := make(map[program.Key]*program.Fragment)
	random := func(owner uint32) *program.Fragment {
		fr := broadcast(owner)
		fr.Flows = append(fr.Flows, flowFor(uint8(rnd.IntN(20)), uint64(owner), openflow.Load{Dst: openflow.Reg[2].All(), Value: rnd.Uint64N(3)}))
		fr.Flows[0] = flowFor(0, uint64(owner), openflow.Load{Dst: openflow.Reg[3].All(), Value: rnd.Uint64N(3)}, openflow.ResubmitTo(60))
		if last := fr.Flows[2]; last.Identity() == fr.Flows[0].Identity() {
			fr.Flows = fr.Flows[:2]
		}
		return fr
	}
	s.Wanted(nil)
	tampered := make(chan struct{})
	go func() {
		defer close(tampered)
		for range 6 {
			for _, c := range [][]string{
				{"del-flows", "table=60"},
				{"add-flow", "table=0,priority=100,metadata=3,actions=drop"},
				{"mod-flows", "metadata=5,actions=drop"},
				{"del-groups"},
				{"add-group", "group_id=999,type=all,bucket=actions=drop"},
				{"del-flows"},
			} {
				o.Command("ovs-ofctl", append([]string{"-OOpenFlow14", c[0], "unix:" + o.Path(br+".mgmt")}, c[1:]...)...).Run()
			}
		}
	}()
	for busy := true; busy; {
		select {
		case <-tampered:
			busy = false
		default:
		}
		var changes []program.Change
		for range 1 + rnd.IntN(5) {
			fr := random(rnd.Uint32N(30))
			c := program.Change{Key: fr.Key, Fragment: fr}
			wanted[fr.Key] = fr
			if rnd.IntN(4) == 0 {
				delete(wanted, fr.Key)
				c.Fragment = nil
			}
			changes = append(changes, c)
		}
		if g := s.Update(changes); g > 3 {
			r.waitInstalled(t, g-3) // up to three are under way
		}
	}
	var all []*program.Fragment
	for _, fr := range wanted {
		all = append(all, fr)
	}
	waitFor(t, 10*time.Second, "the wanted state", func() bool { return s.differs(t, all...).Len() == 0 })
	r.waitInstalled(t, s.Update(nil))
	if len(r.refused) > 0 {
		t.Errorf("refused: %v", r.refused)
	}
	t.Logf("%d bundles, %d repairs, %d transient refusals", s.stats.Bundles.Load(), s.stats.Repairs.Load(), s.stats.Refusals.Load())
}
