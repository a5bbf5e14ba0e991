package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// The underlay is one namespace: a Linux bridge for each segment, into which
// the machines of that segment are plugged, and whose own interface carries
// the router's address. The kernel routes between the bridges.

const (
	// nic is what every machine calls its interface to the underlay.
	nic = "eth0"

	bridgePrefix = "br-"
	plugPrefix   = "p-" // the router's end of a machine's cable
)

func (l *Lab) buildUnderlay() error {
	router := l.namespace(routerName)
	if err := router.create(); err != nil {
		return err
	}
	for _, key := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding"} {
		if err := router.sysctl(key, "1"); err != nil {
			return err
		}
	}
	u := &l.Topology.Underlay
	return router.link(func(h *netlink.Handle) error {
		for _, name := range sortedKeys(u.Segments) {
			attrs := netlink.NewLinkAttrs()
			attrs.Name, attrs.MTU = bridgePrefix+name, u.MTU
			snooping := false // a bridge without a querier would drop multicast, ND included
			if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}); err != nil {
				return fmt.Errorf("make segment %s: %w", name, err)
			}
			if err := addAddress(h, attrs.Name, netip.PrefixFrom(u.Router[name], u.Segments[name].Bits())); err != nil {
				return err
			}
			if err := setUp(h, attrs.Name); err != nil {
				return err
			}
		}
		return nil
	})
}

// cable connects a machine's NIC with the segment.
func (l *Lab) cable(machine namespace, name, segment string) error {
	plug := linkEnd{in: l.namespace(routerName), name: interfaceName(plugPrefix, name)}
	if err := addVeth(linkEnd{in: machine, name: nic}, plug, l.Topology.Underlay.MTU); err != nil {
		return err
	}
	return plug.in.link(func(h *netlink.Handle) error {
		bridge, err := h.LinkByName(bridgePrefix + segment)
		if err != nil {
			return fmt.Errorf("segment %s: %w", segment, err)
		}
		port, err := h.LinkByName(plug.name)
		if err == nil {
			err = h.LinkSetMaster(port, bridge)
		}
		if err != nil {
			return fmt.Errorf("plug %s into segment %s: %w", name, segment, err)
		}
		return setUp(h, plug.name)
	})
}

// pull and push take a machine's cable out of its segment and put it back.
func (l *Lab) pull(name string) error {
	return l.namespace(routerName).link(func(h *netlink.Handle) error {
		return setDown(h, interfaceName(plugPrefix, name))
	})
}

func (l *Lab) push(name string) error {
	return l.namespace(routerName).link(func(h *netlink.Handle) error {
		return setUp(h, interfaceName(plugPrefix, name))
	})
}
