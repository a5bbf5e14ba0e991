package session

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// pair returns the two ends of a TCP connection on loopback.
func pair(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	theirs, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ours, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}

// fakeSwitch answers as Open vSwitch does, but for what a test overrides.
type fakeSwitch struct {
	conn  net.Conn
	flows []openflow.FlowStats
	// override may answer a message, and returns whether it has.
	override func(f *fakeSwitch, m openflow.Message, xid uint32) bool
}

func (f *fakeSwitch) send(m openflow.Message, xid uint32) { f.conn.Write(m.AppendTo(nil, xid)) }

// serve answers until the connection ends.
func (f *fakeSwitch) serve() {
	f.send(&openflow.Hello{Version: 6}, 1)
	for {
		b := make([]byte, openflow.HeaderLen, openflow.MaxMessage)
		if _, err := io.ReadFull(f.conn, b); err != nil {
			return
		}
		h, err := openflow.ParseHeader(b)
		if err != nil {
			return
		}
		b = b[:h.Length]
		if _, err := io.ReadFull(f.conn, b[openflow.HeaderLen:]); err != nil {
			return
		}
		m, xid, err := openflow.Parse(b)
		if err != nil {
			return
		}
		if f.override == nil || !f.override(f, m, xid) {
			f.answer(m, xid)
		}
	}
}

func (f *fakeSwitch) answer(m openflow.Message, xid uint32) {
	switch m := m.(type) {
	case *openflow.FeaturesRequest:
		f.send(&openflow.FeaturesReply{DatapathID: 0xaa, Tables: 254}, xid)
	case *openflow.EchoRequest:
		f.send(&openflow.EchoReply{Data: m.Data}, xid)
	case *openflow.RoleRequest:
		f.send(&openflow.RoleReply{ControllerRole: m.ControllerRole}, xid)
	case *openflow.BarrierRequest:
		f.send(&openflow.BarrierReply{}, xid)
	case *openflow.BundleControl:
		m.Step++
		f.send(m, xid)
	case *openflow.MultipartRequest:
		var body openflow.MultipartBody = openflow.FlowUpdates(nil)
		switch m.Body.Kind() {
		case openflow.KindFlow:
			body = openflow.FlowStatsList(f.flows)
		case openflow.KindGroupDesc:
			body = openflow.GroupDescs(nil)
		case openflow.KindMeterConfig:
			body = openflow.MeterConfigs{packetInMeter}
		case openflow.KindPortDesc:
			body = openflow.PortDescs{{Number: 1, Name: "p1"}}
		}
		f.send(&openflow.MultipartReply{Body: body}, xid)
	}
}

// startFake runs a fake switch and a session with it.
func startFake(t *testing.T, f *fakeSwitch, cfg Config) (*Session, *recorder) {
	t.Helper()
	ours, theirs := pair(t)
	f.conn = theirs
	go f.serve()
	return run(t, ours, cfg)
}

func TestEchoesAreAnsweredWhileACommitIsInFlight(t *testing.T) {
	committing, answered := make(chan uint32, 1), make(chan struct{})
	f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		switch m := m.(type) {
		case *openflow.BundleControl:
			if m.Step == openflow.BundleCommit {
				committing <- xid
				f.send(&openflow.EchoRequest{Data: []byte("alive?")}, 77)
				return true
			}
		case *openflow.EchoReply:
			if xid == 77 && string(m.Data) == "alive?" {
				close(answered)
			}
		}
		return false
	}}
	s, r := startFake(t, f, Config{Silence: 200 * time.Millisecond})
	generation := s.Wanted(many(20))
	xid := <-committing
	select {
	case <-answered:
	case <-time.After(5 * time.Second):
		t.Fatal("no answer")
	}
	f.send(&openflow.BundleControl{Bundle: 1, Step: openflow.BundleCommitted, Flags: 3}, xid)
	r.waitInstalled(t, generation)
}

// refusing makes a fake switch refuse one flow when the bundle is committed.
func refusing(metadata uint64) *fakeSwitch {
	var bad uint32
	want := openflow.NewMatch(openflow.Metadata.Uint(metadata)).String()
	return &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		switch m := m.(type) {
		case *openflow.BundleAdd:
			if fm, ok := m.Message.(*openflow.FlowMod); ok && fm.Match.String() == want {
				bad = xid
			}
		case *openflow.BundleControl:
			if m.Step == openflow.BundleCommit && bad != 0 {
				f.send(&openflow.Error{ErrorCode: openflow.ErrorCode{Type: 5, Code: 1}}, bad)
				f.send(&openflow.Error{ErrorCode: openflow.ErrMessageFailed}, xid)
				bad = 0
				return true
			}
		}
		return false
	}}
}

func TestARefusalAtCommitIsTiedToItsFragment(t *testing.T) {
	s, r := startFake(t, refusing(3), Config{})
	p := many(50)
	r.waitInstalled(t, s.Wanted(p))
	if len(r.refused) != 1 || r.refused[0].Key != p[3].Key || !strings.Contains(r.refused[0].Error(), "OFPFMFC_TABLE_FULL") {
		t.Errorf("refused: %v", r.refused)
	}
}

func TestABundleThatFailsForNoFragmentsFaultIsTriedAgainAndThenGivenUp(t *testing.T) {
	commits := 0
	f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		if b, ok := m.(*openflow.BundleControl); ok && b.Step == openflow.BundleCommit {
			commits++
			f.send(&openflow.Error{ErrorCode: openflow.ErrBundleTimeout}, xid)
			return true
		}
		return false
	}}
	s, r := startFake(t, f, Config{})
	s.Wanted(many(20))
	r.end(t, "OFPBFC_TIMEOUT")
	if commits != mostFailures+1 {
		t.Errorf("%d commits", commits)
	}
}

func TestAGapInTheFlowMonitorMakesAFullReadBack(t *testing.T) {
	stranger := openflow.FlowStats{Table: 9, Priority: 9}
	f := &fakeSwitch{}
	s, r := startFake(t, f, Config{Repair: true})
	p := many(20)
	r.waitInstalled(t, s.Wanted(p))
	for _, fr := range p {
		for _, fl := range fr.Flows {
			f.flows = append(f.flows, openflow.FlowStats{Table: fl.Table(), Priority: fl.Priority(), Cookie: fl.Cookie(), Match: fl.Match(), Instructions: fl.Instructions()})
		}
	}
	f.flows = append(f.flows, stranger)
	before := s.stats.ReadBacks.Load()
	f.send(&openflow.MultipartReply{Body: openflow.FlowUpdates{{Event: openflow.FlowPaused}}}, 0)
	f.send(&openflow.MultipartReply{Body: openflow.FlowUpdates{{Event: openflow.FlowResumed}}}, 0)
	waitFor(t, 5*time.Second, "the repair", func() bool { return s.stats.Repairs.Load() == 1 })
	if n := s.stats.ReadBacks.Load() - before; n != 1 {
		t.Errorf("%d full read-backs", n)
	}
	r.see(func() bool {
		if want := "- table=9, priority=9 actions=drop"; len(r.tampered) != 1 || r.tampered[0] != want {
			t.Errorf("reported %q, want %q", r.tampered, want)
		}
		return true
	})()
}

func TestAFloodOfForeignChangesBecomesOneReadBack(t *testing.T) {
	st := newState()
	st.known = true
	updates := make(openflow.FlowUpdates, 1000)
	for i := range mostSeen/len(updates) + 1 {
		for j := range updates {
			updates[j] = openflow.FlowUpdate{Event: openflow.FlowAdded, Match: openflow.NewMatch(openflow.Metadata.Uint(uint64(i*len(updates) + j)))}
		}
		st.saw(updates)
	}
	if j := st.take(); j.kind != full || len(st.seen) != 0 {
		t.Errorf("job %d, %d flows remembered", j.kind, len(st.seen))
	}
}
