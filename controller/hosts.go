package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// DeleteHost forgets a host that is away, with its NICs and its links to others.
func (c *Controller) DeleteHost(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		h := t.hostByName(name)
		if h == nil {
			return nil, noHost(name)
		}
		if err := checkRevision(options, fmt.Sprintf("host %q", name), h.Revision); err != nil {
			return nil, err
		}
		l := c.linkOf(h.SystemID)
		if l.conn != nil || l.sw != nil {
			return nil, model.Errorf(model.Conflict, "", "host %q is connected and would be back at once: run ovs-vsctl del-manager there first (and ovs-vsctl del-br br-weft, to take Weft off it)", name)
		}
		held := slices.Collect(each[placeRecord](t.view, tablePlace, byHost, h.SystemID))
		for _, f := range slices.Collect(each[portFact](t.view, tablePort, byHost, h.SystemID)) {
			t.delete(tablePort, f)
		}
		for _, n := range slices.Collect(t.nicsOf(h.SystemID)) {
			t.delete(tableNIC, n)
		}
		for _, p := range slices.Collect(each[presenceRecord](t.view, tablePresence, byHost, h.SystemID)) {
			t.delete(tablePresence, p)
		}
		if r := first[linkRecord](t.view, tableLink, byID, h.SystemID); r != nil {
			t.delete(tableLink, r)
		}
		t.delete(tableHost, h)
		t.unlink(h.SystemID)
		for _, p := range held {
			if e := t.endpoint(p.Endpoint); e != nil {
				t.settle(e)
			}
		}
		if !options.DryRun {
			t.after = append(t.after, func() {
				delete(c.hosts, h.SystemID)
				c.revisitClaims(nil)
			})
		}
		return nil, nil
	})
}

// AdoptHost takes over a host that bears another cluster's mark, or whose
// br-weft has a controller of its own.
func (c *Controller) AdoptHost(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	var out Outcome
	var failed error
	var waits []wait
	err := c.do(ctx, func() {
		v := c.snapshot()
		h := v.hostByName(name)
		if h == nil {
			failed = noHost(name)
			return
		}
		l := c.linkOf(h.SystemID)
		if l.conn == nil {
			failed = model.Errorf(model.Conflict, "", "host %q is not connected: it can be adopted when it is", name)
			return
		}
		out.Revision = c.revision
		if options.DryRun {
			return
		}
		waits = []wait{{h.SystemID, v.link(h.SystemID).Wanted}}
		l.adopt = true
		l.wakeEnsure()
	})
	if err = errors.Join(err, failed); err != nil || !options.Wait {
		return out, err
	}
	return out, c.await(ctx, waits, options.timeout())
}

// Hosts are all known hosts, by name.
func (c *Controller) Hosts() []model.Host {
	v := c.snapshot()
	out := []model.Host{}
	for h := range all[hostRecord](v, tableHost) {
		out = append(out, c.hostView(v, h))
	}
	slices.SortFunc(out, func(a, b model.Host) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Host is the host of that name.
func (c *Controller) Host(name string) (model.Host, error) {
	v := c.snapshot()
	h := v.hostByName(name)
	if h == nil {
		return model.Host{}, noHost(name)
	}
	return c.hostView(v, h), nil
}

func (c *Controller) hostView(v view, r *hostRecord) model.Host {
	h := v.hostView(r)
	if len(c.config.Admit) == 0 {
		h.Conditions = append(h.Conditions, model.Condition{Type: model.OpenDoor,
			Message: "any host that reaches the controller may join: start it with --admit CIDR to let in only those of your underlay"})
	}
	return h
}

// HostPorts are the ports of a host's br-weft.
func (c *Controller) HostPorts(name string) ([]model.Port, error) {
	v := c.snapshot()
	h := v.hostByName(name)
	if h == nil {
		return nil, noHost(name)
	}
	out := []model.Port{}
	for f := range each[portFact](v, tablePort, byHost, h.SystemID) {
		out = append(out, v.portView(f))
	}
	for n := range v.nicsOf(h.SystemID) {
		if first[portFact](v, tablePort, byID, h.SystemID, n.Interface) == nil {
			out = append(out, v.nicPort(n))
		}
	}
	slices.SortFunc(out, func(a, b model.Port) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func noHost(name string) error {
	return model.Errorf(model.NotFound, "", "there is no host %q: GET /hosts lists them; a host joins by ovs-vsctl set-manager tcp:CONTROLLER:6640", name)
}
