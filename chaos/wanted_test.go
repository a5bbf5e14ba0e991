package chaos

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// wanted is what has to be there, because REST answered so.
type wanted struct {
	networks  map[string]model.Network
	endpoints map[string]model.Endpoint
	revision  uint64 // the highest that a write was answered with
	writes    int
}

// learn takes over what the controller shows, at the beginning of a run.
func (r *run) learn() {
	have, err := r.have()
	r.must(err)
	r.wanted = have
}

// have is what the controller shows.
func (r *run) have() (*wanted, error) {
	networks, err := r.api.Networks(r.ctx)
	if err != nil {
		return nil, err
	}
	endpoints, err := r.api.Endpoints(r.ctx, "")
	if err != nil {
		return nil, err
	}
	w := &wanted{networks: map[string]model.Network{}, endpoints: map[string]model.Endpoint{}}
	for _, n := range networks {
		w.networks[n.Name] = durableNetwork(n)
	}
	for _, e := range endpoints {
		w.endpoints[e.ID] = durableEndpoint(e)
	}
	return w, nil
}

// durableNetwork is a network without what changes by itself.
func durableNetwork(n model.Network) model.Network {
	n.Endpoints, n.Conditions, n.MTULimit = 0, nil, nil
	return n
}

// durableEndpoint is the same for an endpoint.
func durableEndpoint(e model.Endpoint) model.Endpoint {
	e.Location, e.State, e.Conditions = "", "", nil
	return e
}

// differences says in what the controller's objects differ from what is wanted:
// a write that was lost or is half there, a VNI, an address or a MAC that did
// not stay, a revision of a change that nobody asked for.
func (w *wanted) differences(have *wanted) []string {
	return slices.Concat(
		differences("network", w.networks, have.networks),
		differences("endpoint", w.endpoints, have.endpoints),
	)
}

func differences[T any](kind string, want, have map[string]T) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, there := have[name]
		switch {
		case !there:
			out = append(out, fmt.Sprintf("%s %s is lost", kind, name))
		case !reflect.DeepEqual(want[name], got):
			out = append(out, fmt.Sprintf("%s %s is %+v, and was answered as %+v", kind, name, got, want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, there := want[name]; !there {
			out = append(out, fmt.Sprintf("%s %s is there, and nobody wants it", kind, name))
		}
	}
	return out
}

// of are the endpoints of a network, in the order of their ids.
func (w *wanted) of(network string) []model.Endpoint {
	var out []model.Endpoint
	for _, id := range slices.Sorted(maps.Keys(w.endpoints)) {
		if e := w.endpoints[id]; e.Network == network {
			out = append(out, e)
		}
	}
	return out
}
