package lab

import (
	"net/netip"

	"github.com/vishvananda/netlink"
)

// internetSegment is the segment behind the router in which the internet is.
const internetSegment = "inet"

// buildInternet makes a machine behind the router. Both know the subnets of the
// hosts and no other, so that what leaves a network gets an answer only if a
// host has put its own address on it.
func (l *Lab) buildInternet() error {
	spec := l.Topology.Internet
	if len(spec.Addresses) == 0 {
		return nil
	}
	m := l.Machine(internetName)
	if err := m.in.create(); err != nil {
		return err
	}
	var routers []netip.Prefix
	for _, p := range spec.Addresses {
		routers = append(routers, netip.PrefixFrom(firstFree(p, map[netip.Addr]bool{p.Addr(): true}), p.Bits()))
	}
	err := l.namespace(routerName).link(func(h *netlink.Handle) error {
		return addBridge(h, internetSegment, l.Topology.Underlay.MTU, routers...)
	})
	if err != nil {
		return err
	}
	if err := l.cable(m.in, internetName, internetSegment); err != nil {
		return err
	}
	u := &l.Topology.Underlay
	return m.in.link(func(h *netlink.Handle) error {
		if err := setUp(h, nic); err != nil {
			return err
		}
		for i, p := range spec.Addresses {
			if err := addAddressAtOnce(h, nic, p); err != nil {
				return err
			}
			for _, segments := range []map[string]netip.Prefix{u.Segments, u.Segments6} {
				for _, subnet := range segments {
					if subnet.Addr().Is4() != p.Addr().Is4() {
						continue
					}
					if err := addRoute(h, nic, subnet, routers[i].Addr()); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}
