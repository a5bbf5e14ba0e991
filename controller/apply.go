package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// Apply makes the objects of a document exist as it says, all or none. Objects
// that are there are changed as by PUT. With options.Prune, what an earlier
// document of that source declared and this one does not is removed.
func (c *Controller) Apply(ctx context.Context, d model.Document, options WriteOptions) (model.Document, Outcome, error) {
	var ids []string
	var created bool
	var now model.Document
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		if len(d.Routers) > 0 {
			return nil, model.Invalidf("routers", "routing between networks is not available in this version: leave routers out")
		}
		if options.Prune != "" {
			if err := model.CheckSource("prune", options.Prune); err != nil {
				return nil, err
			}
		}
		var err error
		ids, created, err = t.apply(d, options.Prune)
		if err != nil {
			return nil, err
		}
		now = t.applied(d, ids)
		var networks []string
		for _, n := range now.Networks {
			networks = append(networks, n.Name)
		}
		for _, e := range now.Endpoints {
			if e.Location != "" && !slices.Contains(networks, e.Network) {
				networks = append(networks, e.Network)
			}
		}
		return networks, nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		now = (&tx{view: c.snapshot()}).applied(d, ids)
	}
	return now, out, err
}

func (t *tx) apply(d model.Document, source string) (ids []string, created bool, err error) {
	if source != "" {
		t.pruneEndpoints(d, source)
	}
	networks := map[string]bool{}
	for i, n := range d.Networks {
		at := fmt.Sprintf("networks[%d]", i)
		if networks[n.Name] {
			return nil, false, model.Invalidf(at+".name", "network %q stands here twice", n.Name)
		}
		networks[n.Name] = true
		old := t.network(n.Name)
		created = created || old == nil
		from := source
		if from == "" && old != nil {
			from = old.Source
		}
		if err := t.putNetwork(n, from); err != nil {
			return nil, false, within(err, at)
		}
	}
	ids = make([]string, len(d.Endpoints))
	endpoints := map[string]bool{}
	for _, i := range choosersLast(d.Endpoints) {
		e := d.Endpoints[i]
		at := fmt.Sprintf("endpoints[%d]", i)
		if e.ID == "" && e.Name == "" {
			return nil, false, model.Invalidf(at, "give the endpoint an id or a name, so that it is found when this is applied again")
		}
		old := t.sameNamed(&e)
		created = created || old == nil
		from := source
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
			return nil, false, within(err, at)
		}
		if endpoints[id] {
			return nil, false, model.Invalidf(at, "endpoint %q stands here twice", e.Title())
		}
		endpoints[id] = true
		ids[i] = id
	}
	for i, id := range ids {
		if err := t.checkUnique(t.endpoint(id)); err != nil {
			return nil, false, within(err, fmt.Sprintf("endpoints[%d]", i))
		}
	}
	if source != "" {
		err = t.pruneNetworks(networks, source)
	}
	return ids, created, err
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

func (t *tx) pruneEndpoints(d model.Document, source string) {
	named := map[[2]string]bool{}
	for _, e := range d.Endpoints {
		if e.ID != "" {
			named[[2]string{e.ID}] = true
		} else {
			named[[2]string{e.Network, e.Name}] = true
		}
	}
	for _, e := range slices.Collect(all[endpointRecord](t.view, tableEndpoint)) {
		if e.Source == source && !named[[2]string{e.ID}] && !named[[2]string{e.Network, e.Name}] {
			t.forget(e)
			t.resettle(e)
		}
	}
}

func (t *tx) pruneNetworks(named map[string]bool, source string) error {
	for _, n := range slices.Collect(all[networkRecord](t.view, tableNetwork)) {
		if n.Source != source || named[n.Name] {
			continue
		}
		if err := t.deleteNetwork(n, false); err != nil {
			return model.Errorf(model.Conflict, "networks", "pruning %q: %v", n.Name, err)
		}
	}
	return nil
}

// applied is the document as it is stored.
func (t *tx) applied(d model.Document, ids []string) model.Document {
	var out model.Document
	for _, n := range d.Networks {
		if r := t.network(n.Name); r != nil {
			out.Networks = append(out.Networks, t.networkView(r))
		}
	}
	for _, id := range ids {
		if r := t.endpoint(id); r != nil {
			out.Endpoints = append(out.Endpoints, t.endpointView(r))
		}
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
