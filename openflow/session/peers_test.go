package session

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

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

func TestAPeerThatAnswersEchoesOnlyIsGivenUp(t *testing.T) {
	f := &fakeSwitch{override: func(_ *fakeSwitch, m openflow.Message, _ uint32) bool {
		r, ok := m.(*openflow.MultipartRequest)
		return ok && r.Body.Kind() == openflow.KindFlow
	}}
	s, r := startFake(t, f, Config{Silence: 200 * time.Millisecond, AnswerTimeout: time.Second})
	s.Wanted(nil)
	r.end(t, "read the flows back: the switch has not answered within 1s")
}

func TestALongAnswerMayTakeItsTimeWhileItComes(t *testing.T) {
	const parts, pause = 8, 100 * time.Millisecond
	f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		r, ok := m.(*openflow.MultipartRequest)
		if !ok || r.Body.Kind() != openflow.KindFlow {
			return false
		}
		go func() {
			for i := range parts {
				time.Sleep(pause) // a thin line
				more := uint16(1)
				if i == parts-1 {
					more = 0
				}
				f.send(&openflow.MultipartReply{Flags: more, Body: openflow.FlowStatsList(nil)}, xid)
			}
		}()
		return true
	}}
	s, r := startFake(t, f, Config{AnswerTimeout: parts * pause / 2})
	r.waitInstalled(t, s.Wanted(nil))
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
