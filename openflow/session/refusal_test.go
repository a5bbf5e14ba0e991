package session

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// unacceptable decodes TCP ports where there is no TCP: OFPBAC_MATCH_INCONSISTENT
// or OFPBMC_BAD_PREREQ, when it is added to a bundle.
func unacceptable(owner uint32) *program.Fragment {
	return &program.Fragment{
		Key: program.Key{Kind: 3, Owner: owner},
		Flows: []program.Flow{
			flowFor(0, 0xbad0+uint64(owner), openflow.ResubmitTo(1)),
			flowFor(1, 0xbad0+uint64(owner), openflow.SetField{FieldValue: openflow.TCPSrc.Uint(80)}),
		},
	}
}

func TestARefusedFlowIsReportedAndBlocksNothingElse(t *testing.T) {
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true})
	good := []*program.Fragment{broadcast(1), broadcast(2)}
	bad := unacceptable(1)
	r.waitInstalled(t, s.Wanted(append(slices.Clone(good), bad)))
	s.mustHold(t, good...)
	if len(r.refused) != 1 || r.refused[0].Key != bad.Key || !strings.Contains(r.refused[0].Subject, "table=1, priority=100,metadata=0xbad1 actions=set_field") {
		t.Fatalf("refused: %v", r.refused)
	}
	t.Log(r.refused[0])

	// In an update together with others, two at once, and one of a missing group.
	orphan := &program.Fragment{Key: program.Key{Kind: 4}, Flows: []program.Flow{flowFor(9, 9, openflow.Group{ID: 4711})}}
	also := broadcast(3)
	r.waitInstalled(t, s.Update([]program.Change{
		{Key: also.Key, Fragment: also},
		{Key: orphan.Key, Fragment: orphan},
		{Key: unacceptable(2).Key, Fragment: unacceptable(2)},
	}))
	s.mustHold(t, append(good, also)...)
	if len(r.refused) != 3 {
		t.Errorf("refused: %v", r.refused)
	}

	// What is acceptable now goes in.
	mended := &program.Fragment{Key: bad.Key, Flows: bad.Flows[:1]}
	r.waitInstalled(t, s.Update([]program.Change{{Key: bad.Key, Fragment: mended}, {Key: orphan.Key}, {Key: unacceptable(2).Key}}))
	s.mustHold(t, append(good, also, mended)...)
	if len(r.refused) != 0 {
		t.Errorf("still refused: %v", r.refused)
	}
}

func TestAFlowRefusedOnlyForADeletedGroupGoesInAfterTheRepair(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{Repair: true, GroupCheck: time.Hour})
	r.waitInstalled(t, s.Wanted([]*program.Fragment{broadcast(1)}))
	o.ofctl(br, "del-groups", "group_id=201") // no flow refers to it: no monitor tells
	extra := &program.Fragment{Key: program.Key{Kind: 5}, Flows: []program.Flow{flowFor(7, 7, openflow.Group{ID: 201})}}
	s.Update([]program.Change{{Key: extra.Key, Fragment: extra}})
	waitFor(t, 5*time.Second, "the flow", r.see(func() bool { return r.installed >= 2 && len(r.refused) == 0 }))
	s.mustHold(t, broadcast(1), extra)
}
