package hostside

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// The keys of the external_ids of Interface weft-gw. Each value is a list with
// spaces between; an absent key is an empty list.
const (
	keyAddress   = "weft-address"
	keyRouter    = "weft-router"
	keyRouterMAC = "weft-router-mac"
	keyTransit   = "weft-transit"
	keyRoutes    = "weft-routes"
	keyForwards  = "weft-forwards"
)

// Gateway is what the host side of a gateway shall be. In the terms of the
// kernel, Open vSwitch is a router behind the interface weft-gw: it has all
// endpoints, each known by a transit address, and some subnets as they are.
type Gateway struct {
	Addresses []netip.Prefix   // of this host on weft-gw: one of 32 bits, one of 128, or one of both
	Routers   []netip.Addr     // next hops behind weft-gw
	RouterMAC net.HardwareAddr // theirs, so that nobody has to be asked
	Transit   []netip.Prefix   // what all transit addresses are from
	Routes    []netip.Prefix   // subnets that are reached without translation
	Forwards  []Forward
}

// Forward is a port of this host that leads to an endpoint: to its transit
// address, or to its own where its subnet is among the routes. If At has the
// unspecified address, any local address of that family is meant.
type Forward struct {
	Protocol uint8 // IPPROTO_TCP or IPPROTO_UDP
	At, To   netip.AddrPort
}

// protocols are those that have ports, and that the controller forwards.
var protocols = map[string]uint8{"tcp": 6, "udp": 17}

// Parse reads the external_ids of the interface. What cannot be understood
// makes the whole unusable: half a gateway would be worse than the one before.
func Parse(externalIDs map[string]string) (Gateway, error) {
	var g Gateway
	err := errors.Join(
		list(externalIDs, keyAddress, netip.ParsePrefix, &g.Addresses),
		list(externalIDs, keyRouter, netip.ParseAddr, &g.Routers),
		list(externalIDs, keyTransit, netip.ParsePrefix, &g.Transit),
		list(externalIDs, keyRoutes, netip.ParsePrefix, &g.Routes),
		list(externalIDs, keyForwards, parseForward, &g.Forwards),
	)
	if err != nil {
		return Gateway{}, err
	}
	if g.RouterMAC, err = net.ParseMAC(externalIDs[keyRouterMAC]); err != nil || len(g.RouterMAC) != 6 {
		return Gateway{}, fmt.Errorf("%s: %q is not an Ethernet address", keyRouterMAC, externalIDs[keyRouterMAC])
	}
	return g, g.check()
}

// list parses the elements of one value.
func list[T any](externalIDs map[string]string, key string, parse func(string) (T, error), into *[]T) error {
	for _, text := range strings.Fields(externalIDs[key]) {
		v, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %q: %w", key, text, err)
		}
		*into = append(*into, v)
	}
	return nil
}

// parseForward reads "tcp/0.0.0.0:8080>100.65.0.7:80".
func parseForward(text string) (Forward, error) {
	protocol, rest, _ := strings.Cut(text, "/")
	at, to, _ := strings.Cut(rest, ">")
	var f Forward
	var known bool
	if f.Protocol, known = protocols[protocol]; !known {
		return f, errors.New("neither tcp/ nor udp/")
	}
	var err error
	if f.At, err = netip.ParseAddrPort(at); err != nil {
		return f, err
	}
	if f.To, err = netip.ParseAddrPort(to); err != nil {
		return f, err
	}
	switch {
	case f.At.Port() == 0 || f.To.Port() == 0:
		return f, errors.New("there is no port 0")
	case f.At.Addr().Is4() != f.To.Addr().Is4():
		return f, errors.New("an IPv4 port cannot lead to an IPv6 address, nor the reverse")
	case f.At.Addr().Is4In6() || f.To.Addr().Is4In6() || f.At.Addr().Zone() != "" || f.To.Addr().Zone() != "":
		return f, errors.New("not a plain IPv4 or IPv6 address")
	}
	return f, nil
}

// check finds what no kernel could be made to do, and puts the lists into the
// one form in which they are compared.
func (g *Gateway) check() error {
	if len(g.Addresses) == 0 {
		return fmt.Errorf("%s is empty", keyAddress)
	}
	for _, a := range g.Addresses {
		if !a.IsSingleIP() || a.Addr().Is4In6() {
			return fmt.Errorf("%s: %s is not a single address, such as 100.64.0.3/32", keyAddress, a)
		}
		if _, ok := g.router(a.Addr().Is4()); !ok {
			return fmt.Errorf("%s: no router for %s", keyRouter, a.Addr())
		}
	}
	for key, prefixes := range map[string][]netip.Prefix{keyTransit: g.Transit, keyRoutes: g.Routes} {
		for i, p := range prefixes {
			if p.Bits() == 0 || p.Addr().Is4In6() {
				return fmt.Errorf("%s: %s cannot be Weft's", key, p)
			}
			if _, ok := g.address(p.Addr().Is4()); !ok {
				return fmt.Errorf("%s: %s, but %s has no address of that family", key, p, keyAddress)
			}
			prefixes[i] = p.Masked()
		}
	}
	seen := make(map[Forward]bool)
	for _, f := range g.Forwards {
		taken := Forward{Protocol: f.Protocol, At: f.At}
		if seen[taken] {
			return fmt.Errorf("%s: %s is there twice", keyForwards, f.At)
		}
		seen[taken] = true
		if !within(g.Transit, f.To.Addr()) && !within(g.Routes, f.To.Addr()) {
			return fmt.Errorf("%s: %s is not behind %s", keyForwards, f.To.Addr(), Interface)
		}
	}
	return nil
}

// router is the next hop of one family.
func (g *Gateway) router(v4 bool) (netip.Addr, bool) {
	i := slices.IndexFunc(g.Routers, func(a netip.Addr) bool { return a.Is4() == v4 })
	if i < 0 {
		return netip.Addr{}, false
	}
	return g.Routers[i], true
}

// address is the host's own on weft-gw, of one family.
func (g *Gateway) address(v4 bool) (netip.Addr, bool) {
	i := slices.IndexFunc(g.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() == v4 })
	if i < 0 {
		return netip.Addr{}, false
	}
	return g.Addresses[i].Addr(), true
}

// without6 is the same for a host whose kernel has no IPv6.
func (g Gateway) without6() Gateway {
	g.Addresses, g.Transit, g.Routes = without6(g.Addresses), without6(g.Transit), without6(g.Routes)
	g.Routers = slices.DeleteFunc(slices.Clone(g.Routers), netip.Addr.Is6)
	g.Forwards = slices.DeleteFunc(slices.Clone(g.Forwards), func(f Forward) bool { return f.At.Addr().Is6() })
	return g
}

func without6(prefixes []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(prefixes), func(p netip.Prefix) bool { return p.Addr().Is6() })
}
