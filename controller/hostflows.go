package controller

import (
	"context"
	"fmt"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// FlowView is which flows of a host are asked for.
type FlowView int

// The views.
const (
	FlowsWanted     FlowView = iota // what the host should have
	FlowsInstalled                  // what a fresh dump shows
	FlowsDifference                 // what is missing there (+), and what should not be there (-)
)

// HostFlows are the flows and groups of a host, each with its owner.
func (c *Controller) HostFlows(ctx context.Context, name string, which FlowView) ([]model.HostFlow, error) {
	var fragments []*program.Fragment
	var sw *switchLink
	var failed error
	err := c.do(ctx, func() {
		h := c.snapshot().hostByName(name)
		if h == nil {
			failed = noHost(name)
			return
		}
		fragments = c.fabric.Program(h.Number)
		if l := c.linkOf(h.SystemID); l.sw != nil && l.sw.ready {
			sw = l.sw
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return nil, err
	}
	v := c.snapshot()
	if which == FlowsWanted {
		return v.wantedFlows(fragments), nil
	}
	if sw == nil {
		return nil, model.Errorf(model.Unavailable, "", "host %q is not connected, so its switch cannot be read: leave installed and diff out to see what it should have", name)
	}
	if which == FlowsDifference {
		comparison := program.NewComparison(fragments)
		if err := sw.session.ReadBack(ctx, comparison); err != nil {
			return nil, unreadable(name, err)
		}
		return v.differentFlows(comparison.Difference()), nil
	}
	flows, err := sw.session.Dump(ctx, openflow.AllFlows())
	if err != nil {
		return nil, unreadable(name, err)
	}
	groups, err := sw.session.DumpGroups(ctx)
	if err != nil {
		return nil, unreadable(name, err)
	}
	return v.installedFlows(flows, groups), nil
}

func unreadable(host string, err error) error {
	return &model.Error{Kind: model.Unavailable, Detail: fmt.Sprintf("host %q is connected, and its switch could not be read: %v", host, err), Err: err}
}

func (v view) wantedFlows(fragments []*program.Fragment) []model.HostFlow {
	out := []model.HostFlow{}
	for _, f := range fragments {
		for _, flow := range f.Flows {
			out = append(out, model.HostFlow{Text: flow.Format(openflow.Names{}), Owner: v.explain(flow.Cookie()).Text})
		}
	}
	for _, f := range fragments {
		for _, g := range f.Groups {
			out = append(out, model.HostFlow{Text: g.Format(openflow.Names{}), Owner: v.groupOwner(g.ID())})
		}
	}
	return out
}

func (v view) installedFlows(flows []openflow.FlowStats, groups []openflow.GroupDesc) []model.HostFlow {
	out := []model.HostFlow{}
	for _, f := range flows {
		out = append(out, model.HostFlow{Text: f.Format(openflow.Names{}), Owner: v.explain(f.Cookie).Text})
	}
	for _, g := range groups {
		out = append(out, model.HostFlow{Text: g.Format(openflow.Names{}), Owner: v.groupOwner(g.Group)})
	}
	return out
}

func (v view) differentFlows(d program.Difference) []model.HostFlow {
	out := []model.HostFlow{}
	flow := func(sign string, f program.Flow) {
		out = append(out, model.HostFlow{Sign: sign, Text: f.Format(openflow.Names{}), Owner: v.explain(f.Cookie()).Text})
	}
	group := func(sign string, g program.Group) {
		out = append(out, model.HostFlow{Sign: sign, Text: g.Format(openflow.Names{}), Owner: v.groupOwner(g.ID())})
	}
	for _, g := range d.AddGroups {
		if g.Replaces != nil {
			group("-", *g.Replaces)
		}
		group("+", g.Group)
	}
	for _, f := range d.DelFlows {
		flow("-", f.Flow)
	}
	for _, f := range d.AddFlows {
		if f.Replaces != nil {
			flow("-", f.Replaces.Flow)
		}
		flow("+", f.Flow)
	}
	for _, g := range d.DelGroups {
		group("-", g.Group)
	}
	return out
}

func (v view) groupOwner(id uint32) string {
	vni := id & model.MaxVNI
	if name := v.networkName(vni); name != "" {
		return fmt.Sprintf("%s, in network %s (VNI %d)", flows.GroupRole(id), name, vni)
	}
	return fmt.Sprintf("%s, in VNI %d", flows.GroupRole(id), vni)
}
