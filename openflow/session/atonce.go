package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// mostAtOnce is how many messages a difference may take to be sent together
// with its commit. ovs-vswitchd reads 50 of a connection each time that it wakes
// up, and two of these are the bundle's own.
const mostAtOnce = 48

// mayAtOnce tells whether a difference is to be committed without a look at what
// the switch has against it. What is left in the switch when it does have
// something against it is found by comparing everything, which undoes foreign
// changes, too: not where these are only to be reported.
func (s *sender) mayAtOnce(d program.Difference) bool {
	return s.cfg.Repair && d.Len() <= mostAtOnce
}

// commitAtOnce is commit in one go. ovs-vswitchd looks at all of its ports each
// time that it wakes up, so a small bundle costs it half if the commit comes
// with it. The price is paid when a message is refused as it is added, which
// none of ours should be: the rest is installed then, partly is true, and
// everything has to be compared.
func (s *sender) commitAtOnce(ctx context.Context, d program.Difference) (refusals []Refusal, partly bool, err error) {
	if d.Empty() {
		return nil, false, nil
	}
	ctx, b, end := s.begin(ctx, d)
	defer end()
	opened, committed := newPending(), newPending()
	open, commit := s.nextXID(1), s.nextXID(1)
	buf := s.control(openflow.BundleOpen).AppendTo(nil, open)
	for i := range b.n {
		step := d.Step(i)
		if buf, err = step.AppendToBundle(buf, s.lastBundle, b.first+uint32(i)); err != nil {
			return []Refusal{{step.Key(), step.Subject(openflow.Names{}), err}}, false, nil // nothing was sent
		}
		s.stats.sent(step)
	}
	buf = s.control(openflow.BundleCommit).AppendTo(buf, commit)
	s.expect(open, opened)
	defer s.forget(open, opened)
	s.expect(commit, committed)
	defer s.forget(commit, committed)
	if err := s.out.write(s.done, buf); err != nil {
		return nil, false, err
	}
	_, failure := s.await(ctx, committed)
	var no *openflow.Error
	if failure != nil && !errors.As(failure, &no) {
		return nil, false, failure // nobody knows what became of it
	}
	// The answers come in the order of the messages: what there is against any
	// of them is here.
	if _, err := s.await(ctx, opened); err != nil {
		return nil, false, fmt.Errorf("open a bundle: %w", err)
	}
	refusals, err = s.refusals(b, d)
	if failure == nil {
		s.stats.Bundles.Add(1)
		s.stats.AtOnce.Add(1)
		return refusals, len(refusals) > 0, err
	}
	if len(refusals) == 0 && err == nil {
		err = fmt.Errorf("commit a bundle of %d messages: %w", d.Len(), failure)
	}
	return refusals, false, err
}
