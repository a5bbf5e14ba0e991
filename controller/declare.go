package controller

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// putEndpoint adds or changes an endpoint in the transaction. Whether what it
// asks for is taken by another is for checkUnique, when all is in.
func (t *tx) putEndpoint(e model.Endpoint, source string) (string, error) {
	var old *endpointRecord
	if e.ID != "" {
		if err := model.CheckID("id", e.ID); err != nil {
			return "", err
		}
		old = t.endpoint(e.ID)
	}
	now := &endpointRecord{Endpoint: e, Source: source}
	now.Prefixes, now.Gateway, now.MTU, now.Location, now.State, now.Conditions, now.Revision = nil, nil, 0, "", "", nil, 0
	if old != nil {
		now.keepChosen(old)
	}
	now.Normalize()
	if now.Network == "" {
		return "", model.Invalidf("network", "say which network the endpoint %q is in", now.Title())
	}
	n := t.network(now.Network)
	if n == nil {
		return "", noNetwork("network", now.Network)
	}
	if old != nil && old.Network != now.Network {
		return "", model.Errorf(model.Conflict, "network", "endpoint %q is in network %q: delete it and declare it anew to move it to %q", old.ID, old.Network, now.Network)
	}
	if err := now.Check(&n.Network); err != nil {
		return "", err
	}
	if now.MAC.Bytes == flows.RouterMAC {
		return "", model.Invalidf("mac", "%s is that of every network's gateway: take another, or leave it out and one is chosen", now.MAC)
	}
	if old != nil && old.Source == source && reflect.DeepEqual(old.wanted(), now.wanted()) {
		return old.ID, nil
	}
	if err := checkSlices(now, old, n); err != nil {
		return "", err
	}
	if err := t.complete(now, n); err != nil {
		return "", err
	}
	if old == nil {
		number, err := t.chooseNumber()
		if err != nil {
			return "", err
		}
		now.Number = number
	} else {
		now.Number = old.Number
		t.touched[now.Network] = true
	}
	t.put(tableEndpoint, now)
	for f := range t.forwardsOf(now.ID) {
		if err := checkForwardAddress(f, now); err != nil {
			return "", model.Errorf(model.Conflict, "addresses", "forward %q of network %q would no longer fit: %s; delete or change it first", f.ID, f.Network, detailOf(err))
		}
	}
	if old != nil {
		t.resettle(old)
	}
	t.settle(now)
	t.resettle(now)
	return now.ID, nil
}

// keepChosen takes over what was chosen for the endpoint, or learned of it,
// and is not given now.
func (e *endpointRecord) keepChosen(old *endpointRecord) {
	if e.Network == "" {
		e.Network = old.Network
	}
	if e.MAC.IsZero() {
		e.MAC, e.Adopted = old.MAC, old.Adopted
	}
	if len(e.Addresses) == 0 {
		e.Addresses = old.Addresses
	}
}

// wanted is the endpoint without what only Weft says of it.
func (e *endpointRecord) wanted() model.Endpoint {
	w := e.Endpoint
	w.Prefixes, w.Gateway, w.MTU, w.Location, w.State, w.Conditions, w.Revision = nil, nil, 0, "", "", nil, 0
	return w
}

// sameNamed is the endpoint that a POST is about: that of its id, or else that
// of its name in the network.
func (t *tx) sameNamed(e *model.Endpoint) *endpointRecord {
	if e.ID != "" {
		return t.endpoint(e.ID)
	}
	if e.Name != "" {
		return first[endpointRecord](t.view, tableEndpoint, byName, e.Network, e.Name)
	}
	return nil
}

// sameEndpoint says in what an endpoint differs from what is asked for; what
// was left out is what was chosen.
func (t *tx) sameEndpoint(old *endpointRecord, e *model.Endpoint) error {
	if old.Network == e.Network {
		if n := t.network(e.Network); n != nil {
			if err := e.Check(&n.Network); err != nil {
				return err
			}
		}
	}
	asked := &endpointRecord{Endpoint: *e}
	asked.keepChosen(old)
	differs := func(field string) error {
		return model.Errorf(model.Conflict, field, "endpoint %q exists, and differs in %s: PUT /endpoints/%s to change it, or take another id or name", old.Title(), field, old.ID)
	}
	a, b := old.wanted(), asked.wanted()
	switch {
	case a.Network != b.Network:
		return differs("network")
	case a.Name != b.Name:
		return differs("name")
	case a.MAC != b.MAC:
		return differs("mac")
	case !slices.Equal(a.Addresses, b.Addresses):
		return differs("addresses")
	case a.Container != b.Container:
		return differs("container")
	case a.Interface != b.Interface:
		return differs("interface")
	case a.Host != b.Host:
		return differs("host")
	case a.Kind != b.Kind:
		return differs("kind")
	}
	return nil
}

// checkUnique refuses an endpoint that asks for what another has.
func (t *tx) checkUnique(e *endpointRecord) error {
	other := func(index string, args ...any) *endpointRecord {
		for o := range each[endpointRecord](t.view, tableEndpoint, index, args...) {
			if o.ID != e.ID {
				return o
			}
		}
		return nil
	}
	taken := func(field, what string, by *endpointRecord) error {
		return model.Errorf(model.Conflict, field, "%s is taken by endpoint %q of network %q: take another, or leave it out and one is chosen", what, by.Title(), by.Network)
	}
	if e.Name != "" {
		if o := other(byName, e.Network, e.Name); o != nil {
			return model.Errorf(model.Conflict, "name", "network %q has an endpoint %q already, with id %s: names are unique in a network", e.Network, e.Name, o.ID)
		}
	}
	for i, a := range e.Addresses {
		if o := other(byAddress, e.Network, a.String()); o != nil {
			return taken(fmt.Sprintf("addresses[%d]", i), a.String(), o)
		}
	}
	if !e.MAC.IsZero() {
		if o := other(byMAC, e.Network, e.MAC.String()); o != nil {
			return taken("mac", e.MAC.String(), o)
		}
	}
	if err := t.checkSelf(e); err != nil || e.Container == "" {
		return err
	}
	for o := range each[endpointRecord](t.view, tableEndpoint, byContainer, e.Container, e.Interface) {
		if o.ID != e.ID && (o.Host == e.Host || o.Host == "" || e.Host == "") {
			return model.Errorf(model.Conflict, "container", "%s of container %q is endpoint %q of network %q already: give another interface, or host where containers of that name are on several hosts", e.Interface, e.Container, o.Title(), o.Network)
		}
	}
	return nil
}

// resettle decides anew about endpoints that share a container with one that
// was changed.
func (t *tx) resettle(e *endpointRecord) {
	if e.Container == "" {
		return
	}
	for _, other := range slices.Collect(each[endpointRecord](t.view, tableEndpoint, byContainer, e.Container, e.Interface)) {
		if other.ID != e.ID {
			t.settle(other)
		}
	}
}
