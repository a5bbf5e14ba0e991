package session

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

type actions = []openflow.Action

// flowFor matches metadata m and does actions.
func flowFor(table uint8, m uint64, as ...openflow.Action) program.Flow {
	return program.NewFlow(table, 100, 0xc0de, openflow.NewMatch(openflow.Metadata.Uint(m)), openflow.ApplyActions{Actions: as})
}

// broadcast is a fragment like those of the pipeline: a group that chains to
// another, and flows that use it.
func broadcast(owner uint32) *program.Fragment {
	m := uint64(owner)
	return &program.Fragment{
		Key: program.Key{Kind: 1, VNI: 5000, Owner: owner},
		Flows: []program.Flow{
			flowFor(0, m, openflow.Load{Dst: openflow.Reg[0].All(), Value: 7}, openflow.ResubmitTo(60)),
			flowFor(60, m, openflow.Group{ID: 100 + owner}),
		},
		Groups: []program.Group{
			program.NewGroup(100+owner, openflow.GroupTypeAll,
				openflow.NewBucket(openflow.Load{Dst: openflow.Reg[1].All(), Value: 1}, openflow.ResubmitTo(80)),
				openflow.NewBucket(openflow.Group{ID: 200 + owner})),
			program.NewGroup(200+owner, openflow.GroupTypeAll,
				openflow.NewBucket(openflow.SetField{FieldValue: openflow.TunID.Uint(5000)}, openflow.ResubmitTo(80))),
		},
	}
}

// many returns fragments of ten flows each.
func many(flows int) []*program.Fragment {
	var frs []*program.Fragment
	for owner := range uint32(flows / 10) {
		fr := &program.Fragment{Key: program.Key{Kind: 2, VNI: 1, Owner: owner}}
		for i := range uint64(10) {
			fr.Flows = append(fr.Flows, flowFor(uint8(i), uint64(owner), openflow.Load{Dst: openflow.Reg[0].All(), Value: uint64(owner)}, openflow.ResubmitTo(uint8(i)+1)))
		}
		frs = append(frs, fr)
	}
	return frs
}

// mustHold fails the test unless the switch holds exactly these fragments, by
// a dump of its own.
func (s *Session) mustHold(t testing.TB, frs ...*program.Fragment) {
	t.Helper()
	if d := s.differs(t, frs...); !d.Empty() {
		t.Fatalf("the switch differs:\n%s", strings.Join(d.Lines(openflow.Names{}), "\n"))
	}
}

func (s *Session) differs(t testing.TB, frs ...*program.Fragment) program.Difference {
	t.Helper()
	c := program.NewComparison(frs)
	if err := s.ReadBack(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c.Difference()
}

func TestAProgramGoesInAsOneBundleAndComesBackByteForByte(t *testing.T) {
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true})
	p := []*program.Fragment{broadcast(1), broadcast(2)}
	r.waitInstalled(t, s.Wanted(p))
	s.mustHold(t, p...)
	if b, f, g := s.stats.Bundles.Load(), s.stats.FlowMods.Load(), s.stats.GroupMods.Load(); b != 1 || f != 4 || g != 4 {
		t.Errorf("%d bundles with %d flow-mods and %d group-mods", b, f, g)
	}
	if len(r.tampered) > 0 {
		t.Errorf("our own changes look like tampering: %q", r.tampered)
	}
}

// gallery is every flow and group that was recorded: all actions and fields
// that we use, and many more.
func gallery(t *testing.T) *program.Fragment {
	t.Helper()
	fr := &program.Fragment{Key: program.Key{Kind: 9}}
	seen := make(map[program.Identity]bool)
	files, err := filepath.Glob("../testdata/recorded/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded messages: %v", err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m, _, err := openflow.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		reply, ok := m.(*openflow.MultipartReply)
		if !ok {
			continue
		}
		switch body := reply.Body.(type) {
		case openflow.FlowStatsList:
			for _, f := range body {
				fl := program.NewFlow(f.Table, f.Priority, f.Cookie, f.Match, f.Instructions...)
				if id := fl.Identity(); !seen[id] {
					seen[id] = true
					fr.Flows = append(fr.Flows, fl)
				}
			}
		case openflow.GroupDescs:
			for _, g := range body {
				fr.Groups = append(fr.Groups, program.FromDesc(g))
			}
		}
	}
	fr.Groups = append(fr.Groups,
		program.NewGroup(50, openflow.GroupTypeFastFailover, openflow.Bucket{WatchPort: 1, WatchGroup: openflow.GroupAny, Actions: actions{openflow.Output{Port: 1}}}),
		program.NewGroup(51, openflow.GroupTypeIndirect, openflow.NewBucket(openflow.Group{ID: 50})),
		program.NewGroup(52, openflow.GroupTypeSelect, openflow.Bucket{Weight: 5, WatchPort: openflow.PortAny, WatchGroup: 50, Actions: actions{openflow.Output{Port: 1}}}))
	return fr
}

func TestEveryRecordedFlowAndGroupComesBackByteForByte(t *testing.T) {
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true})
	fr := gallery(t)
	r.waitInstalled(t, s.Wanted([]*program.Fragment{fr}))
	if len(r.refused) > 0 {
		t.Fatalf("refused: %v", r.refused)
	}
	s.mustHold(t, fr)
	t.Logf("%d flows, %d groups", len(fr.Flows), len(fr.Groups))
}

func TestASwitchThatIsRightGetsNothing(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	p := []*program.Fragment{broadcast(1), broadcast(2)}
	s, r := o.connect(br, Config{Repair: true})
	r.waitInstalled(t, s.Wanted(p))
	s.Close()
	<-r.ended

	again, r := o.connect(br, Config{Repair: true})
	before := durations(t, again)
	r.waitInstalled(t, again.Wanted(p))
	if n := again.stats.FlowMods.Load() + again.stats.GroupMods.Load() + again.stats.Bundles.Load(); n != 0 {
		t.Errorf("%d messages to a switch that is right", n)
	}
	for i, d := range durations(t, again) {
		if d <= before[i] {
			t.Errorf("flow %d was touched: its duration fell from %v to %v", i, before[i], d)
		}
	}
}

func durations(t *testing.T, s *Session) []time.Duration {
	t.Helper()
	flows, err := s.Dump(t.Context(), openflow.AllFlows())
	if err != nil || len(flows) == 0 {
		t.Fatalf("%d flows, %v", len(flows), err)
	}
	slices.SortFunc(flows, func(a, b openflow.FlowStats) int {
		return strings.Compare(a.FormatWithoutStats(openflow.Names{}), b.FormatWithoutStats(openflow.Names{}))
	})
	var ds []time.Duration
	for _, f := range flows {
		ds = append(ds, time.Duration(f.DurationSec)*time.Second+time.Duration(f.DurationNsec))
	}
	return ds
}

func TestAnUpdateSendsOnlyWhatChanged(t *testing.T) {
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true})
	r.waitInstalled(t, s.Wanted([]*program.Fragment{broadcast(1), broadcast(2)}))
	sent := s.stats.FlowMods.Load()
	changed := broadcast(2)
	changed.Flows = slices.Clone(changed.Flows)
	changed.Flows[0] = flowFor(0, 2, openflow.ResubmitTo(61))
	r.waitInstalled(t, s.Update([]program.Change{{Key: changed.Key, Fragment: changed}}))
	if n := s.stats.FlowMods.Load() - sent; n != 1 {
		t.Errorf("%d flow-mods for one changed flow", n)
	}
	s.mustHold(t, broadcast(1), changed)
	r.waitInstalled(t, s.Update([]program.Change{{Key: changed.Key}}))
	s.mustHold(t, broadcast(1))
	r.waitInstalled(t, s.Update(nil)) // nothing to do is done
}

func TestAStoppedSwitchDoesNotBlockUpdate(t *testing.T) {
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true, Silence: 2 * time.Second, CommitTimeout: 3 * time.Second, WriteTimeout: time.Second})
	r.waitInstalled(t, s.Wanted(nil))
	if err := o.Process("ovs-vswitchd").Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer o.Process("ovs-vswitchd").Signal(syscall.SIGCONT)
	for _, fr := range many(50_000) {
		started := time.Now()
		s.Update([]program.Change{{Key: fr.Key, Fragment: fr}})
		if took := time.Since(started); took > 200*time.Millisecond {
			t.Fatalf("Update took %v", took)
		}
	}
	select {
	case <-r.ended:
		t.Log(r.err)
	case <-time.After(10 * time.Second):
		t.Error("the session with a stopped switch goes on")
	}
}

func TestUpdatesWhileABundleIsInFlightAreCoalesced(t *testing.T) {
	o := startOVS(t)
	s, r := o.connect(o.bridge(), Config{Repair: true})
	r.waitInstalled(t, s.Wanted(nil))
	p := many(5000)
	var last uint64
	for _, fr := range p {
		last = s.Update([]program.Change{{Key: fr.Key, Fragment: fr}})
	}
	r.waitInstalled(t, last)
	s.mustHold(t, p...)
	if n := s.stats.Bundles.Load(); n > 100 {
		t.Errorf("%d bundles for %d updates", n, len(p))
	}
}

// dialled makes a bridge dial a listener of the test's, as on a real host, and
// returns a function that accepts one of its connections.
func (o *ovs) dialled(bridge string) func() net.Conn {
	o.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { l.Close() })
	o.VSCtl("set-controller", bridge, "tcp:"+l.Addr().String(), "--", "set", "bridge", bridge, "other_config:datapath-id=00000000000000aa")
	return func() net.Conn {
		o.t.Helper()
		l.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
		conn, err := l.Accept()
		if err != nil {
			o.t.Fatal(err)
		}
		return conn
	}
}

func TestASwitchThatDialsInTellsItsPortsAndPackets(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	accept := o.dialled(br)
	s, r := run(t, accept(), Config{Repair: true})
	waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
	if s.DatapathID() != 0xaa {
		// The bridge dialled before it had the datapath id.
		s, r = run(t, accept(), Config{Repair: true})
		waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
	}
	number := func(name string) (n uint32) {
		for i, p := range r.ports {
			if p.Name == name {
				n = i
			}
		}
		return n
	}
	waitFor(t, 5*time.Second, "the ports", r.see(func() bool { return number(br+"-a") != 0 && number(br) == openflow.PortLocal }))
	o.VSCtl("add-port", br, br+"-c")
	waitFor(t, 5*time.Second, "a new port", r.see(func() bool { return number(br+"-c") != 0 }))
	o.VSCtl("del-port", br, br+"-c")
	waitFor(t, 5*time.Second, "a port that goes", r.see(func() bool { return number(br+"-c") == 0 }))

	toController := flowFor(0, 0, openflow.Controller{MaxLen: 128, Reason: openflow.ReasonAction})
	r.waitInstalled(t, s.Wanted([]*program.Fragment{{Flows: []program.Flow{toController}}}))
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5}, make([]byte, 50)...)
	if err := s.PacketOut(actions{openflow.Output{Port: openflow.PortTable}}, 1, frame); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 5*time.Second, "the packet", r.see(func() bool {
		return len(r.packets) == 1 && r.packets[0].InPort() == 1 && slices.Equal(r.packets[0].Data, frame)
	}))
	flows, err := s.Dump(t.Context(), openflow.FlowsByCookie(0xc0de, ^uint64(0)))
	if err != nil || len(flows) != 1 || flows[0].Packets != 1 {
		t.Errorf("flows by cookie: %v, %v", flows, err)
	}
	if flows, err := s.Dump(t.Context(), openflow.FlowsByCookie(0xc0df, ^uint64(0))); err != nil || len(flows) != 0 {
		t.Errorf("flows by another cookie: %v, %v", flows, err)
	}
}

func TestAnOlderGenerationIsStale(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	o.connect(br, Config{GenerationID: 8})
	s, r := o.connect(br, Config{GenerationID: 7})
	select {
	case <-r.ended:
	case <-time.After(5 * time.Second):
		t.Fatal("it goes on")
	}
	var stale *StaleError
	if !errors.As(r.err, &stale) || stale.Seen != 8 || !errors.Is(r.err, ErrStale) {
		t.Errorf("it ends with %v (datapath %x)", r.err, s.DatapathID())
	}
}
