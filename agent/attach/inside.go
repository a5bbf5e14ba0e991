package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/agent/plug"
	"github.com/weft-sdn/weft/model"
)

// isFree says why a container cannot get an interface of that name.
func isFree(pid int, iface string) error {
	return within(pid, func() error {
		_, err := netlink.LinkByName(iface)
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) {
			return nil
		}
		if err != nil {
			return err
		}
		return fmt.Errorf("the container has an interface %s already: take another with --interface, or start it with --net none", iface)
	})
}

// moveIn gives a container the inner end of a pair as the interface that the
// attachment says.
func moveIn(pid int, device string, r Attachment) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetNsPid(link, pid); err != nil {
		return fmt.Errorf("move %s into the container: %w", device, err)
	}
	return within(pid, func() error {
		if err := dress(device, r); err != nil {
			return fmt.Errorf("set %s up in the container: %w", r.Interface, err)
		}
		return nil
	})
}

// dress names the interface and gives it addresses and routes.
func dress(device string, r Attachment) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetName(link, r.Interface); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Addresses, func(p netip.Prefix) bool { return p.Addr().Is6() }) {
		// Docker turns IPv6 off in containers that have none.
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+r.Interface+"/disable_ipv6", []byte("0"), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, p := range r.Addresses {
		address := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			// The controller gave the address to nobody else, and a first packet
			// should not wait for duplicate address detection (RFC 4862 section 5.4).
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("address %s: %w", p, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	for _, g := range r.Gateways {
		err := netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: g.AsSlice()})
		// A container with another interface keeps the way out that it has.
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("default route over %s: %w", g, err)
		}
	}
	return nil
}

// look reads what an interface of a container looks like. It reports whether its
// other end is the host's interface with that index.
func look(pid int, r *Attachment, hostIndex int) (ours bool, err error) {
	err = within(pid, func() error {
		link, err := netlink.LinkByName(r.Interface)
		if err != nil {
			return err
		}
		ours = link.Attrs().ParentIndex == hostIndex
		if mac := link.Attrs().HardwareAddr; len(mac) == 6 {
			r.MAC = model.MACFrom([6]byte(mac))
		}
		r.MTU = link.Attrs().MTU
		if r.Addresses, err = addressesOf(link); err != nil {
			return err
		}
		r.Gateways, err = gatewaysOver(link)
		return err
	})
	return ours, err
}

func addressesOf(link netlink.Link) (all []netip.Prefix, err error) {
	list, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	for _, a := range list {
		ip, _ := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		if ip = ip.Unmap(); !ip.IsLinkLocalUnicast() {
			all = append(all, netip.PrefixFrom(ip, bits))
		}
	}
	return all, err
}

func gatewaysOver(link netlink.Link) (all []netip.Addr, err error) {
	list, err := netlink.RouteList(link, netlink.FAMILY_ALL)
	for _, route := range list {
		ones := 0
		if route.Dst != nil {
			ones, _ = route.Dst.Mask.Size()
		}
		if gateway, ok := netip.AddrFromSlice(route.Gw); ok && ones == 0 {
			all = append(all, gateway.Unmap())
		}
	}
	return all, err
}

// complete gives an interface that ovs-docker made what that left out.
func complete(pid int, r Attachment, mtu int, mac model.MAC, userspace bool) error {
	return within(pid, func() error {
		link, err := netlink.LinkByName(r.Interface)
		if err != nil {
			return err
		}
		if mtu != 0 && link.Attrs().MTU != mtu {
			if err := netlink.LinkSetMTU(link, mtu); err != nil {
				return fmt.Errorf("MTU %d: %w", mtu, err)
			}
		}
		if !mac.IsZero() && mac != r.MAC {
			if err := netlink.LinkSetHardwareAddr(link, mac.Bytes[:]); err != nil {
				return fmt.Errorf("MAC %s: %w", mac, err)
			}
		}
		if userspace {
			return plug.Checksummed(r.Interface)
		}
		return nil
	})
}
