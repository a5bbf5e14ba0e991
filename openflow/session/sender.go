package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// mostFailures is how often in a row a bundle may fail for reasons that no
// fragment is to blame for, before the session gives up and the switch connects
// anew.
const mostFailures = 5

// sender compares and sends, one bundle at a time.
type sender struct {
	*Session
	lastBundle   uint32
	failures     int
	lastReported string // tampering that is not repaired is reported once
}

// send sets the session up and then does what there is to do until it ends.
func (s *Session) send(ctx context.Context) error {
	if err := s.setUp(ctx); err != nil {
		return err
	}
	snd := &sender{Session: s}
	check := time.NewTicker(s.cfg.GroupCheck)
	defer check.Stop()
	for {
		for j := s.state.take(); j.kind != idle; j = s.state.take() {
			if err := snd.do(ctx, &j); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.state.wake:
		case <-check.C:
			s.state.checkGroups()
		}
	}
}

// setUp makes the session master, subscribes it to what it must know, and
// announces it to the Handler.
func (s *Session) setUp(ctx context.Context) error {
	role := &openflow.RoleRequest{ControllerRole: openflow.ControllerRole{Role: openflow.RoleMaster, GenerationID: s.cfg.GenerationID}}
	_, err := s.ask(ctx, role, newPending())
	var refused *openflow.Error
	if errors.As(err, &refused) && refused.ErrorCode == openflow.ErrRoleStale {
		return s.stale(ctx)
	}
	if err != nil {
		return fmt.Errorf("claim the role of master: %w", err)
	}
	// Without a length a service connection gets no packet-in and no port
	// status; with fragments as they are by default, a forged router
	// advertisement only has to be fragmented to pass.
	config := &openflow.SetConfig{SwitchConfig: openflow.SwitchConfig{Flags: openflow.FragmentsMatched, MissSendLen: openflow.WholePacket}}
	if err := s.out.write(s.done, config.AppendTo(nil, s.nextXID(1))); err != nil {
		return err
	}
	if err := s.meterPackets(ctx); err != nil {
		return err
	}
	// The monitor comes before any dump, so that nothing falls between them.
	monitor := &openflow.MultipartRequest{Body: &openflow.FlowMonitorRequest{
		MonitorID: 1, OutPort: openflow.PortAny, OutGroup: openflow.GroupAny, Table: openflow.TableAll,
		Flags: openflow.MonitorAdd | openflow.MonitorRemoved | openflow.MonitorModify | openflow.MonitorInstructions,
	}}
	if err := s.askMultipart(ctx, monitor, func([]byte) error { return nil }, nil); err != nil {
		return fmt.Errorf("subscribe to changes of flows: %w", err)
	}
	var queued error
	_, err = s.ports(ctx, func(ports []openflow.Port) {
		s.ready = true
		queued = s.events.post(func(h Handler) { h.Ready(ports) })
	})
	return errors.Join(err, queued)
}

// stale asks which generation id the switch has seen (OpenFlow 1.4, section
// 6.3.5: a request without a change of role is answered with it).
func (s *Session) stale(ctx context.Context) error {
	answer, err := s.ask(ctx, &openflow.RoleRequest{}, newPending())
	if reply, ok := answer.(*openflow.RoleReply); ok && err == nil {
		return &StaleError{Seen: reply.GenerationID}
	}
	return ErrStale
}

// do works out the difference that a job is about, and sends it.
func (s *sender) do(ctx context.Context, j *job) error {
	switch j.kind {
	case start:
		c := program.NewComparison(j.wanted(), s.cfg.Except...)
		if err := s.ReadBack(ctx, c); err != nil {
			return err
		}
		return s.install(ctx, j, c.Difference())
	case delta:
		return s.install(ctx, j, program.Between(j.before, j.wanted()))
	case full:
		c := program.NewComparison(j.before, s.cfg.Except...)
		if err := s.ReadBack(ctx, c); err != nil {
			return err
		}
		return s.mend(ctx, c.Difference())
	default:
		groups, err := s.DumpGroups(ctx)
		if err != nil {
			return err
		}
		there := make([]program.Group, len(groups))
		for i, g := range groups {
			there[i] = program.FromDesc(g)
		}
		d := program.CompareGroups(j.before, there)
		flows := program.CompareSeen(j.before, j.seen, s.cfg.Except...)
		d.AddFlows, d.DelFlows = flows.AddFlows, flows.DelFlows
		return s.mend(ctx, d)
	}
}

// install brings what is wanted onto the switch, and reports that it is there.
func (s *sender) install(ctx context.Context, j *job, d program.Difference) error {
	var refusals []Refusal
	var partly bool
	var err error
	if j.kind == delta && s.mayAtOnce(d) {
		refusals, partly, err = s.commitAtOnce(ctx, d)
	} else {
		refusals, err = s.commit(ctx, d)
	}
	switch {
	case err != nil:
		return s.failed(ctx, err)
	case len(refusals) > 0:
		s.stats.Refusals.Add(uint64(len(refusals)))
		s.state.refuse(j, refusals)
		if partly {
			s.state.startOver()
		}
		return nil
	}
	s.failures = 0
	left := s.state.confirm(j)
	return s.events.postWaiting(ctx, s.cfg.WriteTimeout, func(h Handler) { h.Installed(j.generation, left) })
}

// mend reports what others changed, and undoes it.
func (s *sender) mend(ctx context.Context, d program.Difference) error {
	if d.Empty() {
		s.lastReported = ""
		return nil
	}
	report := func() error {
		return s.events.postWaiting(ctx, s.cfg.WriteTimeout, func(h Handler) { h.Tampered(d) })
	}
	if !s.cfg.Repair {
		lines := strings.Join(d.Lines(openflow.Names{}), "\n")
		if lines == s.lastReported {
			return nil
		}
		s.lastReported = lines
		return report()
	}
	if err := report(); err != nil {
		return err
	}
	refusals, err := s.commit(ctx, d)
	if len(refusals) > 0 {
		err = refusals[0].Err // it was accepted once: the switch is not what we think
	}
	if err != nil {
		return s.failed(ctx, err)
	}
	s.failures = 0
	s.stats.Repairs.Add(uint64(d.Len()))
	if len(d.AddGroups) > 0 {
		s.state.forgive()
	}
	return nil
}

// failed decides what follows a bundle that failed as a whole: if the switch
// said no, another look at everything; else the end.
func (s *sender) failed(ctx context.Context, err error) error {
	var refused *openflow.Error
	s.failures++
	if !errors.As(err, &refused) || s.failures > mostFailures {
		return err
	}
	s.cfg.Logger.Warn("a bundle failed; everything will be compared again", "switch", s.conn.RemoteAddr(), "err", err)
	s.state.startOver()
	select {
	case <-ctx.Done():
	case <-time.After(time.Duration(s.failures) * 100 * time.Millisecond):
	}
	return nil
}

// byKey orders refusals and keeps the first of each fragment.
func byKey(refusals []Refusal) []Refusal {
	slices.SortStableFunc(refusals, func(a, b Refusal) int { return a.Key.Compare(b.Key) })
	return slices.CompactFunc(refusals, func(a, b Refusal) bool { return a.Key == b.Key })
}
