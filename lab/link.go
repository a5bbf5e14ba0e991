package lab

import (
	"crypto/sha256"
	"fmt"
	"net"
	"net/netip"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// linkEnd is one end of a veth pair and where it is.
type linkEnd struct {
	in   namespace
	name string
	mac  net.HardwareAddr // random when nil
}

// addVeth makes a veth pair with each end inside its namespace from the start,
// so that no other namespace ever sees it. Both ends are left down.
func addVeth(a, b linkEnd, mtu int) error {
	err := b.in.open(func(peer netns.NsHandle) error {
		return a.in.link(func(h *netlink.Handle) error {
			attrs := netlink.NewLinkAttrs()
			attrs.Name, attrs.MTU, attrs.HardwareAddr = a.name, mtu, a.mac
			veth := netlink.NewVeth(attrs)
			veth.PeerName, veth.PeerMTU, veth.PeerHardwareAddr = b.name, uint32(mtu), b.mac
			veth.PeerNamespace = netlink.NsFd(peer)
			return h.LinkAdd(veth)
		})
	})
	if err != nil {
		return fmt.Errorf("connect %s in %s with %s in %s: %w", a.name, a.in, b.name, b.in, err)
	}
	for _, end := range []linkEnd{a, b} {
		if err := end.in.do(func() error { return disableChecksumOffload(end.name) }); err != nil {
			return fmt.Errorf("%s in %s: %w", end.name, end.in, err)
		}
	}
	return nil
}

// disableChecksumOffload makes the kernel compute checksums before a packet
// enters the veth. The userspace datapath reads packets from AF_PACKET sockets
// and passes them on as they are: with the offload left on, TCP gets nothing
// through while ping works.
func disableChecksumOffload(dev string) error {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("switch off checksum offload: %w", err)
	}
	defer tool.Close()
	if err := tool.Change(dev, map[string]bool{"tx-checksum-ip-generic": false}); err != nil {
		return fmt.Errorf("switch off checksum offload: %w", err)
	}
	return nil
}

func setUp(h *netlink.Handle, dev string) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		err = h.LinkSetUp(l)
	}
	if err != nil {
		return fmt.Errorf("set %s up: %w", dev, err)
	}
	return nil
}

func setDown(h *netlink.Handle, dev string) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		err = h.LinkSetDown(l)
	}
	if err != nil {
		return fmt.Errorf("set %s down: %w", dev, err)
	}
	return nil
}

func addAddress(h *netlink.Handle, dev string, p netip.Prefix) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		a := netlink.Addr{IPNet: ipNet(p)}
		err = h.AddrReplace(l, &a)
	}
	if err != nil {
		return fmt.Errorf("give %s the address %s: %w", dev, p, err)
	}
	return nil
}

// addAddressAtOnce is [addAddress] without duplicate address detection (RFC 4862
// section 5.4), for a second or so of which the address could not be used.
func addAddressAtOnce(h *netlink.Handle, dev string, p netip.Prefix) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		err = h.AddrReplace(l, &netlink.Addr{IPNet: ipNet(p), Flags: unix.IFA_F_NODAD})
	}
	if err != nil {
		return fmt.Errorf("give %s the address %s: %w", dev, p, err)
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func addRoute(h *netlink.Handle, dev string, to netip.Prefix, via netip.Addr) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		err = h.RouteReplace(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(to), Gw: via.AsSlice()})
	}
	if err != nil {
		return fmt.Errorf("route to %s via %s on %s: %w", to, via, dev, err)
	}
	return nil
}

func setMTU(h *netlink.Handle, dev string, mtu int) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		err = h.LinkSetMTU(l, mtu)
	}
	if err != nil {
		return fmt.Errorf("give %s the MTU %d: %w", dev, mtu, err)
	}
	return nil
}

func addDefaultRoute(h *netlink.Handle, dev string, gateway netip.Addr) error {
	l, err := h.LinkByName(dev)
	if err == nil {
		err = h.RouteReplace(&netlink.Route{LinkIndex: l.Attrs().Index, Gw: gateway.AsSlice()})
	}
	if err != nil {
		return fmt.Errorf("default route via %s on %s: %w", gateway, dev, err)
	}
	return nil
}

// interfaceName makes an interface name of at most 15 bytes (IFNAMSIZ less its
// terminator) that still shows which machine is meant.
func interfaceName(prefix, name string) string {
	const most = 15
	if len(prefix)+len(name) <= most {
		return prefix + name
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s%s-%x", prefix, name[:most-len(prefix)-5], sum[:2])
}
