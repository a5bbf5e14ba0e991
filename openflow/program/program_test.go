package program

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/openflow"
)

// flow is a flow in table t that matches metadata m and loads r into reg0.
func flow(t uint8, m, r uint64) Flow {
	return NewFlow(t, 100, 0xc0de, openflow.NewMatch(openflow.Metadata.Uint(m)),
		openflow.ApplyActions{Actions: []openflow.Action{openflow.Load{Dst: openflow.Reg[0].All(), Value: r}}},
		openflow.GotoTable{Table: t + 1})
}

func group(id uint32, actions ...openflow.Action) Group {
	return NewGroup(id, openflow.GroupTypeAll, openflow.NewBucket(actions...))
}

func TestAFlowGivesBackWhatItWasMadeOf(t *testing.T) {
	f := flow(3, 7, 9)
	const want = "cookie=0xc0de, table=3, priority=100,metadata=0x7 actions=load:0x9->NXM_NX_REG0[],goto_table:4"
	if got := f.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	m, xid, err := openflow.Parse(f.AppendAdd(nil, 42))
	if err != nil {
		t.Fatal(err)
	}
	fm, ok := m.(*openflow.FlowMod)
	if !ok || xid != 42 || fm.Command != openflow.FlowAdd || fm.Cookie != 0xc0de || fm.Table != 3 || fm.Priority != 100 || fm.Flags != 0 {
		t.Errorf("add is %#v, xid %d", m, xid)
	}
	m, _, err = openflow.Parse(f.AppendDeleteStrict(nil, 1))
	if err != nil {
		t.Fatal(err)
	}
	fm = m.(*openflow.FlowMod)
	if fm.Command != openflow.FlowDeleteStrict || fm.CookieMask != 0 || len(fm.Instructions) != 0 || fm.Match.String() != "metadata=0x7" {
		t.Errorf("delete is %#v", fm)
	}
}

func TestTheOrderInWhichAMatchIsWrittenDoesNotMatter(t *testing.T) {
	type m = openflow.Match
	a := NewFlow(0, 1, 0, m{openflow.Metadata.Uint(1), openflow.InPort.Uint(2)})
	b := NewFlow(0, 1, 0, m{openflow.InPort.Uint(2), openflow.Metadata.Uint(1)})
	if a != b {
		t.Errorf("%v is not %v", a, b)
	}
}

func TestEqualityOfFlows(t *testing.T) {
	f := flow(1, 2, 3)
	for _, c := range []struct {
		name              string
		g                 Flow
		identity, content bool
	}{
		{"itself", flow(1, 2, 3), true, true},
		{"other actions", flow(1, 2, 4), true, false},
		{"other cookie", NewFlow(1, 100, 1, f.Match(), f.Instructions()...), true, false},
		{"other match", flow(1, 3, 3), false, true},
		{"other priority", NewFlow(1, 99, 0xc0de, f.Match(), f.Instructions()...), false, true},
		{"other table", NewFlow(2, 100, 0xc0de, f.Match(), f.Instructions()...), false, true},
	} {
		if f.Identity() == c.g.Identity() != c.identity || f.ContentEqual(c.g) != c.content || (f == c.g) != (c.identity && c.content) {
			t.Errorf("%s: identity %v, content %v", c.name, f.Identity() == c.g.Identity(), f.ContentEqual(c.g))
		}
	}
}

func TestAddingAFlowToABundleDoesNotAllocate(t *testing.T) {
	d := Difference{AddFlows: []KeyedFlow{{Flow: flow(1, 2, 3)}}}
	b := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() {
		var err error
		if b, err = d.Step(0).AppendToBundle(b[:0], 1, 2); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestCheckNamesBothOwners(t *testing.T) {
	a := &Fragment{Key: Key{1, 5000, 7}, Flows: []Flow{flow(1, 2, 3)}, Groups: []Group{group(9)}}
	b := &Fragment{Key: Key{2, 5000, 8}, Flows: []Flow{flow(1, 2, 4)}, Groups: []Group{group(9)}}
	if err := Check(a); err != nil {
		t.Errorf("one fragment: %v", err)
	}
	err := Check(a, b)
	if err == nil {
		t.Fatal("two flows of one identity pass")
	}
	for _, want := range []string{"fragments 1/5000/7 and 2/5000/8", "table=1", "group 9"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

func TestCheckRefusesWhatDoesNotFitIntoAMessage(t *testing.T) {
	buckets := make([]openflow.Bucket, 3000)
	for i := range buckets {
		buckets[i] = openflow.NewBucket(openflow.Output{Port: uint32(i + 1)})
	}
	fr := &Fragment{Groups: []Group{NewGroup(1, openflow.GroupTypeAll, buckets...)}}
	if err := Check(fr); err == nil || !strings.Contains(err.Error(), "group 1") {
		t.Errorf("a group of 3000 buckets: %v", err)
	}
	d := Between(nil, []*Fragment{fr})
	if b, err := d.Step(0).AppendToBundle(nil, 1, 1); err == nil || len(b) != 0 {
		t.Errorf("a message of %d bytes is written, error %v", len(b), err)
	}
}

func TestCompare(t *testing.T) {
	same, changed, missing, extra := flow(1, 1, 1), flow(1, 2, 2), flow(1, 3, 3), flow(1, 4, 4)
	excepted := NewFlow(1, 5, 0xee00000000000001, nil)
	timed := flow(1, 5, 5)
	wanted := []*Fragment{
		{Key: Key{Kind: 1}, Flows: []Flow{same, changed, timed}, Groups: []Group{group(1), group(2, openflow.PopVLAN{})}},
		{Key: Key{Kind: 2}, Flows: []Flow{missing}, Groups: []Group{group(3)}},
	}
	was := flow(1, 2, 99)
	d := Compare(wanted,
		[]Installed{{Flow: same}, {Flow: was}, {Flow: extra}, {Flow: excepted}, {Flow: timed, IdleTimeout: 60}},
		[]Group{group(1), group(2), group(4)},
		CookieRange{0xee << 56, 0xff << 56})
	const prefix = "cookie=0xc0de, table=1, priority=100,"
	want := []string{
		"- group_id=2,type=all,bucket=actions=drop",
		"+ group_id=2,type=all,bucket=actions=pop_vlan",
		"+ group_id=3,type=all,bucket=actions=drop",
		"- " + prefix + "metadata=0x4 actions=load:0x4->NXM_NX_REG0[],goto_table:2",
		"- " + prefix + "metadata=0x2 actions=load:0x63->NXM_NX_REG0[],goto_table:2",
		"+ " + prefix + "metadata=0x2 actions=load:0x2->NXM_NX_REG0[],goto_table:2",
		"+ " + prefix + "metadata=0x3 actions=load:0x3->NXM_NX_REG0[],goto_table:2",
		"- cookie=0xc0de, table=1, idle_timeout=60, priority=100,metadata=0x5 actions=load:0x5->NXM_NX_REG0[],goto_table:2",
		"+ " + prefix + "metadata=0x5 actions=load:0x5->NXM_NX_REG0[],goto_table:2",
		"- group_id=4,type=all,bucket=actions=drop",
	}
	if got := d.Lines(openflow.Names{}); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if k := d.AddFlows[len(d.AddFlows)-1].Key; k.Kind == 0 {
		t.Errorf("an added flow has no key")
	}
}

func TestGroupsComeBeforeWhatRefersToThemAndGoAfter(t *testing.T) {
	fr := &Fragment{Flows: []Flow{flow(1, 2, 3)}, Groups: []Group{group(1)}}
	old := &Fragment{Flows: []Flow{flow(1, 9, 9)}, Groups: []Group{group(7)}}
	d := Between([]*Fragment{old}, []*Fragment{fr})
	var got []string
	for i := range d.Len() {
		s := d.Step(i)
		what := "+ "
		if s.IsDelete() {
			what = "- "
		}
		if s.IsGroup() {
			what += "group"
		} else {
			what += "flow"
		}
		got = append(got, what)
	}
	if want := []string{"+ group", "- flow", "+ flow", "- group"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// fakeSwitch is flows and groups to which differences are applied.
type fakeSwitch struct {
	flows  map[Identity]Flow
	groups map[uint32]Group
}

func (s *fakeSwitch) apply(d Difference) {
	for i := range d.Len() {
		switch st := d.Step(i); {
		case st.isGroup && st.isDelete:
			delete(s.groups, st.group.id)
		case st.isGroup:
			s.groups[st.group.id] = st.group
		case st.isDelete:
			delete(s.flows, st.flow.Identity())
		default:
			s.flows[st.flow.Identity()] = st.flow
		}
	}
}

func (s *fakeSwitch) compare(wanted []*Fragment) Difference {
	c := NewComparison(wanted)
	for _, f := range s.flows {
		c.Flow(Installed{Flow: f})
	}
	for _, g := range s.groups {
		c.Group(g)
	}
	return c.Difference()
}

// randomProgram has every identity at most once, in a fragment that depends
// on the seed, so that flows move between fragments.
func randomProgram(r *rand.Rand) []*Fragment {
	frags := make([]*Fragment, 8)
	for i := range frags {
		frags[i] = &Fragment{Key: Key{Kind: uint8(i)}}
	}
	for m := range uint64(30) {
		if fr := frags[r.IntN(len(frags))]; r.IntN(3) > 0 {
			fr.Flows = append(fr.Flows, flow(uint8(m%4), m, r.Uint64N(2)))
		}
	}
	for id := range uint32(6) {
		if fr := frags[r.IntN(len(frags))]; r.IntN(3) > 0 {
			fr.Groups = append(fr.Groups, group(id, openflow.Load{Dst: openflow.Reg[1].All(), Value: r.Uint64N(2)}))
		}
	}
	return frags
}

func TestIncrementalDifferencesEndWhereAFullOneDoes(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := &fakeSwitch{map[Identity]Flow{}, map[uint32]Group{}}
		before := randomProgram(r)
		s.apply(Between(nil, before))
		for range 5 {
			after := randomProgram(r)
			s.apply(Between(before, after))
			if d := s.compare(after); !d.Empty() {
				t.Fatalf("seed %d: still different:\n%s", seed, strings.Join(d.Lines(openflow.Names{}), "\n"))
			}
			before = after
		}
	}
}

func TestUnchangedFragmentsCostNothing(t *testing.T) {
	p := randomProgram(rand.New(rand.NewPCG(1, 1)))
	if d := Between(p, p); !d.Empty() {
		t.Errorf("%d changes from a program to itself", d.Len())
	}
	again := randomProgram(rand.New(rand.NewPCG(1, 1))) // equal content, other pointers
	if d := Between(p, again); !d.Empty() {
		t.Errorf("%d changes to an equal program", d.Len())
	}
}

func TestSeenFlowsAreComparedAlone(t *testing.T) {
	fr := &Fragment{Key: Key{Kind: 1}, Flows: []Flow{flow(1, 1, 1), flow(1, 2, 2), flow(1, 3, 3)}}
	stranger := Installed{Flow: flow(9, 9, 9)}
	d := CompareSeen([]*Fragment{fr}, map[Identity]*Installed{
		fr.Flows[0].Identity():   nil,                 // gone
		fr.Flows[1].Identity():   {Flow: fr.Flows[1]}, // put back
		stranger.Identity():      &stranger,
		flow(8, 8, 8).Identity(): nil, // came and went
	})
	if len(d.AddFlows) != 1 || d.AddFlows[0].Flow != fr.Flows[0] || len(d.DelFlows) != 1 || d.DelFlows[0].Flow != stranger.Flow {
		t.Errorf("difference\n%s", strings.Join(d.Lines(openflow.Names{}), "\n"))
	}
}

func BenchmarkAppendToBundle(b *testing.B) {
	d := Difference{AddFlows: []KeyedFlow{{Flow: flow(1, 2, 3)}}}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = d.Step(0).AppendToBundle(buf[:0], 1, 2)
	}
}

func BenchmarkCompare20000(b *testing.B) {
	fr := &Fragment{}
	var installed []Installed
	for i := range uint64(20000) {
		f := flow(uint8(i%8), i, i)
		fr.Flows = append(fr.Flows, f)
		installed = append(installed, Installed{Flow: f})
	}
	b.ReportAllocs()
	for b.Loop() {
		if d := Compare([]*Fragment{fr}, installed, nil); !d.Empty() {
			b.Fatal("different")
		}
	}
}
