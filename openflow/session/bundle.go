package session

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// inFlight is the bundle that is being filled: message i has the transaction
// id first+i.
type inFlight struct {
	first uint32
	errs  []error // by message; nil as a whole while there is none
	n     int
}

func (b *inFlight) refused(i int, err error) {
	if b.errs == nil {
		b.errs = make([]error, b.n)
	}
	if b.errs[i] == nil {
		b.errs[i] = err // what follows the first one follows from it
	}
}

// bundleError ties an error to the message of the bundle that it is about;
// false if it is about none.
func (s *Session) bundleError(xid uint32, err *openflow.Error) bool {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	if s.bundle == nil || xid-s.bundle.first >= uint32(s.bundle.n) {
		return false
	}
	s.bundle.refused(int(xid-s.bundle.first), err)
	return true
}

// buffers are for filling bundles: of a thousand sessions few do so at once.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// commit sends a difference as one atomic bundle. It returns which fragments
// the switch refused, sorted by key, in which case nothing of the difference is
// installed; or why the bundle failed as a whole.
//
// A message that is refused when it is added does not spoil the bundle by
// itself: Open vSwitch would commit the rest. So a barrier makes sure that all
// such errors are here before the commit.
func (s *sender) commit(ctx context.Context, d program.Difference) ([]Refusal, error) {
	if d.Empty() {
		return nil, nil
	}
	ctx, b, end := s.begin(ctx, d)
	defer end()
	if err := s.fill(ctx, b, d); err != nil {
		return nil, err
	}
	refusals, err := s.refusals(b, d)
	if len(refusals) > 0 || err != nil {
		_, discarded := s.ask(ctx, s.control(openflow.BundleDiscard), newPending())
		return refusals, errors.Join(err, discarded)
	}
	if _, err := s.ask(ctx, s.control(openflow.BundleCommit), newPending()); err != nil {
		// The error of the message that is to blame came before that of the
		// commit.
		if refusals, blamed := s.refusals(b, d); len(refusals) > 0 || blamed != nil {
			return refusals, blamed
		}
		return nil, fmt.Errorf("commit a bundle of %d messages: %w", d.Len(), err)
	}
	s.stats.Bundles.Add(1)
	return nil, nil
}

// begin prepares for a bundle of a difference; end is for when it is over.
func (s *sender) begin(ctx context.Context, d program.Difference) (_ context.Context, b *inFlight, end func()) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.CommitTimeout,
		fmt.Errorf("the switch did not answer a bundle of %d messages within %v", d.Len(), s.cfg.CommitTimeout))
	s.lastBundle++
	b = &inFlight{first: s.nextXID(d.Len()), n: d.Len()}
	s.busy.Store(true)
	s.setBundle(b)
	return ctx, b, func() {
		s.setBundle(nil)
		s.busy.Store(false)
		cancel()
	}
}

// control is a step of the bundle that began last.
func (s *sender) control(step openflow.BundleStep) *openflow.BundleControl {
	return &openflow.BundleControl{Bundle: s.lastBundle, Step: step, Flags: openflow.BundleAtomic | openflow.BundleOrdered}
}

func (s *Session) setBundle(b *inFlight) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	s.bundle = b
}

// fill opens the bundle, sends all its messages and waits until the switch has
// looked at each. All goes out at once: an idle bundle dies after 10 s.
func (s *sender) fill(ctx context.Context, b *inFlight, d program.Difference) error {
	buffer := buffers.Get().(*[]byte)
	buf := (*buffer)[:0]

	opened := newPending()
	xid := s.nextXID(1)
	s.expect(xid, opened)
	defer s.forget(xid, opened)
	buf = s.control(openflow.BundleOpen).AppendTo(buf, xid)
	for i := range b.n {
		step := d.Step(i)
		var err error
		if buf, err = step.AppendToBundle(buf, s.lastBundle, b.first+uint32(i)); err != nil {
			s.pendingMu.Lock()
			b.refused(i, err)
			s.pendingMu.Unlock()
			continue
		}
		s.stats.sent(step)
		if len(buf) >= chunk {
			if err := s.out.write(s.done, buf); err != nil {
				return err // and the writer may still be at it: the buffer is not for others
			}
			buf = buf[:0]
		}
	}
	// The barrier goes out with the rest: ovs-vswitchd looks at all of its ports
	// each time that it wakes up, so a small bundle should wake it once.
	barrier := newPending()
	xid = s.nextXID(1)
	s.expect(xid, barrier)
	defer s.forget(xid, barrier)
	buf = (&openflow.BarrierRequest{}).AppendTo(buf, xid)
	if err := s.out.write(s.done, buf); err != nil {
		return err
	}
	*buffer = buf[:0]
	buffers.Put(buffer)
	if _, err := s.await(ctx, barrier); err != nil {
		return fmt.Errorf("fill a bundle with %d messages: %w", b.n, err)
	}
	if _, err := s.await(ctx, opened); err != nil {
		return fmt.Errorf("open a bundle: %w", err)
	}
	return nil
}

// refusals says which fragments the errors so far are about. A refusal of
// something that belongs to no fragment is an error.
func (s *Session) refusals(b *inFlight, d program.Difference) ([]Refusal, error) {
	s.pendingMu.Lock()
	defer s.pendingMu.Unlock()
	var found []Refusal
	for i, err := range b.errs {
		if err == nil {
			continue
		}
		step := d.Step(i)
		subject := step.Subject(openflow.Names{})
		if step.Key() == (program.Key{}) || step.IsDelete() {
			return nil, fmt.Errorf("remove %q: %w", subject, err)
		}
		found = append(found, Refusal{step.Key(), subject, err})
	}
	return byKey(found), nil
}
