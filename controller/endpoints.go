package controller

import (
	"context"
	"fmt"

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

func noEndpoint(id string) error {
	return model.Errorf(model.NotFound, "", "there is no endpoint with id %q: GET /endpoints lists them", id)
}
