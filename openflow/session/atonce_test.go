package session

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// trial is a fragment of some flows and perhaps a group, of which one may be
// bad: refused when it is added to a bundle, or when that is committed.
func trial(r *rand.Rand, owner uint32) (fr *program.Fragment, bad bool) {
	fr = &program.Fragment{Key: program.Key{Kind: 7, Owner: owner}}
	metadata := 0x100 + uint64(owner)
	n := r.IntN(6)
	worst := r.IntN(2 * (n + 2)) // which one is bad, if there are so many
	for i := range n {
		does := actions{openflow.Load{Dst: openflow.Reg[0].All(), Value: uint64(r.IntN(3))}, openflow.ResubmitTo(uint8(i) + 1)}
		if i == worst {
			bad = true
			does = []actions{
				{openflow.SetField{FieldValue: openflow.TCPSrc.Uint(80)}}, // no TCP: refused when it is added
				{openflow.Group{ID: 4711}},                                // no such group: refused at the commit
			}[r.IntN(2)]
		}
		fr.Flows = append(fr.Flows, flowFor(uint8(i), metadata, does...))
	}
	if r.IntN(2) == 0 {
		does := openflow.Action(openflow.ResubmitTo(uint8(1 + r.IntN(3))))
		if n == worst {
			bad = true
			does = openflow.Output{Port: openflow.PortAny}
		}
		fr.Groups = append(fr.Groups, program.NewGroup(1000+owner, openflow.GroupTypeAll, openflow.NewBucket(does)))
		fr.Flows = append(fr.Flows, flowFor(99, metadata, openflow.Group{ID: 1000 + owner}))
	}
	return fr, bad
}

// TestWhateverIsRefusedTheRestIsThere changes a few fragments again and again.
// In the end the switch must have exactly those in which nothing is bad, and
// the others must be reported, wherever in a bundle the bad message was.
func TestWhateverIsRefusedTheRestIsThere(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true, GroupCheck: time.Hour})
	keep := broadcast(1) // which nobody touches
	r.waitInstalled(t, s.Wanted([]*program.Fragment{keep}))

	good, bad := map[program.Key]*program.Fragment{keep.Key: keep}, map[program.Key]bool{}
	refused, readBacks := 0, s.stats.ReadBacks.Load()
	for step := range 60 {
		var changes []program.Change
		for _, owner := range rnd.Perm(8)[:1+rnd.IntN(4)] {
			fr, isBad := trial(rnd, uint32(owner))
			delete(good, fr.Key)
			delete(bad, fr.Key)
			switch {
			case rnd.IntN(5) == 0:
				changes = append(changes, program.Change{Key: fr.Key})
				continue
			case isBad:
				bad[fr.Key] = true
				refused++
			default:
				good[fr.Key] = fr
			}
			changes = append(changes, program.Change{Key: fr.Key, Fragment: fr})
		}
		generation := s.Update(changes)
		r.waitInstalled(t, generation)
		s.mustHold(t, slices.Collect(maps.Values(good))...)
		r.see(func() bool {
			said := map[program.Key]bool{}
			for _, why := range r.refused {
				said[why.Key] = true
			}
			if r.installed != generation || !maps.Equal(said, bad) || len(r.tampered) > 0 {
				t.Fatalf("step %d: generation %d of %d, refused are %v, want %v, tampered %q", step, r.installed, generation, said, bad, r.tampered)
			}
			return true
		})()
	}
	again := s.stats.ReadBacks.Load() - readBacks - 60 // mustHold's own
	t.Logf("%d of %d bundles at once, %d refused fragments, %d times read back", s.stats.AtOnce.Load(), s.stats.Bundles.Load(), refused, again)
	if s.stats.AtOnce.Load() < 20 || again == 0 || refused < 10 {
		t.Error("too little of that was tried")
	}
}

func TestWhatIsSentAtOnceAndWhatIsNot(t *testing.T) {
	o := startOVS(t)
	for _, c := range []struct {
		name   string
		repair bool
		flows  int
		want   uint64
	}{
		{"as much as ovs-vswitchd reads at once", true, mostAtOnce, 1},
		{"one more", true, mostAtOnce + 1, 0},
		{"few, but nothing is to be repaired", false, 1, 0},
	} {
		s, r := o.connect(o.bridge(), Config{Repair: c.repair})
		r.waitInstalled(t, s.Wanted([]*program.Fragment{broadcast(1)}))
		fr := &program.Fragment{Key: program.Key{Kind: 7}}
		for i := range c.flows {
			fr.Flows = append(fr.Flows, flowFor(50, uint64(i), openflow.ResubmitTo(60)))
		}
		r.waitInstalled(t, s.Update([]program.Change{{Key: fr.Key, Fragment: fr}}))
		s.mustHold(t, fr, broadcast(1))
		if n := s.stats.AtOnce.Load(); n != c.want {
			t.Errorf("%s: %d bundles at once, want %d", c.name, n, c.want)
		}
	}
}

func TestARefusalUndoesNothingForeignUnlessThatIsWanted(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{GroupCheck: time.Hour})
	r.waitInstalled(t, s.Wanted([]*program.Fragment{broadcast(1)}))
	o.ofctl(br, "add-flow", "table=3,priority=7,actions=drop")
	r.waitInstalled(t, s.Update([]program.Change{{Key: unacceptable(1).Key, Fragment: unacceptable(1)}}))
	if d := s.differs(t, broadcast(1)); len(r.refused) != 1 || d.Len() != 1 || len(d.DelFlows) != 1 {
		t.Errorf("refused %v, the switch differs by\n%s", r.refused, strings.Join(d.Lines(openflow.Names{}), "\n"))
	}
}

// A bundle that cannot be opened, and one with an error for its own sake, are
// tried again in the careful way.
func TestABundleThatFailsAtOnceIsComparedAnew(t *testing.T) {
	for _, refusedStep := range []openflow.BundleStep{openflow.BundleOpen, openflow.BundleCommit} {
		t.Run(fmt.Sprint(refusedStep), func(t *testing.T) {
			begun, refused := make(chan struct{}), false
			f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
				b, ok := m.(*openflow.BundleControl)
				if !ok || b.Step != refusedStep || refused {
					return false
				}
				select {
				case <-begun:
				default:
					return false
				}
				refused = true
				f.send(&openflow.Error{ErrorCode: openflow.ErrorCode{Type: 17, Code: 2}}, xid)
				return true
			}}
			s, r := startFake(t, f, Config{Repair: true})
			r.waitInstalled(t, s.Wanted(many(20)))
			close(begun)
			readBacks := s.stats.ReadBacks.Load()
			extra := broadcast(1)
			r.waitInstalled(t, s.Update([]program.Change{{Key: extra.Key, Fragment: extra}}))
			if s.stats.ReadBacks.Load() != readBacks+1 || len(r.refused) != 0 {
				t.Errorf("read back %d times, refused %v", s.stats.ReadBacks.Load()-readBacks, r.refused)
			}
		})
	}
}

func TestACommitWithoutAnAnswerEndsTheSession(t *testing.T) {
	silent := make(chan struct{})
	f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		select {
		case <-silent:
		default:
			return false
		}
		switch m := m.(type) {
		case *openflow.BundleAdd:
			f.send(&openflow.Error{ErrorCode: openflow.ErrorCode{Type: 5, Code: 1}}, xid)
		case *openflow.BundleControl:
			return m.Step == openflow.BundleCommit
		}
		return false
	}}
	s, r := startFake(t, f, Config{Repair: true, CommitTimeout: 300 * time.Millisecond})
	r.waitInstalled(t, s.Wanted(many(20)))
	close(silent)
	s.Update([]program.Change{{Key: broadcast(1).Key, Fragment: broadcast(1)}})
	r.end(t, "within 300ms")
}
