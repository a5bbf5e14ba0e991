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
			addresses := []netip.Prefix{netip.PrefixFrom(u.Router[name], u.Segments[name].Bits())}
			if a := l.Topology.router6(name); a.IsValid() {
				addresses = append(addresses, netip.PrefixFrom(a, u.Segments6[name].Bits()))
			}
			if err := addBridge(h, name, u.MTU, addresses...); err != nil {
				return err
			}
		}
		return nil
	})
}

// addBridge makes a segment, in which the router has the addresses.
func addBridge(h *netlink.Handle, name string, mtu int, addresses ...netip.Prefix) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU = bridgePrefix+name, mtu
	snooping := false // a bridge without a querier would drop multicast, ND included
	if err := h.LinkAdd(&netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}); err != nil {
		return fmt.Errorf("make segment %s: %w", name, err)
	}
	for _, a := range addresses {
		if err := addAddressAtOnce(h, attrs.Name, a); err != nil {
			return err
		}
	}
	return setUp(h, attrs.Name)
}

// cable connects a machine's NIC with the segment.
func (l *Lab) cable(machine namespace, name, segment string) error {
	return l.cableOf(linkEnd{in: machine, name: nic}, name, segment)
}

// cableOf connects an interface of a machine with a bridge, which is a segment's
// or a LAN's.
func (l *Lab) cableOf(end linkEnd, name, segment string) error {
	plug := linkEnd{in: l.namespace(routerName), name: interfaceName(plugPrefix, name)}
	if err := addVeth(end, plug, l.Topology.Underlay.MTU); err != nil {
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

// Pull takes the host's cable out of the underlay. Push puts it back.
func (h *Host) Pull() error { return h.lab.pull(h.Name) }

// Push undoes Pull.
func (h *Host) Push() error { return h.lab.push(h.Name) }

func (l *Lab) push(name string) error {
	return l.namespace(routerName).link(func(h *netlink.Handle) error {
		return setUp(h, interfaceName(plugPrefix, name))
	})
}
