package model

import (
	"fmt"
	"net/netip"
	"slices"
)

// Modes of a gateway.
const (
	GatewayNone   = "none"
	GatewayLocal  = "local"  // answers for its address, routes between networks
	GatewayRouted = "routed" // and lets packets out as they are
	GatewaySNAT   = "snat"   // and translates their source
)

// maxGatewayHosts is as many as have a group each in the id of which they have
// four bits.
const maxGatewayHosts = 16

// Gateway is the way out of a network.
type Gateway struct {
	Addresses  []Addr   `json:"addresses,omitempty"`
	Mode       string   `json:"mode,omitempty"`
	Hosts      []string `json:"hosts,omitempty"` // none: every host is its own way out
	HostAccess bool     `json:"hostAccess,omitempty"`
}

func (n *Network) checkGateway() *Error {
	g := n.Gateway
	if g == nil {
		return nil
	}
	switch g.Mode {
	case GatewayNone, GatewayLocal, GatewayRouted, GatewaySNAT:
	default:
		return Invalidf("gateway.mode", "%q: use %s, %s, %s or %s", shorten(g.Mode), GatewayNone, GatewayLocal, GatewayRouted, GatewaySNAT)
	}
	if g.Mode != GatewayNone && len(n.Subnets) == 0 {
		return Invalidf("gateway", "a network without subnets is layer 2 only and has no gateway: add subnets, or leave gateway out")
	}
	if g.HostAccess && !n.Leaves() {
		return Invalidf("gateway.hostAccess", "needs mode %s or %s", GatewayRouted, GatewaySNAT)
	}
	taken := map[netip.Prefix]netip.Addr{}
	for i, a := range g.Addresses {
		field := fmt.Sprintf("gateway.addresses[%d]", i)
		if err := a.check(field); err != nil {
			return err
		}
		subnet, ok := n.SubnetOf(a.Addr)
		if !ok {
			return Invalidf(field, "%s is outside the subnets of network %q (%s)", a.Addr, n.Name, n.subnetList())
		}
		if err := CheckHostAddress(field, subnet, a.Addr); err != nil {
			return err
		}
		if other, has := taken[subnet]; has {
			return Invalidf(field, "subnet %s has the gateway %s already: one for each subnet", subnet, other)
		}
		taken[subnet] = a.Addr
	}
	if len(g.Hosts) > maxGatewayHosts {
		return Invalidf("gateway.hosts", "%d hosts: a network has %d gateway hosts at the most, or none, and then every host is its own way out", len(g.Hosts), maxGatewayHosts)
	}
	for i, h := range g.Hosts {
		if h == "" {
			return Invalidf(fmt.Sprintf("gateway.hosts[%d]", i), "a host's name must not be empty")
		}
		if slices.Contains(g.Hosts[:i], h) {
			return Invalidf(fmt.Sprintf("gateway.hosts[%d]", i), "%q stands here twice", shorten(h))
		}
	}
	return nil
}

// HasGatewayAddress reports whether a is one of the gateway's own addresses.
func (n *Network) HasGatewayAddress(a netip.Addr) bool {
	return n.Gateway != nil && slices.ContainsFunc(n.Gateway.Addresses, func(g Addr) bool { return g.Addr == a })
}

// GatewayMode is the mode that is wanted, [GatewayNone] without a gateway.
func (n *Network) GatewayMode() string {
	if n.Gateway == nil {
		return GatewayNone
	}
	return n.Gateway.Mode
}

// Leaves reports whether packets leave the network by a host's kernel.
func (n *Network) Leaves() bool {
	mode := n.GatewayMode()
	return mode == GatewayRouted || mode == GatewaySNAT
}

// ReachedDirectly reports whether the kernel of a gateway host has a route to
// the network's own addresses, which there cannot be two of.
func (n *Network) ReachedDirectly() bool {
	return n.Leaves() && (n.Gateway.Mode == GatewayRouted || n.Gateway.HostAccess)
}

// SharesGateway reports whether there may be a host that is a gateway of both
// networks. One that names no hosts has them all.
func (n *Network) SharesGateway(o *Network) bool {
	if !n.Leaves() || !o.Leaves() {
		return false
	}
	return len(n.Gateway.Hosts) == 0 || len(o.Gateway.Hosts) == 0 ||
		slices.ContainsFunc(n.Gateway.Hosts, func(h string) bool { return slices.Contains(o.Gateway.Hosts, h) })
}

// Overlap finds a subnet of each network that have addresses in common; i is
// the index of the network's own.
func (n *Network) Overlap(o *Network) (i int, theirs Prefix, found bool) {
	for i, p := range n.Subnets {
		for _, q := range o.Subnets {
			if p.Overlaps(q.Prefix) {
				return i, q, true
			}
		}
	}
	return 0, Prefix{}, false
}
