package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// Routers are all routers, by name.
func (c *Controller) Routers() []model.Router {
	v := c.snapshot()
	out := []model.Router{}
	for r := range all[routerRecord](v, tableRouter) {
		out = append(out, r.Router)
	}
	return out
}

// Router is the router of that name.
func (c *Controller) Router(name string) (model.Router, error) {
	r := c.snapshot().router(name)
	if r == nil {
		return model.Router{}, noRouter(name)
	}
	return r.Router, nil
}

// CreateRouter declares a router. One that is there already and has the same
// networks is no error.
func (c *Controller) CreateRouter(ctx context.Context, r model.Router, options WriteOptions) (model.Router, Outcome, error) {
	return c.writeRouter(ctx, options, r.Name, func(t *tx) (bool, error) {
		old := t.router(r.Name)
		if old == nil {
			return true, t.putRouter(r, "")
		}
		if err := r.Check(); err != nil {
			return false, err
		}
		if !sameSet(old.Networks, r.Networks) {
			return false, model.Errorf(model.Conflict, "networks", "router %q exists, and has other networks: PUT it to change them, or take another name", r.Name)
		}
		return false, nil
	})
}

// PutRouter declares a router, or changes it.
func (c *Controller) PutRouter(ctx context.Context, r model.Router, options WriteOptions) (model.Router, Outcome, error) {
	return c.writeRouter(ctx, options, r.Name, func(t *tx) (bool, error) {
		old := t.router(r.Name)
		var revision uint64
		source := ""
		if old != nil {
			revision, source = old.Revision, old.Source
		}
		if err := checkRevision(options, fmt.Sprintf("router %q", r.Name), revision); err != nil {
			return false, err
		}
		return old == nil, t.putRouter(r, source)
	})
}

func (c *Controller) writeRouter(ctx context.Context, options WriteOptions, name string, change func(*tx) (bool, error)) (model.Router, Outcome, error) {
	var created bool
	var now model.Router
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		var concerned []string
		if old := t.router(name); old != nil {
			concerned = old.Networks
		}
		var err error
		if created, err = change(t); err != nil {
			return nil, err
		}
		r := t.router(name)
		if err := t.checkRouter(r); err != nil {
			return nil, err
		}
		now = r.Router
		return slices.Concat(concerned, now.Networks), nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		if stored, gone := c.Router(name); gone == nil {
			now = stored
		}
	}
	return now, out, err
}

// DeleteRouter removes a router. Its networks are apart from then on.
func (c *Controller) DeleteRouter(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		r := t.router(name)
		if r == nil {
			return nil, noRouter(name)
		}
		if err := checkRevision(options, fmt.Sprintf("router %q", name), r.Revision); err != nil {
			return nil, err
		}
		t.delete(tableRouter, r)
		return r.Networks, nil
	})
}

// putRouter adds or changes a router in the transaction. Whether its networks
// can be on it is for checkRouter, when all is in.
func (t *tx) putRouter(r model.Router, source string) error {
	now := &routerRecord{Router: r, Source: source}
	now.Conditions, now.Revision = nil, 0
	if err := now.Check(); err != nil {
		return err
	}
	if old := t.router(r.Name); old != nil && old.Source == source && sameSet(old.Networks, r.Networks) {
		return nil
	}
	t.put(tableRouter, now)
	return nil
}

// leave takes a network off its routers.
func (t *tx) leave(network string) {
	for _, r := range slices.Collect(t.routersOf(network)) {
		now := *r
		now.Networks = slices.DeleteFunc(slices.Clone(r.Networks), func(n string) bool { return n == network })
		t.put(tableRouter, &now)
	}
}

// checkRouter says why the networks of a router cannot be on it together.
func (t *tx) checkRouter(r *routerRecord) error {
	var networks []*networkRecord
	for i, name := range r.Networks {
		field := fmt.Sprintf("networks[%d]", i)
		n := t.network(name)
		if n == nil {
			return noNetwork(field, name)
		}
		if n.GatewayMode() == model.GatewayNone {
			return model.Invalidf(field, "network %q has no gateway to which its endpoints could send what is for other networks: PUT it with gateway mode %s, %s or %s first",
				name, model.GatewayLocal, model.GatewayRouted, model.GatewaySNAT)
		}
		networks = append(networks, n)
	}
	if a, b, where := overlapAmong(networks); a != nil {
		i := max(slices.Index(r.Networks, a.Name), slices.Index(r.Networks, b.Name))
		return model.Errorf(model.Conflict, fmt.Sprintf("networks[%d]", i), "%s: between networks on one router every address must be one network's alone; renumber one, or leave one out", where)
	}
	for i, n := range networks {
		if err := t.checkReach(n); err != nil {
			return err.Within(fmt.Sprintf("networks[%d]", i))
		}
	}
	return nil
}

// checkReach refuses a network that routers connect with two others which have
// an address in common: each is on a router with it alone, and yet it could
// not be said which of the two is meant.
func (t *tx) checkReach(n *networkRecord) *model.Error {
	reached := map[string]*networkRecord{n.Name: n}
	routers := 0
	for r := range t.routersOf(n.Name) {
		routers++
		for _, name := range r.Networks {
			if o := t.network(name); o != nil {
				reached[name] = o
			}
		}
	}
	if routers < 2 {
		return nil // what that router reaches was looked at as a whole
	}
	if a, b, where := overlapAmong(slices.SortedFunc(maps.Values(reached), byNetworkName)); a != nil {
		return model.Errorf(model.Conflict, "", "%s, and routers connect network %q with both %q and %q: renumber one, or take one off its router", where, n.Name, a.Name, b.Name)
	}
	return nil
}

// overlapAmong finds two networks with an address in common, and says where.
func overlapAmong(networks []*networkRecord) (a, b *networkRecord, where string) {
	type subnet struct {
		of     *networkRecord
		prefix model.Prefix
	}
	var subnets []subnet
	for _, n := range networks {
		for _, p := range n.Subnets {
			subnets = append(subnets, subnet{n, p})
		}
	}
	// In this order what is inside a prefix follows it, so that of two that
	// overlap the first overlaps the very next.
	slices.SortStableFunc(subnets, func(x, y subnet) int { return x.prefix.Compare(y.prefix.Prefix) })
	for i := 1; i < len(subnets); i++ {
		if x, y := subnets[i-1], subnets[i]; x.of != y.of && x.prefix.Overlaps(y.prefix.Prefix) {
			return x.of, y.of, fmt.Sprintf("%s of network %q overlaps %s of network %q", x.prefix.Prefix, x.of.Name, y.prefix.Prefix, y.of.Name)
		}
	}
	return nil, nil, ""
}

func byNetworkName(a, b *networkRecord) int { return strings.Compare(a.Name, b.Name) }

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func noRouter(name string) error {
	return model.Errorf(model.NotFound, "", "there is no router %q: GET /routers lists them", name)
}
