package ovsdb

import (
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// admit refuses a bridge that is somebody else's, unless it is to be adopted.
func admit(v *View, w Wanted) error {
	b := v.Bridge
	if b == nil || w.Adopt {
		return nil
	}
	switch mark, marked := b.ExternalIDs[MarkKey]; {
	case marked && mark == w.Mark:
		return nil
	case marked:
		return &ForeignMarkError{Bridge: b.Name, Mark: mark}
	}
	// Without a mark, somebody made it first (ovs-docker does). It is taken over
	// if nobody controls it.
	for _, c := range b.Controllers {
		switch mark, marked := c.ExternalIDs[MarkKey]; {
		case marked && mark != w.Mark:
			return &ForeignMarkError{Bridge: b.Name, Mark: mark}
		case !marked:
			return &ForeignControllerError{Bridge: b.Name, Target: c.Target}
		}
	}
	return nil
}

// controllers gives the bridge its Controller rows. Going from none to some or
// from some to none flushes all flows; changing a target does not. So an
// existing row is edited wherever there is one, and since at least one is wanted
// the last is never removed.
//
// A second controller that somebody added beside ours is left alone. Where ours
// is gone (ovs-vsctl set-controller replaces all rows) what took its place is
// turned into ours.
func (p *planner) controllers() {
	var mine []Controller
	for _, c := range p.bridge.Controllers {
		if p.want.Adopt || p.ours(c.ExternalIDs) {
			mine = append(mine, c)
		}
	}
	if len(mine) == 0 {
		mine = slices.Clone(p.bridge.Controllers)
	}
	targets := slices.Compact(slices.Sorted(slices.Values(p.want.ControllerTargets)))

	// First those that fit, then whatever rows are left for what targets are left.
	take := func(fits func(Controller, string) bool) {
		targets = slices.DeleteFunc(targets, func(target string) bool {
			i := slices.IndexFunc(mine, func(c Controller) bool { return !c.Shared && fits(c, target) })
			if i < 0 {
				return false
			}
			p.editController(mine[i], target)
			mine = slices.Delete(mine, i, i+1)
			return true
		})
	}
	take(func(c Controller, target string) bool { return c.Target == target })
	take(func(Controller, string) bool { return true })
	for _, target := range targets {
		p.adding.controllers = append(p.adding.controllers, p.insertRow("Controller", target, p.controllerRow(Controller{}, target)))
	}
	for _, c := range mine {
		p.dropping.controllers = append(p.dropping.controllers, ovsdb.UUID{GoUUID: c.UUID})
	}
}

func (p *planner) editController(c Controller, target string) {
	p.updateRow("Controller", c.Target, c.UUID, p.controllerRow(c, target))
	p.mutateRow("Controller", c.Target, c.UUID, setKeys("external_ids", c.ExternalIDs, p.mark))
}

// controllerRow returns the columns in which the row differs from what it should be.
func (p *planner) controllerRow(c Controller, target string) ovsdb.Row {
	row := make(ovsdb.Row)
	if c.Target != target {
		row["target"] = target
	}
	if c.ConnectionMode != "out-of-band" {
		row["connection_mode"] = "out-of-band"
	}
	if limit := p.want.ControllerRateLimit; limit != 0 && c.RateLimit != limit {
		row["controller_rate_limit"] = limit
	}
	if limit := p.want.ControllerBurstLimit; limit != 0 && c.BurstLimit != limit {
		row["controller_burst_limit"] = limit
	}
	if c.UUID == "" {
		row["external_ids"] = stringsMap(p.mark)
	}
	return row
}
