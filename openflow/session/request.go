package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// errEnded is what a waiting caller gets when the session ends.
var errEnded = errors.New("the OpenFlow session ended")

// pending is a request that waits for its answer.
type pending struct {
	answer   chan answer   // of capacity 1
	progress chan struct{} // of capacity 1: another part of the answer came

	// Of a multipart request:
	mu   sync.Mutex
	part func(body []byte) error // called by the reader for every part; nil once nobody waits
	last func()                  // called by the reader after the last part
	size int
}

type answer struct {
	message openflow.Message // nil of a multipart request
	err     error
}

// ask sends a request and waits for its answer, which the caller has made p
// ready for.
func (s *Session) ask(ctx context.Context, m openflow.Message, p *pending) (openflow.Message, error) {
	xid := s.nextXID(1)
	s.expect(xid, p)
	defer s.forget(xid, p)
	if err := s.out.write(s.done, m.AppendTo(nil, xid)); err != nil {
		return nil, err
	}
	return s.await(ctx, p)
}

func newPending() *pending {
	return &pending{answer: make(chan answer, 1), progress: make(chan struct{}, 1)}
}

// expect registers a request before it is sent.
func (s *Session) expect(xid uint32, p *pending) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	s.pending[xid] = p
}

// forget takes a request back. When it returns, the reader calls no more
// functions of p.
func (s *Session) forget(xid uint32, p *pending) {
	s.pendingMu.Lock()
	delete(s.pending, xid)
	s.pendingMu.Unlock()
	p.mu.Lock()
	p.part, p.last = nil, nil
	p.mu.Unlock()
}

// await waits for an answer, or for more of it: a switch that only answers
// echoes would otherwise be waited for for ever.
func (s *Session) await(ctx context.Context, p *pending) (openflow.Message, error) {
	patience := time.NewTimer(s.cfg.AnswerTimeout)
	defer patience.Stop()
	for {
		select {
		case a := <-p.answer:
			return a.message, a.err
		case <-p.progress:
			patience.Reset(s.cfg.AnswerTimeout)
		case <-patience.C:
			return nil, fmt.Errorf("the switch has not answered within %v", s.cfg.AnswerTimeout)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.done:
			return nil, errEnded
		}
	}
}

// answer completes the request with an xid; false if there is none.
func (s *Session) answer(xid uint32, m openflow.Message, err error) bool {
	s.pendingMu.Lock()
	p, ok := s.pending[xid]
	delete(s.pending, xid)
	s.pendingMu.Unlock()
	if ok {
		p.answer <- answer{m, err}
	}
	return ok
}

// part hands one message's body of a multipart reply to whoever waits.
func (s *Session) part(xid uint32, more bool, body []byte) error {
	s.pendingMu.Lock()
	p := s.pending[xid]
	s.pendingMu.Unlock()
	if p == nil {
		return nil // given up in the meantime
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.part == nil {
		return nil
	}
	if p.size += len(body); p.size > s.cfg.MaxReply {
		return fmt.Errorf("the switch answers one request with more than %d bytes", s.cfg.MaxReply)
	}
	if err := p.part(body); err != nil {
		return fmt.Errorf("decode a multipart reply: %w", err)
	}
	select {
	case p.progress <- struct{}{}:
	default:
	}
	if !more {
		if p.last != nil {
			p.last()
		}
		s.answer(xid, nil, nil)
	}
	return nil
}

// askMultipart sends a multipart request and calls part, on the reader's
// goroutine, for every message of the answer.
func (s *Session) askMultipart(ctx context.Context, body *openflow.MultipartRequest, part func([]byte) error, last func()) error {
	p := newPending()
	p.part, p.last = part, last
	_, err := s.ask(ctx, body, p)
	return err
}

// ReadBack tells a comparison every flow and group of the switch.
func (s *Session) ReadBack(ctx context.Context, c *program.Comparison) error {
	s.stats.ReadBacks.Add(1)
	request := &openflow.MultipartRequest{Body: openflow.AllFlows()}
	err := s.askMultipart(ctx, request, func(body []byte) error {
		return openflow.EachFlow(body, c.Stats)
	}, nil)
	if err != nil {
		return fmt.Errorf("read the flows back: %w", err)
	}
	groups, err := s.DumpGroups(ctx)
	for _, g := range groups {
		c.Group(program.FromDesc(g))
	}
	return err
}

// Dump returns the flows that a request selects, with their counters.
func (s *Session) Dump(ctx context.Context, which *openflow.FlowStatsRequest) ([]openflow.FlowStats, error) {
	var flows []openflow.FlowStats
	err := s.askMultipart(ctx, &openflow.MultipartRequest{Body: which}, func(body []byte) error {
		var bad error
		err := openflow.EachFlow(body, func(e *openflow.EncodedFlowStats) {
			f, err := e.Decode()
			if err != nil {
				bad = err
			}
			flows = append(flows, f)
		})
		return errors.Join(err, bad)
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("dump flows: %w", err)
	}
	return flows, nil
}

// DumpGroups returns the groups of the switch.
func (s *Session) DumpGroups(ctx context.Context) ([]openflow.GroupDesc, error) {
	var groups []openflow.GroupDesc
	err := s.askMultipart(ctx, openflow.NewMultipartRequest(openflow.KindGroupDesc), func(body []byte) error {
		gs, err := openflow.ParseGroupDescs(body)
		groups = append(groups, gs...)
		return err
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("dump groups: %w", err)
	}
	return groups, nil
}

// Ports returns the ports of the switch as they are now. The Handler has had
// them with Ready and PortChanged, in order; this is for whoever has no Handler.
func (s *Session) Ports(ctx context.Context) ([]openflow.Port, error) {
	return s.ports(ctx, func([]openflow.Port) {})
}

// ports calls last with the ports on the reader's goroutine, so that what it
// does comes before any later change of them.
func (s *Session) ports(ctx context.Context, last func([]openflow.Port)) ([]openflow.Port, error) {
	var ports []openflow.Port
	err := s.askMultipart(ctx, openflow.NewMultipartRequest(openflow.KindPortDesc), func(body []byte) error {
		ps, err := openflow.ParsePortDescs(body)
		ports = append(ports, ps...)
		return err
	}, func() { last(ports) })
	if err != nil {
		return nil, fmt.Errorf("ask for ports: %w", err)
	}
	return ports, nil
}
