package controller

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// checkRenumbered makes sure that what depends on networks that were declared
// or changed fits them.
func (t *tx) checkRenumbered() error {
	for _, name := range slices.Sorted(maps.Keys(t.renumbered)) {
		if err := t.checkFit(name); err != nil {
			return err
		}
	}
	return nil
}

// checkFit makes sure that the endpoints, routers and forwards of a network fit
// it as it is now, and that it gets along with others on its gateway hosts.
func (t *tx) checkFit(name string) error {
	delete(t.renumbered, name)
	n := t.network(name)
	if n == nil {
		return nil
	}
	for e := range t.endpointsOf(name) {
		if err := e.Check(&n.Network); err != nil {
			return model.Errorf(model.Conflict, "subnets", "endpoint %q of network %q would no longer fit: %s; delete or change it first, or change both in one POST /apply", e.Title(), name, err.Detail)
		}
	}
	for r := range t.routersOf(name) {
		if n.GatewayMode() == model.GatewayNone {
			return model.Errorf(model.Conflict, "gateway", "network %q is on router %q, which needs its gateway: leave it one, or PUT the router without the network first", name, r.Name)
		}
		if err := t.checkRouter(r); err != nil {
			return model.Errorf(model.Conflict, "subnets", "router %q would no longer be possible: %s; or change both in one POST /apply", r.Name, detailOf(err))
		}
	}
	for f := range t.forwardsIn(name) {
		if err := t.checkForward(f); err != nil {
			return model.Errorf(model.Conflict, "gateway", "forward %q of network %q would no longer be possible: %s; or delete the forward first", f.ID, name, detailOf(err))
		}
	}
	return t.checkDirect(n)
}

// checkDirect refuses two networks with an address in common to which the
// kernel of one host would need a route each, and those with an address that is
// an endpoint's transit address there.
func (t *tx) checkDirect(n *networkRecord) error {
	if !n.ReachedDirectly() {
		return nil
	}
	for i, p := range n.Subnets {
		for _, transit := range []netip.Prefix{t.transit.V4, t.transit.V6} {
			if p.Overlaps(transit) {
				return model.Errorf(model.Conflict, fmt.Sprintf("subnets[%d]", i),
					"%s overlaps %s, by addresses of which gateway hosts know translated endpoints: take another subnet, start the controller with another --transit4 or --transit6, or use mode %s without hostAccess",
					p.Prefix, transit, model.GatewaySNAT)
			}
		}
	}
	for o := range all[networkRecord](t.view, tableNetwork) {
		if o.Name == n.Name || !o.ReachedDirectly() || !n.SharesGateway(&o.Network) {
			continue
		}
		if i, theirs, overlap := n.Overlap(&o.Network); overlap {
			return model.Errorf(model.Conflict, fmt.Sprintf("subnets[%d]", i),
				"%s overlaps %s of network %q, and a host that is a gateway of both could not tell which one is meant: renumber one, give them different gateway hosts, or use mode %s without hostAccess in one",
				n.Subnets[i].Prefix, theirs.Prefix, o.Name, model.GatewaySNAT)
		}
	}
	return nil
}

// detailOf is the sentence of an error, without the field that it is about.
func detailOf(err error) string {
	var e *model.Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}
