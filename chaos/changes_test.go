package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// A change is something that a user does. It returns false where that is not
// possible now.
type change func(*run, *rand.Rand) bool

// writes need a controller, plugging needs none.
var (
	writes = []change{
		(*run).createEndpoint, (*run).createEndpoint, (*run).deleteEndpoint, (*run).pin, (*run).renumber,
		(*run).createNetwork, (*run).deleteNetwork, (*run).takeATakenAddress, (*run).applyWithAnError, (*run).changeWhatChanged,
	}
	pluggings = []change{(*run).plug, (*run).plug, (*run).unplug, (*run).move, (*run).claimTwice}
)

// change does one that is possible, unless none is.
func (r *run) change(dice *rand.Rand) {
	r.t.Helper()
	possible := pluggings
	if r.controller != killed && r.pending == nil {
		possible = slices.Concat(writes, pluggings)
	}
	for range 10 {
		if one(dice, possible)(r, dice) {
			return
		}
	}
}

const maxEndpoints = 16

// createEndpoint declares an endpoint with an address and a MAC that another
// network may have too, or with chosen ones.
func (r *run) createEndpoint(dice *rand.Rand) bool {
	network := one(dice, slices.Sorted(maps.Keys(r.wanted.networks)))
	e, ok := r.newEndpoint(dice, network)
	if !ok {
		return false
	}
	r.send(dice, &write{
		what: fmt.Sprintf("create endpoint %s in %s", e.ID, network),
		call: func(ctx context.Context, o client.WriteOptions) (model.Document, client.Outcome, error) {
			stored, outcome, err := r.api.CreateEndpoint(ctx, e, o)
			return model.Document{Endpoints: []model.Endpoint{stored}}, outcome, err
		},
		endpoints: map[string]*model.Endpoint{e.ID: &e},
	})
	r.plugSpare(dice, e.ID)
	return true
}

// newEndpoint makes one with a free id; ids are few, so that they come back,
// and find ports that still bear them.
func (r *run) newEndpoint(dice *rand.Rand, network string) (model.Endpoint, bool) {
	n, ok := r.wanted.networks[network]
	if !ok || len(r.wanted.endpoints) >= maxEndpoints {
		return model.Endpoint{}, false
	}
	id := fmt.Sprintf("%s-%d", network, 1+dice.IntN(8))
	if _, taken := r.wanted.endpoints[id]; taken {
		return model.Endpoint{}, false
	}
	e := model.Endpoint{ID: id, Name: id, Network: network}
	number := byte(1 + dice.IntN(12))
	mac := model.MACFrom([6]byte{2, 0, 0, 0, 0, number})
	for _, other := range r.wanted.of(network) {
		if other.MAC == mac || slices.ContainsFunc(other.Addresses, func(a model.Addr) bool { return lastByte(a.Addr) == number }) {
			return e, true // chosen by the controller
		}
	}
	e.MAC = mac
	for _, p := range n.Subnets {
		e.Addresses = append(e.Addresses, model.AddrFrom(numbered(p.Prefix, number)))
	}
	return e, true
}

// numbered is the address of a subnet that ends with a number.
func numbered(subnet netip.Prefix, number byte) netip.Addr {
	b := subnet.Addr().AsSlice()
	b[len(b)-1] = number
	a, _ := netip.AddrFromSlice(b)
	return a
}

func lastByte(a netip.Addr) byte {
	b := a.AsSlice()
	return b[len(b)-1]
}

// deleteEndpoint leaves the port plugged, or not.
func (r *run) deleteEndpoint(dice *rand.Rand) bool {
	id := one(dice, slices.Sorted(maps.Keys(r.wanted.endpoints)))
	if id == "" {
		return false
	}
	r.send(dice, &write{
		what: "delete endpoint " + id,
		call: func(ctx context.Context, o client.WriteOptions) (model.Document, client.Outcome, error) {
			outcome, err := r.api.DeleteEndpoint(ctx, id, o)
			return model.Document{}, outcome, err
		},
		endpoints: map[string]*model.Endpoint{id: nil},
	})
	if dice.IntN(2) == 0 {
		for _, c := range r.having(id) {
			r.give(c, "")
		}
	}
	return true
}

// pin lets an endpoint be on one host only, or anywhere again.
func (r *run) pin(dice *rand.Rand) bool {
	id := one(dice, slices.Sorted(maps.Keys(r.wanted.endpoints)))
	if id == "" {
		return false
	}
	e := r.wanted.endpoints[id]
	was := e.Host
	e.Host = one(dice, []string{"", "host1", "host2", "host3"})
	if e.Host == was {
		return false
	}
	r.send(dice, r.put(fmt.Sprintf("pin endpoint %s to %q", id, e.Host), e, 0))
	return true
}

// put is the change of one endpoint.
func (r *run) put(what string, e model.Endpoint, ifMatch uint64) *write {
	return &write{
		what: what,
		call: func(ctx context.Context, o client.WriteOptions) (model.Document, client.Outcome, error) {
			o.IfMatch = ifMatch
			stored, outcome, err := r.api.PutEndpoint(ctx, e, o)
			return model.Document{Endpoints: []model.Endpoint{stored}}, outcome, err
		},
		endpoints: map[string]*model.Endpoint{e.ID: &e},
	}
}

// apply is a change of several objects, all or none.
func (r *run) apply(what string, d model.Document) *write {
	w := &write{
		what: what,
		call: func(ctx context.Context, o client.WriteOptions) (model.Document, client.Outcome, error) {
			return r.api.Apply(ctx, d, o)
		},
		networks: map[string]*model.Network{}, endpoints: map[string]*model.Endpoint{},
	}
	for i := range d.Networks {
		w.networks[d.Networks[i].Name] = &d.Networks[i]
	}
	for i := range d.Endpoints {
		w.endpoints[d.Endpoints[i].ID] = &d.Endpoints[i]
	}
	return w
}

// randomSubnets are of three for all networks, so that many have equal ones.
func randomSubnets(dice *rand.Rand) []model.Prefix {
	n := 1 + dice.IntN(3)
	return []model.Prefix{model.MustPrefix(fmt.Sprintf("10.%d.0.0/24", n)), model.MustPrefix(fmt.Sprintf("fd00:%d::/64", n))}
}

// renumber gives a network other subnets, and its endpoints addresses in them.
func (r *run) renumber(dice *rand.Rand) bool {
	name := one(dice, slices.Sorted(maps.Keys(r.wanted.networks)))
	n := r.wanted.networks[name]
	subnets := randomSubnets(dice)
	if name == "" || slices.Equal(n.Subnets, subnets) {
		return false
	}
	n.Subnets = subnets
	if n.Gateway != nil {
		g := *n.Gateway
		g.Addresses = nil
		for _, p := range subnets {
			g.Addresses = append(g.Addresses, model.AddrFrom(numbered(p.Prefix, 254)))
		}
		n.Gateway = &g
	}
	d := model.Document{Networks: []model.Network{n}}
	for _, e := range r.wanted.of(name) {
		number := lastByte(e.Addresses[0].Addr)
		e.Addresses = nil
		for _, p := range subnets {
			e.Addresses = append(e.Addresses, model.AddrFrom(numbered(p.Prefix, number)))
		}
		d.Endpoints = append(d.Endpoints, e)
	}
	r.send(dice, r.apply(fmt.Sprintf("renumber %s to %v", name, subnets[0]), d))
	return true
}

// createNetwork declares a network with two endpoints in one document. Its VNI
// is chosen, or one that a deleted network may have had.
func (r *run) createNetwork(dice *rand.Rand) bool {
	name := one(dice, []string{"amber", "black"})
	if _, there := r.wanted.networks[name]; there || len(r.wanted.endpoints)+2 > maxEndpoints {
		return false
	}
	n := model.Network{Name: name, Subnets: randomSubnets(dice), VNI: one(dice, []uint32{0, 7001, 7002})}
	d := model.Document{Networks: []model.Network{n}, Endpoints: []model.Endpoint{
		{ID: name + "-1", Name: name + "-1", Network: name},
		{ID: name + "-2", Name: name + "-2", Network: name},
	}}
	w := r.apply(fmt.Sprintf("create network %s with VNI %d and two endpoints", name, n.VNI), d)
	if n.VNI != 0 {
		// Another has it, or a host has not confirmed that it is gone.
		w.mayRefuse = model.Conflict
	}
	r.send(dice, w)
	r.plugSpare(dice, name+"-1")
	r.plugSpare(dice, name+"-2")
	return true
}

func (r *run) deleteNetwork(dice *rand.Rand) bool {
	name := one(dice, []string{"amber", "black", "green"})
	if _, there := r.wanted.networks[name]; !there || name == "green" && dice.IntN(3) > 0 {
		return false
	}
	w := &write{
		what: "delete network " + name + " with all its endpoints",
		call: func(ctx context.Context, o client.WriteOptions) (model.Document, client.Outcome, error) {
			o.Force = true
			outcome, err := r.api.DeleteNetwork(ctx, name, o)
			return model.Document{}, outcome, err
		},
		networks: map[string]*model.Network{name: nil}, endpoints: map[string]*model.Endpoint{},
	}
	for _, e := range r.wanted.of(name) {
		w.endpoints[e.ID] = nil
	}
	r.send(dice, w)
	return true
}

// takeATakenAddress has to be refused.
func (r *run) takeATakenAddress(dice *rand.Rand) bool {
	id := one(dice, slices.Sorted(maps.Keys(r.wanted.endpoints)))
	e := r.wanted.endpoints[id]
	others := r.wanted.of(e.Network)
	if len(others) < 2 {
		return false
	}
	other := one(dice, others)
	if other.ID == id {
		return false
	}
	e.Addresses = other.Addresses
	w := r.put(fmt.Sprintf("give endpoint %s the addresses of %s", id, other.ID), e, 0)
	w.refusal = model.Conflict
	r.send(dice, w)
	return true
}

// applyWithAnError is right in all but its last object: nothing may come of it.
func (r *run) applyWithAnError(dice *rand.Rand) bool {
	w := r.apply("apply a document whose last endpoint is in no network", model.Document{
		Networks:  []model.Network{{Name: "white", Subnets: randomSubnets(dice)}},
		Endpoints: []model.Endpoint{{ID: "white-1", Name: "white-1", Network: "white"}, {ID: "white-2", Name: "white-2", Network: "nowhere"}},
	})
	w.refusal = model.Invalid
	r.send(dice, w)
	return true
}

// changeWhatChanged is based on a revision that is no more.
func (r *run) changeWhatChanged(dice *rand.Rand) bool {
	id := one(dice, slices.Sorted(maps.Keys(r.wanted.endpoints)))
	e := r.wanted.endpoints[id]
	if e.Revision < 2 {
		return false
	}
	e.Name += "-x"
	w := r.put("change an older revision of endpoint "+id, e, e.Revision-1)
	w.refusal = model.PreconditionFailed
	r.send(dice, w)
	return true
}

// unused are containers that are to have no endpoint.
func (r *run) unused() []*lab.Container {
	return r.containers(func(c *lab.Container) bool { return r.attachment[c.Name] == "" })
}

// having are the containers that are to have an endpoint.
func (r *run) having(id string) []*lab.Container {
	return r.containers(func(c *lab.Container) bool { return id != "" && r.attachment[c.Name] == id })
}
