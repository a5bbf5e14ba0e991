package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// DrainHost takes a host out as a gateway: new connections leave their networks
// through others, those that it has stay until they end. Where there is no
// other it is refused, unless forced.
func (c *Controller) DrainHost(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	return c.drain(ctx, name, true, options)
}

// UndrainHost lets a host be a gateway again.
func (c *Controller) UndrainHost(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	return c.drain(ctx, name, false, options)
}

func (c *Controller) drain(ctx context.Context, name string, draining bool, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		h := t.hostByName(name)
		if h == nil {
			return nil, noHost(name)
		}
		if err := checkRevision(options, fmt.Sprintf("host %q", name), h.Revision); err != nil {
			return nil, err
		}
		through, alone := t.gatewayOf(h)
		if draining && len(alone) > 0 && !options.Force {
			return nil, model.Errorf(model.Conflict, "", "host %q is the only gateway host that networks %s have: give them another first, or add ?force=true; what they send out then still goes through it while nothing else is there", name, strings.Join(alone, ", "))
		}
		if h.Draining == draining {
			return through, nil
		}
		now := *h
		now.Draining = draining
		t.put(tableHost, &now)
		return through, nil
	})
}

// gatewayOf are the networks of which a host is a gateway by name, and those
// among them that have no other which is known and not drained.
func (v view) gatewayOf(h *hostRecord) (through, alone []string) {
	for n := range all[networkRecord](v, tableNetwork) {
		if !n.Leaves() || !slices.Contains(n.Gateway.Hosts, h.Name) {
			continue
		}
		through = append(through, n.Name)
		another := func(name string) bool {
			o := v.hostByName(name)
			return o != nil && o.SystemID != h.SystemID && !o.Draining
		}
		if !slices.ContainsFunc(n.Gateway.Hosts, another) {
			alone = append(alone, n.Name)
		}
	}
	return through, alone
}
