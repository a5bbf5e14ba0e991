package join

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
)

// place is where the host is on the underlay.
type place struct {
	vtep   netip.Addr // from which it reaches the controller
	device string     // that has it
	mtu    int
}

// find looks from which address, and by which device, packets leave to a peer.
func find(towards netip.Addr) (place, error) {
	fail := func(err error) (place, error) {
		return place{}, fmt.Errorf("find the address from which this host reaches %s: %w", towards, err)
	}
	conn, err := net.Dial("udp", netip.AddrPortFrom(towards, 9).String()) // sends nothing
	if err != nil {
		return fail(err)
	}
	from := conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if err := conn.Close(); err != nil {
		return fail(err)
	}
	p := place{vtep: from}
	links, err := netlink.LinkList()
	if err != nil {
		return fail(err)
	}
	for _, l := range links {
		addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return fail(err)
		}
		for _, a := range addresses {
			if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap() == from {
				p.device, p.mtu = l.Attrs().Name, l.Attrs().MTU
			}
		}
	}
	if p.device == "" {
		return fail(fmt.Errorf("no interface has %s", from))
	}
	return p, nil
}

// kernelDatapath reports whether this kernel has Open vSwitch's own module: its
// generic netlink family is there then, in every network namespace.
func kernelDatapath() (bool, error) {
	_, err := netlink.GenlFamilyGet("ovs_datapath")
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.ENOENT):
		return false, nil
	}
	return false, fmt.Errorf("ask the kernel for the datapath of Open vSwitch: %w", err)
}
