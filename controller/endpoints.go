package controller

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
)

// Endpoints are the endpoints of a network, or all for "".
func (c *Controller) Endpoints(network string) ([]model.Endpoint, error) {
	v := c.snapshot()
	out := []model.Endpoint{}
	if network == "" {
		for r := range all[endpointRecord](v, tableEndpoint) {
			out = append(out, v.endpointView(r))
		}
		return out, nil
	}
	if v.network(network) == nil {
		return nil, noNetwork("", network)
	}
	for r := range v.endpointsOf(network) {
		out = append(out, v.endpointView(r))
	}
	return out, nil
}

// Endpoint is the endpoint of that id.
func (c *Controller) Endpoint(id string) (model.Endpoint, error) {
	v := c.snapshot()
	r := v.endpoint(id)
	if r == nil {
		return model.Endpoint{}, noEndpoint(id)
	}
	return v.endpointView(r), nil
}

// CreateEndpoint declares an endpoint of e.Network. One of that id, or that
// name in the network, which is the same in all that e says is no error.
func (c *Controller) CreateEndpoint(ctx context.Context, e model.Endpoint, options WriteOptions) (model.Endpoint, Outcome, error) {
	return c.writeEndpoint(ctx, options, func(t *tx) (string, bool, error) {
		e.Normalize()
		if old := t.sameNamed(&e); old != nil {
			return old.ID, false, t.sameEndpoint(old, &e)
		}
		id, err := t.putEndpoint(e, "")
		return id, true, err
	})
}

// PutEndpoint declares the endpoint e.ID, or changes it. What it leaves out of
// what Weft chooses stays as it was chosen.
func (c *Controller) PutEndpoint(ctx context.Context, e model.Endpoint, options WriteOptions) (model.Endpoint, Outcome, error) {
	return c.writeEndpoint(ctx, options, func(t *tx) (string, bool, error) {
		old := t.endpoint(e.ID)
		var revision uint64
		source := ""
		if old != nil {
			revision, source = old.Revision, old.Source
		}
		if err := checkRevision(options, fmt.Sprintf("endpoint %q", e.ID), revision); err != nil {
			return "", false, err
		}
		id, err := t.putEndpoint(e, source)
		return id, old == nil, err
	})
}

func (c *Controller) writeEndpoint(ctx context.Context, options WriteOptions, change func(*tx) (string, bool, error)) (model.Endpoint, Outcome, error) {
	var id string
	var created bool
	var now model.Endpoint
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		var err error
		if id, created, err = change(t); err != nil {
			return nil, err
		}
		if err := t.checkUnique(t.endpoint(id)); err != nil {
			return nil, err
		}
		now = t.endpointView(t.endpoint(id))
		if t.place(id).Host == "" {
			return nil, nil // an unbound endpoint concerns no host
		}
		return []string{now.Network}, nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		if stored, gone := c.Endpoint(id); gone == nil {
			now = stored
		}
	}
	return now, out, err
}

// DeleteEndpoint removes an endpoint. Its port stays, and belongs to nobody.
func (c *Controller) DeleteEndpoint(ctx context.Context, id string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		e := t.endpoint(id)
		if e == nil {
			return nil, noEndpoint(id)
		}
		if err := checkRevision(options, fmt.Sprintf("endpoint %q", id), e.Revision); err != nil {
			return nil, err
		}
		bound := t.place(id).Host != ""
		t.forget(e)
		t.resettle(e)
		if !bound {
			return nil, nil
		}
		return []string{e.Network}, nil
	})
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
	if old != nil && old.Source == source && reflect.DeepEqual(old.wanted(), now.wanted()) {
		return old.ID, nil
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
	if old != nil {
		t.resettle(old)
	}
	t.settle(now)
	t.resettle(now)
	return now.ID, nil
}

// complete chooses what an endpoint leaves to be chosen.
func (t *tx) complete(e *endpointRecord, n *networkRecord) error {
	if e.ID == "" {
		e.ID = uuid.NewString()
	}
	if len(e.Addresses) == 0 {
		// One address of each family that the network has.
		var families [2]bool
		for _, p := range n.Subnets {
			family := 0
			if p.Prefix.Addr().Is6() {
				family = 1
			}
			if families[family] {
				continue
			}
			a, err := t.chooseFrom(n, family == 1)
			if err != nil {
				return err
			}
			families[family] = true
			e.Addresses = append(e.Addresses, model.AddrFrom(a))
		}
	} else if pools := t.c.pools.addresses[n.Name]; pools != nil {
		for subnet, pool := range pools {
			for _, a := range e.Addresses {
				if subnet.Contains(a.Addr) {
					t.touched[n.Name] = true
					pool.Take(a.Addr) // in use already: checkUnique says by whom
				}
			}
		}
	}
	if e.MAC.IsZero() && e.Container == "" {
		e.MAC = t.chooseMAC(e, n)
	}
	return nil
}

// chooseFrom gives out an address of the first subnet of a family that has one.
func (t *tx) chooseFrom(n *networkRecord, six bool) (a netip.Addr, err error) {
	for _, p := range n.Subnets {
		if p.Prefix.Addr().Is6() != six {
			continue
		}
		if a, err = t.chooseAddress(n, p.Prefix); err == nil || model.KindOf(err) != model.Exhausted {
			return a, err
		}
	}
	return a, err
}

// chooseMAC derives the MAC from the first IPv4 address as Docker does, so
// that an endpoint which is declared anew with the same address has the same
// MAC and no neighbour holds a stale one.
func (t *tx) chooseMAC(e *endpointRecord, n *networkRecord) model.MAC {
	a, ok := e.FirstIPv4()
	if !ok && len(e.Addresses) > 0 {
		a, ok = e.Addresses[0].Addr, true
	}
	if !ok {
		// Layer 2 only: there is nothing to derive from but the id.
		return model.MACFrom(macFromID(e.ID))
	}
	return model.MACFrom(ipam.MAC(a, n.VNI))
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
		return model.Errorf(model.Conflict, field, "endpoint %q exists with another %s: PUT /endpoints/%s to change it, or take another id or name", old.Title(), field, old.ID)
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
	}
	return nil
}

// wanted is the endpoint without what only Weft says of it.
func (e *endpointRecord) wanted() model.Endpoint {
	w := e.Endpoint
	w.Prefixes, w.Gateway, w.MTU, w.Location, w.State, w.Conditions, w.Revision = nil, nil, 0, "", "", nil, 0
	return w
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
	if e.Container == "" {
		return nil
	}
	for o := range each[endpointRecord](t.view, tableEndpoint, byContainer, e.Container, e.Interface) {
		if o.ID != e.ID && (o.Host == e.Host || o.Host == "" || e.Host == "") {
			return model.Errorf(model.Conflict, "container", "%s of container %q is endpoint %q of network %q already: give another interface, or host where containers of that name are on several hosts", e.Interface, e.Container, o.Title(), o.Network)
		}
	}
	return nil
}

func noEndpoint(id string) error {
	return model.Errorf(model.NotFound, "", "there is no endpoint with id %q: GET /endpoints lists them", id)
}

// macFromID makes a locally administered address (IEEE 802c) of an id. It is
// the same for the same id, so an endpoint that is declared anew keeps it.
func macFromID(id string) [6]byte {
	sum := sha256.Sum256([]byte(id))
	mac := [6]byte(sum[:6])
	mac[0] = mac[0]&^3 | 2
	return mac
}
