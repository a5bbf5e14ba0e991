package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// ErrStale ends a session whose claim to be master came with a generation id
// older than the switch has seen: another controller has taken over.
var ErrStale = errors.New("another controller is master of the switch, with a newer generation id")

// StaleError is an ErrStale that says which generation id the switch has seen.
type StaleError struct{ Seen uint64 }

func (e *StaleError) Error() string { return fmt.Sprintf("%v, %d", ErrStale, e.Seen) }

// Unwrap returns ErrStale.
func (e *StaleError) Unwrap() error { return ErrStale }

// After makes the session claim to be master with a generation id that comes
// after one that the switch has seen, of a controller which is known not to be
// its master any more. It is called before Run.
func (s *Session) After(generation uint64) { s.cfg.GenerationID += generation }

// Session is one connection to one switch.
type Session struct {
	cfg      Config
	conn     net.Conn
	in       *bufio.Reader
	features openflow.FeaturesReply

	out    *writer
	events events
	stats  Stats
	xid    atomic.Uint32
	heard  atomic.Int64 // when the last message came, in nanoseconds
	busy   atomic.Bool  // a bundle is in flight
	ready  bool         // the Handler has the ports; only the reader touches it
	done   chan struct{}

	pendingMu sync.Mutex
	pending   map[uint32]*pending
	bundle    *inFlight

	state state
}

// Stats counts what a session has sent and seen.
type Stats struct {
	Bundles   atomic.Uint64 // committed
	AtOnce    atomic.Uint64 // of them, those that were sent together with their commit
	FlowMods  atomic.Uint64 // sent in bundles
	GroupMods atomic.Uint64
	ReadBacks atomic.Uint64 // full ones
	Repairs   atomic.Uint64 // flows and groups that others had changed
	Refusals  atomic.Uint64
	PacketIns atomic.Uint64
	Dropped   atomic.Uint64 // packet-ins, because the handler was slow
}

// sent counts a message of a bundle.
func (s *Stats) sent(step program.Step) {
	if step.IsGroup() {
		s.GroupMods.Add(1)
	} else {
		s.FlowMods.Add(1)
	}
}

// DatapathID returns the datapath id that the switch gave.
func (s *Session) DatapathID() uint64 { return s.features.DatapathID }

// RemoteAddr returns the address that the switch connected from.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// LastHeard returns when the last message came from the switch.
func (s *Session) LastHeard() time.Time { return time.Unix(0, s.heard.Load()) }

// Stats returns the session's counters.
func (s *Session) Stats() *Stats { return &s.stats }

// Close ends the session. A session that Run has returned from is closed.
func (s *Session) Close() error { return s.conn.Close() }

// Run makes the session master of its switch and serves it until ctx ends, the
// connection breaks, or the other side breaks the rules; the error says which.
// It may be called once, and returns when the last call of the Handler has.
func (s *Session) Run(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Reads and writes end with the context.
	stop := context.AfterFunc(ctx, func() { s.conn.Close() })
	defer stop()

	s.heard.Store(time.Now().UnixNano())
	var group sync.WaitGroup
	for _, run := range []func(context.Context) error{
		s.read,
		s.out.run,
		s.send,
		s.watch,
		func(ctx context.Context) error { return s.events.run(ctx, h) },
	} {
		group.Go(func() {
			if err := run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	close(s.done) // whoever waits for an answer stops waiting
	group.Wait()
	return fmt.Errorf("OpenFlow session with %016x at %v: %w", s.DatapathID(), s.RemoteAddr(), context.Cause(ctx))
}

// watch asks a silent switch for a sign of life, and gives up on one that
// stays silent.
func (s *Session) watch(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.Silence / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		limit := s.cfg.Silence
		if s.busy.Load() {
			limit = s.cfg.CommitTimeout
		}
		silent := time.Since(time.Unix(0, s.heard.Load()))
		switch {
		case silent > limit:
			return fmt.Errorf("the switch has said nothing for %v", silent.Round(time.Second))
		case silent > s.cfg.Silence/3:
			s.out.writeUrgently((&openflow.EchoRequest{}).AppendTo(nil, s.nextXID(1)))
		}
	}
}

// nextXID reserves n transaction ids and returns the first. Zero is left out:
// a flow monitor's reports have it.
func (s *Session) nextXID(n int) uint32 {
	for {
		last := s.xid.Add(uint32(n))
		if first := last - uint32(n) + 1; first != 0 && first <= last {
			return first
		}
	}
}
