package controller

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// applied says which records became of a document.
type applied struct {
	endpoints []string    // ids
	forwards  [][2]string // network and id
	created   bool        // at least one that was not there
}

// Apply makes the objects of a document exist as it says, all or none. Objects
// that are there are changed as by PUT. With options.Prune, what an earlier
// document of that source declared and this one does not is removed.
func (c *Controller) Apply(ctx context.Context, d model.Document, options WriteOptions) (model.Document, Outcome, error) {
	var done applied
	var now model.Document
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		if options.Prune != "" {
			if err := model.CheckSource("prune", options.Prune); err != nil {
				return nil, err
			}
		}
		var err error
		if done, err = t.apply(d, options.Prune); err != nil {
			return nil, err
		}
		now = t.documentOf(d, done)
		return concernedBy(now), nil
	})
	out.Created = done.created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		now = c.snapshot().documentOf(d, done)
	}
	return now, out, err
}

// concernedBy are the networks whose hosts a document is about.
func concernedBy(d model.Document) []string {
	named := map[string]bool{}
	for _, n := range d.Networks {
		named[n.Name] = true
	}
	for _, e := range d.Endpoints {
		named[e.Network] = named[e.Network] || e.Location != ""
	}
	for _, r := range d.Routers {
		for _, network := range r.Networks {
			named[network] = true
		}
	}
	for _, f := range d.Forwards {
		named[f.Network] = true
	}
	maps.DeleteFunc(named, func(_ string, concerned bool) bool { return !concerned })
	return slices.Sorted(maps.Keys(named))
}

// apply puts a document into the transaction. What objects ask of each other is
// looked at when all are in, so that none of them has to come first.
func (t *tx) apply(d model.Document, source string) (done applied, err error) {
	if source != "" {
		t.prune(d, source)
	}
	for _, step := range []func(model.Document, string, *applied) error{
		t.applyUnderlay, t.applyNetworks, t.applyEndpoints, t.applyRouters, t.applyForwards,
	} {
		if err := step(d, source, &done); err != nil {
			return applied{}, err
		}
	}
	if source != "" {
		if err := t.pruneNetworks(d, source); err != nil {
			return applied{}, err
		}
	}
	for i, n := range d.Networks {
		if t.renumbered[n.Name] {
			if err := t.checkFit(n.Name); err != nil {
				return applied{}, within(err, fmt.Sprintf("networks[%d]", i))
			}
		}
	}
	for i, r := range d.Routers {
		if err := t.checkRouter(t.router(r.Name)); err != nil {
			return applied{}, within(err, fmt.Sprintf("routers[%d]", i))
		}
	}
	for i, f := range done.forwards {
		if err := t.checkForward(t.forward(f[0], f[1])); err != nil {
			return applied{}, within(err, fmt.Sprintf("forwards[%d]", i))
		}
	}
	return done, nil
}

func (t *tx) applyNetworks(d model.Document, source string, done *applied) error {
	seen := map[string]bool{}
	for i, n := range d.Networks {
		at := fmt.Sprintf("networks[%d]", i)
		if seen[n.Name] {
			return model.Invalidf(at+".name", "network %q stands here twice", n.Name)
		}
		seen[n.Name] = true
		from := source
		old := t.network(n.Name)
		done.created = done.created || old == nil
		if from == "" && old != nil {
			from = old.Source
		}
		if err := t.putNetwork(n, from); err != nil {
			return within(err, at)
		}
	}
	return nil
}

func (t *tx) applyEndpoints(d model.Document, source string, done *applied) error {
	done.endpoints = make([]string, len(d.Endpoints))
	seen := map[string]bool{}
	for _, i := range choosersLast(d.Endpoints) {
		e := d.Endpoints[i]
		at := fmt.Sprintf("endpoints[%d]", i)
		if e.ID == "" && e.Name == "" {
			return model.Invalidf(at, "give the endpoint an id or a name, so that it is found when this is applied again")
		}
		from := source
		old := t.sameNamed(&e)
		done.created = done.created || old == nil
		if old != nil {
			if e.ID == "" {
				e.ID = old.ID
			}
			if from == "" {
				from = old.Source
			}
		}
		id, err := t.putEndpoint(e, from)
		if err != nil {
			return within(err, at)
		}
		if seen[id] {
			return model.Invalidf(at, "endpoint %q stands here twice", e.Title())
		}
		seen[id] = true
		done.endpoints[i] = id
	}
	for i, id := range done.endpoints {
		if err := t.checkUnique(t.endpoint(id)); err != nil {
			return within(err, fmt.Sprintf("endpoints[%d]", i))
		}
	}
	return nil
}

func (t *tx) applyRouters(d model.Document, source string, done *applied) error {
	seen := map[string]bool{}
	for i, r := range d.Routers {
		at := fmt.Sprintf("routers[%d]", i)
		if seen[r.Name] {
			return model.Invalidf(at+".name", "router %q stands here twice", r.Name)
		}
		seen[r.Name] = true
		from := source
		old := t.router(r.Name)
		done.created = done.created || old == nil
		if from == "" && old != nil {
			from = old.Source
		}
		if err := t.putRouter(r, from); err != nil {
			return within(err, at)
		}
	}
	return nil
}

func (t *tx) applyForwards(d model.Document, source string, done *applied) error {
	seen := map[[2]string]bool{}
	for i, f := range d.Forwards {
		at := fmt.Sprintf("forwards[%d]", i)
		f.Normalize()
		from := source
		old := t.samePort(&f)
		done.created = done.created || old == nil
		if old != nil {
			f.ID = old.ID
			if from == "" {
				from = old.Source
			}
		}
		now, err := t.putForward(f, from)
		if err != nil {
			return within(err, at)
		}
		name := [2]string{now.Network, now.ID}
		if seen[name] {
			return model.Invalidf(at, "forward %s of network %q stands here twice", now.Title(), now.Network)
		}
		seen[name] = true
		done.forwards = append(done.forwards, name)
	}
	return nil
}

// applyUnderlay comes first: MTUs that are chosen leave room for relaying.
func (t *tx) applyUnderlay(d model.Document, source string, done *applied) error {
	if d.Underlay == nil {
		return nil
	}
	old := t.declaredUnderlay()
	done.created = done.created || old == nil
	if source == "" && old != nil {
		source = old.Source
	}
	if err := t.putUnderlay(*d.Underlay, source); err != nil {
		return within(err, "underlay")
	}
	return nil
}

// choosersLast is an order of endpoints in which those that ask for addresses
// come before those for which addresses are chosen.
func choosersLast(endpoints []model.Endpoint) []int {
	var asking, choosing []int
	for i, e := range endpoints {
		if len(e.Addresses) > 0 {
			asking = append(asking, i)
		} else {
			choosing = append(choosing, i)
		}
	}
	return append(asking, choosing...)
}

// documentOf is a document as it is stored.
func (v view) documentOf(d model.Document, done applied) model.Document {
	var out model.Document
	for _, n := range d.Networks {
		if r := v.network(n.Name); r != nil {
			out.Networks = append(out.Networks, v.networkView(r))
		}
	}
	for _, id := range done.endpoints {
		if r := v.endpoint(id); r != nil {
			out.Endpoints = append(out.Endpoints, v.endpointView(r))
		}
	}
	for _, r := range d.Routers {
		if r := v.router(r.Name); r != nil {
			out.Routers = append(out.Routers, r.Router)
		}
	}
	for _, f := range done.forwards {
		if r := v.forward(f[0], f[1]); r != nil {
			out.Forwards = append(out.Forwards, r.Forward)
		}
	}
	if u := v.declaredUnderlay(); u != nil && d.Underlay != nil {
		now := v.underlayView(u)
		out.Underlay = &now
	}
	return out
}

// within places the field of an error inside the document.
func within(err error, at string) error {
	var e *model.Error
	if errors.As(err, &e) {
		return e.Within(at)
	}
	return fmt.Errorf("%s: %w", at, err)
}
