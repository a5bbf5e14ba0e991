package controller

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
)

// Networks are all networks, by name.
func (c *Controller) Networks() []model.Network {
	v := c.snapshot()
	out := []model.Network{}
	for r := range all[networkRecord](v, tableNetwork) {
		out = append(out, v.networkView(r))
	}
	return out
}

// Network is the network of that name.
func (c *Controller) Network(name string) (model.Network, error) {
	v := c.snapshot()
	r := v.network(name)
	if r == nil {
		return model.Network{}, noNetwork("", name)
	}
	return v.networkView(r), nil
}

// CreateNetwork declares a network. One that is there already and is the same
// in all that n says is no error.
func (c *Controller) CreateNetwork(ctx context.Context, n model.Network, options WriteOptions) (model.Network, Outcome, error) {
	return c.writeNetwork(ctx, options, n.Name, func(t *tx) (bool, error) {
		n.Normalize()
		if old := t.network(n.Name); old != nil {
			return false, sameNetwork(old, &n)
		}
		return true, t.putNetwork(n, "")
	})
}

// PutNetwork declares a network, or changes it. What it leaves out of what
// Weft chooses stays as it was chosen.
func (c *Controller) PutNetwork(ctx context.Context, n model.Network, options WriteOptions) (model.Network, Outcome, error) {
	return c.writeNetwork(ctx, options, n.Name, func(t *tx) (bool, error) {
		old := t.network(n.Name)
		var revision uint64
		source := ""
		if old != nil {
			revision, source = old.Revision, old.Source
		}
		if err := checkRevision(options, fmt.Sprintf("network %q", n.Name), revision); err != nil {
			return false, err
		}
		return old == nil, t.putNetwork(n, source)
	})
}

func (c *Controller) writeNetwork(ctx context.Context, options WriteOptions, name string, change func(*tx) (bool, error)) (model.Network, Outcome, error) {
	var created bool
	var now model.Network
	out, err := c.write(ctx, options, func(t *tx) ([]string, error) {
		var err error
		if created, err = change(t); err != nil {
			return nil, err
		}
		now = t.networkView(t.network(name))
		return []string{name}, nil
	})
	out.Created = created
	if err == nil && !options.DryRun || model.KindOf(err) == model.Timeout {
		if stored, gone := c.Network(name); gone == nil {
			now = stored
		}
	}
	return now, out, err
}

// DeleteNetwork removes a network; one with endpoints or NICs, or on a router,
// only with Force.
func (c *Controller) DeleteNetwork(ctx context.Context, name string, options WriteOptions) (Outcome, error) {
	return c.write(ctx, options, func(t *tx) ([]string, error) {
		n := t.network(name)
		if n == nil {
			return nil, noNetwork("", name)
		}
		if err := checkRevision(options, fmt.Sprintf("network %q", name), n.Revision); err != nil {
			return nil, err
		}
		return nil, t.deleteNetwork(n, options.Force)
	})
}

func (t *tx) deleteNetwork(n *networkRecord, force bool) error {
	endpoints := slices.Collect(t.endpointsOf(n.Name))
	nics := slices.Collect(t.nicsIn(n.Name))
	if !force {
		for r := range t.routersOf(n.Name) {
			return model.Errorf(model.Conflict, "", "network %q is on router %q: PUT the router without it first, or add ?force=true to take it off its routers and delete it", n.Name, r.Name)
		}
		switch {
		case len(endpoints) > 0:
			return model.Errorf(model.Conflict, "", "network %q has %d endpoints (%s): delete them first, or add ?force=true to delete all of it", n.Name, len(endpoints), titles(endpoints))
		case len(nics) > 0:
			return model.Errorf(model.Conflict, "", "interface %q of host %q is in network %q: DELETE /hosts/%[2]s/ports/%[1]s first, or add ?force=true to delete all of it", nics[0].Interface, t.hostName(nics[0].SystemID), n.Name)
		}
	}
	for _, e := range endpoints {
		t.forget(e)
	}
	for _, nic := range nics {
		t.delete(tableNIC, nic)
	}
	t.leave(n.Name)
	t.delete(tableNetwork, n)
	return nil
}

// putNetwork adds or changes a network in the transaction.
func (t *tx) putNetwork(n model.Network, source string) error {
	n.Normalize()
	old := t.network(n.Name)
	now := &networkRecord{Network: n, Source: source}
	now.Endpoints, now.MTULimit, now.Conditions, now.Revision = 0, nil, nil, 0
	if old != nil {
		now.keepChosen(old)
	}
	if err := now.Check(); err != nil {
		return err
	}
	if old != nil {
		switch {
		case now.VNI != old.VNI:
			return model.Errorf(model.Conflict, "vni", "network %q has VNI %d, which is never changed: delete the network and declare it anew, or leave vni out", n.Name, old.VNI)
		case now.Encap != old.Encap:
			return model.Errorf(model.Conflict, "encap", "network %q has encapsulation %s, which is never changed: delete the network and declare it anew, or leave encap out", n.Name, old.Encap)
		case old.Source == source && reflect.DeepEqual(old.wanted(), now.wanted()):
			return nil
		}
	}
	if err := t.chooseVNI(now, old); err != nil {
		return err
	}
	if now.MTU == 0 {
		now.MTU = t.chooseMTU(now.Encap)
	}
	if err := t.chooseGateway(now); err != nil {
		return err
	}
	if err := now.Check(); err != nil {
		return err
	}
	t.put(tableNetwork, now)
	if old != nil {
		t.touched[now.Name] = true
		delete(t.c.pools.addresses, now.Name)
	}
	t.renumbered[now.Name] = true
	return nil
}

// keepChosen takes over what was chosen for the network and is not given now.
func (n *networkRecord) keepChosen(old *networkRecord) {
	if n.VNI == 0 {
		n.VNI = old.VNI
	}
	if n.MTU == 0 {
		n.MTU = old.MTU
	}
	n.keepSlices(old)
	if n.GatewayMode() == model.GatewayNone || old.Gateway == nil {
		return
	}
	now := *n.Gateway
	now.Addresses = slices.Clone(now.Addresses)
	for _, a := range old.Gateway.Addresses {
		subnet, inside := n.SubnetOf(a.Addr)
		if inside && !slices.ContainsFunc(now.Addresses, func(given model.Addr) bool { return subnet.Contains(given.Addr) }) {
			now.Addresses = append(now.Addresses, a)
		}
	}
	n.Gateway = &now
}

// chooseGateway gives a gateway an address in each subnet in which it has none.
func (t *tx) chooseGateway(n *networkRecord) error {
	if n.GatewayMode() == model.GatewayNone {
		return nil
	}
	now := *n.Gateway
	now.Addresses = slices.Clone(now.Addresses)
	for i, p := range n.Subnets {
		if slices.ContainsFunc(now.Addresses, func(a model.Addr) bool { return p.Contains(a.Addr) }) {
			continue
		}
		pool, err := ipam.NewSubnet(p.Prefix)
		if err != nil {
			return model.Invalidf(fmt.Sprintf("subnets[%d]", i), "%v", err)
		}
		for e := range t.endpointsOf(n.Name) {
			for _, a := range e.Addresses {
				if p.Contains(a.Addr) {
					_ = pool.Take(a.Addr) // that it is in the subnet has been asked
				}
			}
		}
		a, err := pool.Lowest()
		if err != nil {
			return model.Errorf(model.Exhausted, "gateway.addresses", "no address of %s is left for the gateway: delete an endpoint there, or give the network a larger subnet", p.Prefix)
		}
		now.Addresses = append(now.Addresses, model.AddrFrom(a))
	}
	n.Gateway = &now
	return nil
}

func (t *tx) chooseVNI(n, old *networkRecord) error {
	if old != nil {
		return nil
	}
	if n.VNI == 0 {
		for {
			vni, err := t.c.pools.vnis.Lowest()
			if err != nil {
				return model.Errorf(model.Exhausted, "vni", "no VNI is left to choose: %v", err)
			}
			if t.networkByVNI(vni) == nil {
				n.VNI = vni
				return nil
			}
			// Another network of the same document asked for it by number.
			t.c.pools.vnis.Take(vni)
			t.vnis = append(t.vnis, vni)
		}
	}
	if other := t.networkByVNI(n.VNI); other != nil {
		return model.Errorf(model.Conflict, "vni", "VNI %d is taken by network %q: take another, or leave vni out and one is chosen", n.VNI, other.Name)
	}
	var holders []string
	for p := range each[presenceRecord](t.view, tablePresence, byVNI, n.VNI) {
		holders = append(holders, t.hostName(p.Host))
	}
	if len(holders) > 0 {
		return model.Errorf(model.Conflict, "vni", "VNI %d was a deleted network's, and these hosts have not confirmed yet that its flows are gone: %s; wait until they are connected, DELETE the hosts if they never come back, or take another VNI", n.VNI, strings.Join(holders, ", "))
	}
	return nil
}

// sameNetwork says in what a network differs from what is asked for; what was
// left out is what was chosen.
func sameNetwork(old *networkRecord, n *model.Network) error {
	asked := &networkRecord{Network: *n}
	asked.keepChosen(old)
	if err := asked.Check(); err != nil {
		return err
	}
	differs := func(field string) error {
		if field == "vni" || field == "encap" {
			return model.Errorf(model.Conflict, field, "network %q exists, and has another %s, which is never changed: delete the network and declare it anew, or take another name", n.Name, field)
		}
		return model.Errorf(model.Conflict, field, "network %q exists, and differs in %s: PUT it to change it, or take another name", n.Name, field)
	}
	a, b := old.wanted(), asked.wanted()
	switch {
	case a.VNI != b.VNI:
		return differs("vni")
	case !slices.Equal(a.Subnets, b.Subnets):
		return differs("subnets")
	case a.MTU != b.MTU:
		return differs("mtu")
	case a.Encap != b.Encap:
		return differs("encap")
	case a.Unknown != b.Unknown:
		return differs("unknown")
	case !reflect.DeepEqual(a.Gateway, b.Gateway):
		return differs("gateway")
	case !reflect.DeepEqual(a.Slices, b.Slices):
		return differs("slices")
	case a.SliceSize != b.SliceSize:
		return differs("sliceSize")
	}
	return nil
}

// wanted is the network without what only Weft says of it.
func (n *networkRecord) wanted() model.Network {
	w := n.Network
	w.Endpoints, w.MTULimit, w.Conditions, w.Revision = 0, nil, nil, 0
	if g := w.Gateway; g != nil {
		now := *g
		if len(now.Addresses) == 0 {
			now.Addresses = nil
		}
		if len(now.Hosts) == 0 {
			now.Hosts = nil
		}
		w.Gateway = &now
	}
	if len(w.Subnets) == 0 {
		w.Subnets = nil
	}
	if len(w.Slices) == 0 {
		w.Slices = nil
	}
	return w
}

// floods reports whether questions for unknown addresses go to everybody.
func (n *networkRecord) floods() bool { return n.Unknown == model.Flood }

func noNetwork(field, name string) error {
	kind := model.NotFound
	if field != "" {
		kind = model.Invalid
	}
	return model.Errorf(kind, field, "there is no network %q: GET /networks lists them", name)
}

func titles(endpoints []*endpointRecord) string {
	const most = 5
	var names []string
	for i, e := range endpoints {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, e.Title())
	}
	return strings.Join(names, ", ")
}
