package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows/walk"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// underlays are the hosts as they should be and as they are. Either gets to know
// a host when a packet comes to it: dumps of hosts that are not on the way are
// not asked for.
func (t *trace) underlays(ctx context.Context) (wanted, installed *walk.Underlay) {
	from := func(read func(context.Context, *hostRecord) (*walk.Switch, error)) *walk.Underlay {
		u := walk.NewUnderlay()
		u.Missing = func(host string, vtep netip.Addr) (*walk.Host, error) {
			for h := range all[hostRecord](t.view, tableHost) {
				if h.Name != host && (h.VTEP != vtep || !vtep.IsValid()) {
					continue
				}
				sw, err := read(ctx, h)
				if err != nil {
					return nil, err
				}
				l := t.link(h.SystemID)
				return &walk.Host{Name: h.Name, Switch: sw, VTEP: h.VTEP, TunnelPorts: l.TunnelPorts, GatewayPort: l.GatewayPort}, nil
			}
			return nil, nil
		}
		return u
	}
	return from(t.wantedSwitch), from(t.installedSwitch)
}

// wantedSwitch has the program that a host should have.
func (t *trace) wantedSwitch(ctx context.Context, h *hostRecord) (*walk.Switch, error) {
	var fragments []*program.Fragment
	if err := t.c.do(ctx, func() { fragments = t.c.fabric.Program(h.Number) }); err != nil {
		return nil, err
	}
	sw, l := walk.FromProgram(fragments), t.link(h.SystemID)
	sw.Port = func(number uint32) (exists, live bool) { return true, l.seesAlive(number) }
	return sw, nil
}

// seesAlive is whether a port carries traffic: those that watch other hosts do
// while BFD says so.
func (l *linkRecord) seesAlive(port uint32) bool {
	for host, number := range l.WatchPorts {
		if number == port {
			return l.Watches[host].alive
		}
	}
	return true
}

// notReadable says that a switch cannot be read, which is no failure of a trace.
type notReadable struct{ error }

// installedSwitch has what a fresh dump of a host shows.
func (t *trace) installedSwitch(ctx context.Context, h *hostRecord) (*walk.Switch, error) {
	var sw *switchLink
	ports := map[uint32]bool{}
	err := t.c.do(ctx, func() {
		if l := t.c.linkOf(h.SystemID); l.sw != nil && l.sw.ready {
			sw = l.sw
			for _, number := range sw.ports {
				ports[number] = true
			}
		}
	})
	if err != nil {
		return nil, err
	}
	if sw == nil {
		return nil, notReadable{fmt.Errorf("host %s is not connected, so it cannot be said which flows it has", h.Name)}
	}
	flows, err := sw.session.Dump(ctx, openflow.AllFlows())
	if err != nil {
		return nil, notReadable{unreadable(h.Name, err)}
	}
	groups, err := sw.session.DumpGroups(ctx)
	if err != nil {
		return nil, notReadable{unreadable(h.Name, err)}
	}
	dumped := walk.NewSwitch(flows, groups)
	// Without a device there is a number, and no port that carries anything.
	l := t.link(h.SystemID)
	dumped.Port = func(number uint32) (exists, live bool) {
		return ports[number], ports[number] && l.seesAlive(number)
	}
	return dumped, nil
}

// sendOne walks a packet of the sender's both ways, and compares.
func (t *trace) sendOne(ctx context.Context, what string, p walk.Packet) (*walk.Result, error) {
	return t.walk(ctx, what, t.result.From.Host, t.result.From.Port, p)
}

// walk walks a packet that comes in at a port both ways, and compares.
func (t *trace) walk(ctx context.Context, what, host string, port uint32, p walk.Packet) (*walk.Result, error) {
	wanted := t.wanted.Walk(host, port, p)
	traced := model.TracedPacket{What: what, Packet: p.String(), Wanted: t.walkOf(&wanted)}
	installed := t.installed.Walk(host, port, p)
	var unread notReadable
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(installed.Err, &unread):
		traced.Note = unread.Error()
	default:
		way := t.walkOf(&installed)
		traced.Installed = &way
		traced.Difference = t.difference(&wanted, &installed)
	}
	t.result.Packets = append(t.result.Packets, traced)
	return &wanted, nil
}

// walkOf is a result for the API.
func (t *trace) walkOf(r *walk.Result) model.Walk {
	words := t.words()
	out := model.Walk{Steps: []model.WalkStep{}, Ends: []string{}}
	for i, s := range r.Steps {
		step := model.WalkStep{Host: s.Host, Depth: s.Depth, Text: s.Text(words)}
		if s.Flow != nil {
			step.Owner = words.Explain(s.Flow.Cookie)
		}
		out.Steps = append(out.Steps, step)
		for _, e := range r.EndsAfter(i) {
			out.Steps = append(out.Steps, model.WalkStep{Host: s.Host, Depth: s.Depth, Text: e.Text(words), End: true})
		}
	}
	for _, e := range r.Ends {
		out.Ends = append(out.Ends, e.Text(words))
	}
	if r.Err != nil {
		out.Ends = append(out.Ends, fmt.Sprintf("it is not known how it goes on: %v", r.Err))
	}
	return out
}

// difference says where the way through the installed flows parts from the
// wanted one, if it ends elsewhere.
func (t *trace) difference(wanted, installed *walk.Result) string {
	if sameEnds(wanted, installed) {
		return ""
	}
	words := t.words()
	text := func(r *walk.Result, i int) string {
		if i >= len(r.Steps) {
			return "nothing more happens"
		}
		return r.Steps[i].Text(words)
	}
	for i := 0; i < len(wanted.Steps) || i < len(installed.Steps); i++ {
		if want, have := text(wanted, i), text(installed, i); want != have {
			at := wanted.Steps[min(i, len(wanted.Steps)-1)].Host
			return fmt.Sprintf("on host %s, where it should be %q it is %q", at, want, have)
		}
	}
	return "the same flows take it, and it ends elsewhere"
}

// sameEnds is whether two walks end the same: at the same ports, with the same
// packets, or for the same reasons.
func sameEnds(a, b *walk.Result) bool {
	return (a.Err == nil) == (b.Err == nil) && slices.EqualFunc(a.Ends, b.Ends, func(x, y walk.End) bool {
		return x.Outcome == y.Outcome && x.Host == y.Host && x.Port == y.Port && x.Reason() == y.Reason() &&
			x.Why == y.Why && (x.Outcome != walk.Sent && x.Outcome != walk.ToKernel || x.Packet == y.Packet)
	})
}
