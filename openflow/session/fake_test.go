package session

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
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

// end waits for the end of a session, which has to say why.
func (r *recorder) end(t *testing.T, why string) {
	t.Helper()
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the session goes on")
	}
	if !strings.Contains(r.err.Error(), why) {
		t.Errorf("it ended with %q, which does not say %q", r.err, why)
	}
}

func TestHandshakesThatMustFail(t *testing.T) {
	for _, c := range []struct {
		name, sent, want string
	}{
		{"garbage", hex.EncodeToString([]byte("GET / HTTP/1.1\r\nHost: weft\r\n\r\n")), "of 21536 bytes breaks off"},
		{"zeros", strings.Repeat("00", 100), "announces a length of 0"},
		{"OpenFlow 1.0 only", "0100000800000001", "does not speak OpenFlow 1.4"},
		{"a bitmap without 1.4", "060000100000000100010008" + "00000052", "clear the bridge's protocols column"},
		{"no hello", "0505000800000001", "instead of a hello"},
		{"64 KB announced, then silence", "0500ffff00000001", "i/o timeout"},
		{"silence", "", "i/o timeout"},
		{"half a header", "0500", "i/o timeout"},
		{"more than allowed", "05000fff00000001", "more than the 2048 that are allowed"},
		{"an error in answer to the features request", "0600000800000001" + "0501000c0000000200010005", "OFPBRC_EPERM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := pair(t)
			b, err := hex.DecodeString(c.sent)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := theirs.Write(b); err != nil {
				t.Fatal(err)
			}
			cfg := Config{HandshakeTimeout: 200 * time.Millisecond}
			if c.name == "more than allowed" {
				cfg.MaxMessage = 2048
			}
			if c.name == "garbage" {
				theirs.(*net.TCPConn).CloseWrite()
			}
			s, err := Accept(t.Context(), ours, cfg)
			if err == nil {
				t.Fatalf("accepted as datapath %x", s.DatapathID())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q does not say %q", err, c.want)
			}
			if _, err := ours.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the connection is left open: %v", err)
			}
		})
	}
}

func TestAPeerOfAnotherVersionIsToldSo(t *testing.T) {
	ours, theirs := pair(t)
	theirs.Write((&openflow.Hello{Version: 1}).AppendTo(nil, 7))
	if _, err := Accept(t.Context(), ours, Config{}); err == nil {
		t.Fatal("accepted")
	}
	b, _ := io.ReadAll(theirs)
	refusal, xid, err := openflow.Parse(b[16:]) // behind our hello
	if e, ok := refusal.(*openflow.Error); err != nil || !ok || xid != 7 || e.ErrorCode != openflow.ErrHelloIncompatible || !bytes.Contains(e.Data, []byte("OpenFlow 1.4")) {
		t.Errorf("it was sent %x (%v)", b, err)
	}
}

func TestAcceptEndsWithItsContext(t *testing.T) {
	ours, _ := pair(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped for the test")
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	if _, err := Accept(ctx, ours, Config{}); !errors.Is(err, stopped) {
		t.Errorf("error %v", err)
	}
}

// dribble writes one byte at a time.
type dribble struct{ net.Conn }

func (d dribble) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

func TestMessagesMayComeOneByteAtATime(t *testing.T) {
	ours, theirs := pair(t)
	go (&fakeSwitch{conn: dribble{theirs}}).serve()
	s, r := run(t, ours, Config{})
	r.waitInstalled(t, s.Wanted(many(20)))
}

func TestAPeerThatStopsInTheMiddleOfAMessageIsClosed(t *testing.T) {
	f := &fakeSwitch{}
	s, r := startFake(t, f, Config{Silence: 300 * time.Millisecond})
	r.waitInstalled(t, s.Wanted(nil))
	f.conn.Write([]byte{5, 10, 0xff, 0xff, 0, 0, 0, 1})
	r.end(t, "has said nothing")
}

func TestGarbageInTheMiddleEndsTheSession(t *testing.T) {
	f := &fakeSwitch{}
	s, r := startFake(t, f, Config{})
	r.waitInstalled(t, s.Wanted(nil))
	f.conn.Write([]byte("\x05\x0a\x00\x10 garbage....."))
	r.end(t, "decode OFPT_PACKET_IN")
}

func TestASilentPeerIsAskedAndThenClosed(t *testing.T) {
	asked := make(chan struct{}, 100)
	f := &fakeSwitch{override: func(_ *fakeSwitch, m openflow.Message, _ uint32) bool {
		if _, ok := m.(*openflow.EchoRequest); ok {
			asked <- struct{}{}
			return true
		}
		return false
	}}
	s, r := startFake(t, f, Config{Silence: 300 * time.Millisecond})
	r.waitInstalled(t, s.Wanted(nil))
	r.end(t, "has said nothing")
	if len(asked) == 0 {
		t.Error("it was not asked for an echo")
	}
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

func TestAnAnswerWithoutEndIsCutOff(t *testing.T) {
	f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		if r, ok := m.(*openflow.MultipartRequest); ok && r.Body.Kind() == openflow.KindFlow {
			go func() {
				part := (&openflow.MultipartReply{Flags: 1, Body: openflow.FlowStatsList(make([]openflow.FlowStats, 1000))}).AppendTo(nil, xid)
				for {
					if _, err := f.conn.Write(part); err != nil {
						return
					}
				}
			}()
			return true
		}
		return false
	}}
	s, r := startFake(t, f, Config{MaxReply: 10 << 20})
	s.Wanted(nil)
	r.end(t, "answers one request with more than")
}

// stuck is a Handler that does not come back from Ready.
type stuck struct {
	recorder
	entered, release chan struct{}
}

func (h *stuck) Ready([]openflow.Port) {
	close(h.entered)
	<-h.release
}

func (h *stuck) PortChanged(openflow.Port, bool) {}

func TestAHandlerThatDoesNotDrainEndsTheSession(t *testing.T) {
	ours, theirs := pair(t)
	f := &fakeSwitch{conn: theirs}
	go f.serve()
	s, err := Accept(t.Context(), ours, Config{Queue: 8, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h := &stuck{entered: make(chan struct{}), release: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context(), h) }()
	<-h.entered
	for range 20 { // packets are dropped, and do no harm
		f.send(&openflow.PacketIn{}, 0)
	}
	waitFor(t, 5*time.Second, "the packets", func() bool { return s.stats.PacketIns.Load() == 20 })
	if n := s.stats.Dropped.Load(); n < 12 || n == 20 {
		t.Errorf("%d of 20 packets dropped", n)
	}
	for range 20 {
		f.send(&openflow.PortStatus{Port: openflow.Port{Number: 1}}, 0)
	}
	// The connection goes although the Handler still hangs.
	theirs.SetReadDeadline(time.Now().Add(5 * time.Second))
	waitFor(t, 5*time.Second, "the end of the connection", func() bool { _, err := ours.Write(nil); return errors.Is(err, net.ErrClosed) })
	close(h.release)
	if err := <-ended; !errors.Is(err, ErrHandlerSlow) {
		t.Errorf("it ended with %v", err)
	}
}

func TestAPeerThatAsksForEchoesAndNeverReadsIsClosed(t *testing.T) {
	f := &fakeSwitch{}
	reading := make(chan struct{})
	f.override = func(f *fakeSwitch, m openflow.Message, _ uint32) bool {
		if r, ok := m.(*openflow.MultipartRequest); ok && r.Body.Kind() == openflow.KindFlow {
			<-reading
		}
		return false
	}
	s, r := startFake(t, f, Config{WriteTimeout: 300 * time.Millisecond})
	defer close(reading)
	s.Wanted(many(20))
	go func() {
		echo := (&openflow.EchoRequest{Data: make([]byte, 60_000)}).AppendTo(nil, 1)
		for {
			if _, err := f.conn.Write(echo); err != nil {
				return
			}
		}
	}()
	select {
	case <-r.ended:
	case <-time.After(10 * time.Second):
		t.Error("the session goes on")
	}
}

func TestWaitersLearnThatTheSessionEnded(t *testing.T) {
	f := &fakeSwitch{}
	s, r := startFake(t, f, Config{})
	r.waitInstalled(t, s.Wanted(nil))
	f.conn.Close()
	r.end(t, "closed the connection")
	if _, err := s.Ports(t.Context()); !errors.Is(err, errEnded) {
		t.Errorf("Ports: %v", err)
	}
	s.Update([]program.Change{{Key: program.Key{Kind: 1}}}) // does not block
}

func FuzzWhatAPeerMaySay(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add((&openflow.PortStatus{}).AppendTo((&openflow.FeaturesReply{}).AppendTo((&openflow.Hello{Version: 6}).AppendTo(nil, 1), 2), 3))
	f.Add((&openflow.MultipartReply{Body: openflow.FlowUpdates{{Event: openflow.FlowAdded}}}).AppendTo(nil, 0))
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		go io.Copy(io.Discard, theirs)
		go func() {
			theirs.Write((&openflow.Hello{Version: 6}).AppendTo(nil, 1))
			theirs.Write((&openflow.FeaturesReply{}).AppendTo(nil, 2))
			theirs.Write((&openflow.RoleReply{}).AppendTo(nil, 3))
			theirs.Write(said)
			theirs.Close()
		}()
		s, err := Accept(t.Context(), ours, Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		s.Wanted(nil)
		if err := s.Run(t.Context(), &recorder{}); err == nil {
			t.Error("a closed connection is no error")
		}
	})
}
