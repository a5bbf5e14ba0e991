package controller

import (
	"slices"

	"github.com/weft-sdn/weft/model"
)

// prune removes what an earlier document of the source had besides networks,
// and this one has not.
func (t *tx) prune(d model.Document, source string) {
	type title struct{ kind, network, name string }
	named := map[title]bool{}
	for _, e := range d.Endpoints {
		if e.ID != "" {
			named[title{"endpoint", "", e.ID}] = true
		} else {
			named[title{"endpoint", e.Network, e.Name}] = true
		}
	}
	for _, r := range d.Routers {
		named[title{"router", "", r.Name}] = true
	}
	for _, f := range d.Forwards {
		f.Normalize()
		if old := t.samePort(&f); old != nil {
			named[title{"forward", old.Network, old.ID}] = true
		}
	}
	if u := t.declaredUnderlay(); u != nil && u.Source == source && d.Underlay == nil {
		t.delete(tableUnderlay, u)
		t.adjoin()
	}
	for _, f := range slices.Collect(all[forwardRecord](t.view, tableForward)) {
		if f.Source == source && !named[title{"forward", f.Network, f.ID}] {
			t.delete(tableForward, f)
		}
	}
	for _, r := range slices.Collect(all[routerRecord](t.view, tableRouter)) {
		if r.Source == source && !named[title{"router", "", r.Name}] {
			t.delete(tableRouter, r)
		}
	}
	for _, e := range slices.Collect(all[endpointRecord](t.view, tableEndpoint)) {
		if e.Source == source && !named[title{"endpoint", "", e.ID}] && !named[title{"endpoint", e.Network, e.Name}] {
			t.forget(e)
			t.resettle(e)
		}
	}
}

// pruneNetworks comes last: until then something may be in them.
func (t *tx) pruneNetworks(d model.Document, source string) error {
	named := map[string]bool{}
	for _, n := range d.Networks {
		named[n.Name] = true
	}
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
