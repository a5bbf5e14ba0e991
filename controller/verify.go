package controller

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/flows/verify"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/openflow/session"
)

// verifyTries is how often a proof that fails is tried again because
// something changed meanwhile: flows were read at one time and facts at
// another.
const verifyTries = 3

// Verify proves from fresh dumps of all connected switches that networks are
// kept apart and that everybody in one is reached, or says what shows the
// contrary. A switch that cannot be read is taken at what it should have.
func (c *Controller) Verify(ctx context.Context) (model.Verification, error) {
	for try := 1; ; try++ {
		facts, err := c.facts(ctx)
		if err != nil {
			return model.Verification{}, err
		}
		assumed := facts.read(ctx)
		if err := ctx.Err(); err != nil {
			return model.Verification{}, err
		}
		result, err := verify.Check(ctx, facts.Facts)
		if err != nil {
			return model.Verification{}, err
		}
		if result.Proved() || try == verifyTries || !c.moved(facts) {
			return facts.verification(result, assumed), nil
		}
		if err := c.settled(ctx, facts); err != nil {
			return model.Verification{}, err
		}
	}
}

// seen is what a proof is about, as it was at one moment.
type seen struct {
	verify.Facts
	view
	sessions map[uint32]*session.Session // host → the switch that can be read
	names    map[uint32]string
}

// facts takes down what is wanted, and which switches are there to be read.
func (c *Controller) facts(ctx context.Context) (*seen, error) {
	var s *seen
	err := c.do(ctx, func() {
		s = &seen{view: c.snapshot(), sessions: map[uint32]*session.Session{}, names: map[uint32]string{}}
		for h := range all[hostRecord](s.view, tableHost) {
			s.Hosts = append(s.Hosts, verify.Host{Host: s.fabricHost(h), Program: c.fabric.Program(h.Number)})
			s.names[h.Number] = h.Name
			if l := c.hosts[h.SystemID]; l != nil && l.sw != nil && l.sw.ready {
				s.sessions[h.Number] = l.sw.session
			}
		}
	})
	if err != nil {
		return nil, err
	}
	s.HostName = func(number uint32) string { return s.names[number] }
	s.EndpointName = func(number uint32) string {
		return strings.TrimPrefix(s.ownerName(flows.KindLocal, number), "endpoint ")
	}
	limits := s.underlayLimits()
	for n := range all[networkRecord](s.view, tableNetwork) {
		s.Networks = append(s.Networks, s.fabricNetwork(n, limits))
	}
	for e := range all[endpointRecord](s.view, tableEndpoint) {
		s.Endpoints = append(s.Endpoints, s.fabricEndpoint(e))
	}
	for n := range all[nicRecord](s.view, tableNIC) {
		s.NICs = append(s.NICs, s.fabricNIC(n))
	}
	return s, nil
}

// read dumps all switches at once, and says of which it could not.
func (s *seen) read(ctx context.Context) (assumed []string) {
	failed := make([]error, len(s.Hosts))
	var reading sync.WaitGroup
	for i := range s.Hosts {
		h := &s.Hosts[i]
		sw := s.sessions[h.Number]
		if sw == nil {
			failed[i] = fmt.Errorf("it is not connected")
			continue
		}
		reading.Go(func() {
			installed, err := dump(ctx, sw)
			if err != nil {
				failed[i] = err
				return
			}
			h.Program = []*program.Fragment{installed}
		})
	}
	reading.Wait()
	for i, err := range failed {
		if err != nil {
			assumed = append(assumed, fmt.Sprintf("host %s was taken at the flows that it should have: %v", s.names[s.Hosts[i].Number], err))
		}
	}
	return assumed
}

// dump reads all flows and groups of a switch.
func dump(ctx context.Context, sw *session.Session) (*program.Fragment, error) {
	stats, err := sw.Dump(ctx, openflow.AllFlows())
	if err != nil {
		return nil, err
	}
	groups, err := sw.DumpGroups(ctx)
	if err != nil {
		return nil, err
	}
	out := &program.Fragment{Flows: make([]program.Flow, len(stats)), Groups: make([]program.Group, len(groups))}
	for i, f := range stats {
		out.Flows[i] = program.NewFlow(f.Table, f.Priority, f.Cookie, f.Match, f.Instructions...)
	}
	for i, g := range groups {
		out.Groups[i] = program.FromDesc(g)
	}
	return out, nil
}

// moved tells whether flows were on their way while they were read.
func (c *Controller) moved(s *seen) bool {
	now := c.snapshot()
	for _, h := range s.Hosts {
		r := first[hostRecord](s.view, tableHost, byNumber, h.Number)
		was, is := s.link(r.SystemID), now.link(r.SystemID)
		if s.sessions[h.Number] != nil && (was.Wanted != was.Confirmed || is.Wanted != was.Wanted || is.OpenFlow != was.OpenFlow) {
			return true
		}
	}
	return false
}

// settled waits until the switches have what is wanted, or for the next change
// if they had it already.
func (c *Controller) settled(ctx context.Context, s *seen) error {
	for {
		changed := c.progress.wait()
		v, open := c.snapshot(), false
		for _, h := range s.Hosts {
			if r := first[hostRecord](v, tableHost, byNumber, h.Number); r != nil {
				l := v.link(r.SystemID)
				open = open || l.OpenFlow && l.Confirmed < l.Wanted
			}
		}
		if !open {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return errStopped
		}
	}
}

// verification is a result in the words of the API.
func (s *seen) verification(r *verify.Result, assumed []string) model.Verification {
	out := model.Verification{
		Proved: r.Proved(), More: r.More, Assumed: assumed,
		Flows: r.Flows, Endpoints: r.Senders, Pairs: r.Pairs,
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, s.finding(f))
	}
	return out
}

func (s *seen) finding(f verify.Finding) model.Finding {
	out := model.Finding{
		Kind: string(f.Kind), From: s.endpointID(&f.From), Host: s.names[f.Host], Port: f.Port,
		Packet: f.Trace(), Text: f.Why,
	}
	if f.To != nil {
		out.To = s.endpointID(f.To)
	}
	for _, step := range f.Steps {
		hop := model.Hop{Host: s.names[step.Host]}
		if step.Flow != nil {
			hop.Text, hop.Owner = step.Flow.Format(openflow.Names{}), s.explain(step.Flow.Cookie()).Text
		} else {
			hop.Text = fmt.Sprintf("no flow of table %s matches", tableName(step.Table))
		}
		out.Way = append(out.Way, hop)
	}
	return out
}

func (s *seen) endpointID(e *flows.Endpoint) string {
	if r := first[endpointRecord](s.view, tableEndpoint, byNumber, e.Number); r != nil {
		return r.ID
	}
	return ""
}

func tableName(table uint8) string {
	if name := flows.TableNames[int(table)]; name != "" {
		return name
	}
	return fmt.Sprint(table)
}
