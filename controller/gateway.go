package controller

import (
	"cmp"
	"iter"
	"slices"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// anyHost stands, among the exits of a network, for every host that has an
// endpoint of it.
const anyHost = ""

var modes = map[string]flows.Mode{
	model.GatewayLocal:  flows.Local,
	model.GatewayRouted: flows.Routed,
	model.GatewaySNAT:   flows.SNAT,
}

// exits are the names of the hosts through which packets leave the network, as
// they are wanted, or anyHost alone.
func (n *networkRecord) exits() []string {
	switch {
	case !n.Leaves():
		return nil
	case len(n.Gateway.Hosts) == 0:
		return []string{anyHost}
	}
	return n.Gateway.Hosts
}

// leavingBy are the networks that name a host as their exit; for anyHost,
// those that name none.
func (v view) leavingBy(name string) iter.Seq[*networkRecord] {
	return each[networkRecord](v, tableNetwork, byExit, name)
}

// exitHosts are the hosts that a network names as its exits and that are
// known, by number.
func (v view) exitHosts(n *networkRecord) []*hostRecord {
	var hosts []*hostRecord
	for _, name := range n.exits() {
		if h := v.hostByName(name); name != anyHost && h != nil {
			hosts = append(hosts, h)
		}
	}
	slices.SortFunc(hosts, func(a, b *hostRecord) int { return cmp.Compare(a.Number, b.Number) })
	return hosts
}

// servedBy are the networks that leave through a host, by VNI.
func (v view) servedBy(h *hostRecord) []*networkRecord {
	served := slices.Collect(v.leavingBy(h.Name))
	seen := map[string]bool{}
	for p := range each[placeRecord](v, tablePlace, byHost, h.SystemID) {
		e := v.endpoint(p.Endpoint)
		if e == nil || seen[e.Network] {
			continue
		}
		seen[e.Network] = true
		if n := v.network(e.Network); n != nil && n.Leaves() && len(n.Gateway.Hosts) == 0 {
			served = append(served, n)
		}
	}
	slices.SortFunc(served, func(a, b *networkRecord) int { return cmp.Compare(a.VNI, b.VNI) })
	return served
}

// fabricGateway is what flows depend on of a network's gateway, nil if it has
// none. limits are what the underlay of all hosts carries.
func (v view) fabricGateway(n *networkRecord, limits map[string]limit) *flows.Gateway {
	mode := modes[n.GatewayMode()]
	if mode == 0 {
		return nil
	}
	g := &flows.Gateway{Mode: mode, Limit: uint16(n.carried(limits)), Zone: n.Zone, HostAccess: n.Gateway.HostAccess}
	for _, a := range n.gatewayAddresses() {
		g.Addresses = append(g.Addresses, a.Addr)
	}
	for _, p := range n.Subnets {
		g.Subnets = append(g.Subnets, p.Prefix)
	}
	for _, vni := range v.peersOf(n.Name) {
		if v.networkByVNI(vni).GatewayMode() != model.GatewayNone {
			g.Peers = append(g.Peers, vni)
		}
	}
	if !mode.Leaves() {
		g.Zone = 0
		return g
	}
	for _, h := range v.exitHosts(n) {
		g.Hosts = append(g.Hosts, flows.Exit{Host: h.Number, Draining: h.Draining})
	}
	if n.GatewayMode() == model.GatewaySNAT {
		g.Fallback = v.fallback(n)
	}
	if len(n.Gateway.Hosts) > 0 && len(g.Hosts) == 0 {
		// No host at all would mean every host. It is none: nothing leaves
		// until one of those that are named is there.
		g.Mode, g.Zone, g.HostAccess, g.Fallback = flows.Local, 0, false, flows.Transit{}
	}
	return g
}

// fallback are the addresses as which gateway hosts know the machines behind the
// NICs of a network, one of each family that the network has.
func (v view) fallback(n *networkRecord) flows.Transit {
	var out flows.Transit
	if first[nicRecord](v, tableNIC, byNetwork, n.Name) == nil {
		return out
	}
	v4, v6 := v.transit.Network(n.Zone)
	for _, p := range n.Subnets {
		if p.Prefix.Addr().Is4() {
			out.V4 = v4
		} else {
			out.V6 = v6
		}
	}
	return out
}

// fabricForwards are what flows depend on of the forwards that lead to an
// endpoint: the hosts have translated address and port already.
func (v view) fabricForwards(e *endpointRecord) []flows.Forward {
	var out []flows.Forward
	for f := range v.forwardsOf(e.ID) {
		out = append(out, flows.Forward{Protocol: protocols[f.Protocol], Port: uint16(f.EndpointPort)})
	}
	slices.SortFunc(out, func(a, b flows.Forward) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
	})
	return slices.Compact(out)
}

// protocols are the numbers of what forwards can be of (IANA).
var protocols = map[string]uint8{model.TCP: 6, model.UDP: 17}
