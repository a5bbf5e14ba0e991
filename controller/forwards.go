package controller

import (
	"context"
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// Forwards are the forwards of a network, or all for "".
func (c *Controller) Forwards(network string) ([]model.Forward, error) {
	v := c.snapshot()
	out := []model.Forward{}
	records := all[forwardRecord](v, tableForward)
	if network != "" {
		if v.network(network) == nil {
			return nil, noNetwork("", network)
		}
		records = v.forwardsIn(network)
	}
	for f := range records {
		out = append(out, f.Forward)
	}
	return out, nil
}

// Forward is the forward of that id in a network.
func (c *Controller) Forward(network, id string) (model.Forward, error) {
	v := c.snapshot()
	f := v.forward(network, id)
	switch {
	case f != nil:
		return f.Forward, nil
	case v.network(network) == nil:
		return model.Forward{}, noNetwork("", network)
	}
	return model.Forward{}, noForward(network, id)
}

// CreateForward declares a forward of f.Network. One of that id, or without
// one a forward of the same port, which is the same in all that f says is no
// error.
func (c *Controller) CreateForward(ctx context.Context, f model.Forward, options WriteOptions) (model.Forward, Outcome, error) {
	return c.writeForward(ctx, options, func(t *tx) (*forwardRecord, bool, error) {
		f.Normalize()
		old := t.samePort(&f)
		if old == nil {
			now, err := t.putForward(f, "")
			return now, true, err
		}
		if err := f.Check(); err != nil {
			return nil, false, err
		}
		if id, err := t.endpointIn(f.Network, f.Endpoint); err == nil {
			f.Endpoint = id
		}
		return old, false, sameForward(old, &f)
	})
}

// PutForward declares the forward f.ID of f.Network, or changes it.
func (c *Controller) PutForward(ctx context.Context, f model.Forward, options WriteOptions) (model.Forward, Outcome, error) {
	return c.writeForward(ctx, options, func(t *tx) (*forwardRecord, bool, error) {
		old := t.forward(f.Network, f.ID)
		var revision uint64
		source := ""
		if old != nil {
			revision, source = old.Revision, old.Source
		}
		if err := checkRevision(options, fmt.Sprintf("forward %q", f.ID), revision); err != nil {
			return nil, false, err
		}
		now, err := t.putForward(f, source)
		return now, old == nil, err
	})
}

func (c *Controller) writeForward(ctx context.Context, options WriteOptions, change func(*tx) (*forwardRecord, bool, error)) (model.Forward, Outcome, error) {
	var created bool
	var now model.Forward
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		f, is, err := change(t)
		if err != nil {
			return nil, err
		}
		if err := t.checkForward(f); err != nil {
			return nil, err
		}
		created, now = is, f.Forward
		return []string{f.Network}, nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		if stored, gone := c.Forward(now.Network, now.ID); gone == nil {
			now = stored
		}
	}
	return now, out, err
}

// DeleteForward removes a forward.
func (c *Controller) DeleteForward(ctx context.Context, network, id string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		f := t.forward(network, id)
		switch {
		case f != nil:
		case t.network(network) == nil:
			return nil, noNetwork("", network)
		default:
			return nil, noForward(network, id)
		}
		if err := checkRevision(options, fmt.Sprintf("forward %q", id), f.Revision); err != nil {
			return nil, err
		}
		t.delete(tableForward, f)
		return []string{network}, nil
	})
}

// putForward adds or changes a forward in the transaction. Whether it fits what
// else there is is for checkForward, when all is in.
func (t *tx) putForward(f model.Forward, source string) (*forwardRecord, error) {
	f.Normalize()
	now := &forwardRecord{Forward: f, Source: source}
	now.Conditions, now.Revision = nil, 0
	if now.Network == "" {
		return nil, model.Invalidf("network", "say of which network the endpoint %q is", f.Endpoint)
	}
	if err := now.Check(); err != nil {
		return nil, err
	}
	if t.network(now.Network) == nil {
		return nil, noNetwork("network", now.Network)
	}
	var err error
	if now.Endpoint, err = t.endpointIn(now.Network, now.Endpoint); err != nil {
		return nil, err
	}
	if now.ID == "" {
		now.ID = t.chooseForwardID(now)
	}
	if old := t.forward(now.Network, now.ID); old != nil && old.Source == source && old.wanted() == now.wanted() {
		return old, nil
	}
	t.put(tableForward, now)
	return now, nil
}

// endpointIn is the id of the endpoint of a network that is called by its id or
// its name.
func (t *tx) endpointIn(network, called string) (string, error) {
	if e := t.endpoint(called); e != nil && e.Network == network {
		return e.ID, nil
	}
	if e := first[endpointRecord](t.view, tableEndpoint, byName, network, called); e != nil {
		return e.ID, nil
	}
	return "", model.Invalidf("endpoint", "network %q has no endpoint with the id or name %q: GET /networks/%s/endpoints lists them", network, called, network)
}

// chooseForwardID makes an id of what the forward is about: tcp-8080.
func (t *tx) chooseForwardID(f *forwardRecord) string {
	id := fmt.Sprintf("%s-%d", f.Protocol, f.Port)
	for n := 2; t.forward(f.Network, id) != nil; n++ {
		id = fmt.Sprintf("%s-%d-%d", f.Protocol, f.Port, n)
	}
	return id
}

// samePort is the forward that a POST is about: that of its id, or else that of
// exactly its port.
func (t *tx) samePort(f *model.Forward) *forwardRecord {
	if f.ID != "" {
		return t.forward(f.Network, f.ID)
	}
	for o := range each[forwardRecord](t.view, tableForward, byPort, f.Protocol, f.Port) {
		if o.Network == f.Network && o.Address == f.Address {
			return o
		}
	}
	return nil
}

// sameForward says in what a forward differs from what is asked for.
func sameForward(old *forwardRecord, f *model.Forward) error {
	differs := func(field string) error {
		return model.Errorf(model.Conflict, field, "forward %q of network %q exists, and differs in %s: PUT /networks/%s/forwards/%s to change it, or take another id and port", old.ID, old.Network, field, old.Network, old.ID)
	}
	switch {
	case old.Address != f.Address:
		return differs("address")
	case old.Port != f.Port:
		return differs("port")
	case old.Protocol != f.Protocol:
		return differs("protocol")
	case old.Endpoint != f.Endpoint:
		return differs("endpoint")
	case old.EndpointPort != f.EndpointPort:
		return differs("endpointPort")
	}
	return nil
}

// forwardTarget is what is wanted of a forward, to be compared.
type forwardTarget struct {
	id, network, protocol, endpoint string
	address                         model.Addr
	port, endpointPort              int
}

func (f *forwardRecord) wanted() forwardTarget {
	return forwardTarget{f.ID, f.Network, f.Protocol, f.Endpoint, f.Address, f.Port, f.EndpointPort}
}

// checkForward says why a forward does not fit its network, its endpoint or
// another forward.
func (t *tx) checkForward(f *forwardRecord) error {
	n := t.network(f.Network)
	if !n.Leaves() {
		return model.Errorf(model.Conflict, "", "network %q has no gateway hosts through which a forward could lead in: PUT it with gateway mode %s or %s first", f.Network, model.GatewayRouted, model.GatewaySNAT)
	}
	if err := checkForwardAddress(f, t.endpoint(f.Endpoint)); err != nil {
		return err
	}
	for o := range each[forwardRecord](t.view, tableForward, byPort, f.Protocol, f.Port) {
		if o.Network == f.Network && o.ID == f.ID || f.Address.IsValid() && o.Address.IsValid() && f.Address != o.Address {
			continue
		}
		if o.Network == f.Network {
			return model.Errorf(model.Conflict, "port", "%s is taken by forward %q (%s): take another port, or another address, or PUT that forward to change it", f.Title(), o.ID, o.Title())
		}
		if other := t.network(o.Network); other != nil && n.SharesGateway(&other.Network) {
			return model.Errorf(model.Conflict, "port", "%s is taken by forward %q (%s) of network %q, and both networks have a gateway host in common: take another port, or another address", f.Title(), o.ID, o.Title(), o.Network)
		}
	}
	return nil
}

// checkForwardAddress makes sure that the endpoint has an address of the kind
// that comes in: nothing translates between IPv4 and IPv6.
func checkForwardAddress(f *forwardRecord, e *endpointRecord) error {
	fits := func(a model.Addr) bool { return !f.Address.IsValid() || a.Is4() == f.Address.Is4() }
	if e != nil && slices.ContainsFunc(e.Addresses, fits) {
		return nil
	}
	what := "address"
	switch {
	case f.Address.IsValid() && f.Address.Is4():
		what = "IPv4 address"
	case f.Address.IsValid():
		what = "IPv6 address"
	}
	return model.Errorf(model.Conflict, "endpoint", "endpoint %q has no %s to which %s could lead: give it one, or another address to the forward", f.Endpoint, what, f.Title())
}

func noForward(network, id string) error {
	return model.Errorf(model.NotFound, "", "network %q has no forward %q: GET /networks/%s/forwards lists them", network, id, network)
}
