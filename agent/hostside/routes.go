package hostside

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// route is what of a route on weft-gw is compared.
type route struct {
	to          netip.Prefix
	via, source netip.Addr
	onlink      bool // the next hop is taken to be there: no subnet on weft-gw has it
}

// wantedRoutes lead everything that Open vSwitch has behind the router. With the
// host's own transit address for a source, what the host itself sends can be
// answered by networks that know only of transit addresses.
func wantedRoutes(g Gateway) map[route]bool {
	want := make(map[route]bool)
	for _, prefixes := range [][]netip.Prefix{g.Transit, g.Routes} {
		for _, p := range prefixes {
			via, _ := g.router(p.Addr().Is4())
			source, _ := g.address(p.Addr().Is4())
			want[route{to: p, via: via, source: source, onlink: true}] = true
		}
	}
	return want
}

func ensureRoutes(link netlink.Link, g Gateway) error {
	index := link.Attrs().Index
	var have []netlink.Route
	err := whole(func() (err error) {
		have, err = netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{LinkIndex: index}, netlink.RT_FILTER_OIF)
		return err
	})
	if err != nil {
		return fmt.Errorf("list the routes on %s: %w", Interface, err)
	}
	missing := wantedRoutes(g)
	var errs []error
	for _, r := range have {
		if r.Protocol == unix.RTPROT_KERNEL { // comes and goes with an address
			continue
		}
		via, _ := netip.AddrFromSlice(r.Gw)
		source, _ := netip.AddrFromSlice(r.Src)
		is := route{to: prefixOf(r.Dst), via: via.Unmap(), source: source.Unmap(), onlink: r.Flags&int(netlink.FLAG_ONLINK) != 0}
		if missing[is] {
			delete(missing, is)
			continue
		}
		if err := netlink.RouteDel(&r); err != nil {
			errs = append(errs, fmt.Errorf("take the route to %s off %s: %w", is.to, Interface, err))
		}
	}
	for r := range missing {
		errs = append(errs, addRoute(index, r))
	}
	return errors.Join(errs...)
}

// addRoute never replaces a route: one to the same subnet elsewhere is the
// host's own.
func addRoute(index int, r route) error {
	err := netlink.RouteAdd(&netlink.Route{
		LinkIndex: index, Dst: netOf(r.to), Gw: r.via.AsSlice(), Src: r.source.AsSlice(), Flags: int(netlink.FLAG_ONLINK),
	})
	if errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("the host has a route of its own to %s, which a network of Weft uses: give up one of them", r.to)
	}
	if err != nil {
		return fmt.Errorf("add the route to %s on %s: %w", r.to, Interface, err)
	}
	return nil
}
