package hostside

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Interface is the port of br-weft that leads to the host's kernel.
const Interface = "weft-gw"

// ErrNoInterface says that ovs-vswitchd has not made the interface.
var ErrNoInterface = errors.New("the interface " + Interface + " is in OVSDB but not in the kernel: is ovs-vswitchd running?")

// withInterface works on the interface. If it is not there, or goes meanwhile
// with all that was on it, the error is ErrNoInterface.
func withInterface(work func(netlink.Link) error) error {
	link, err := findInterface()
	if err != nil {
		return err
	}
	if err := work(link); err != nil {
		if _, now := findInterface(); errors.Is(now, ErrNoInterface) {
			return now
		}
		return err
	}
	return nil
}

func findInterface() (netlink.Link, error) {
	link, err := netlink.LinkByName(Interface)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, ErrNoInterface
	}
	if err != nil {
		return nil, fmt.Errorf("look for interface %s: %w", Interface, err)
	}
	return link, nil
}

// ensureLink sets the interface up with what belongs on it. Everything else
// that somebody put there goes.
func ensureLink(link netlink.Link, g Gateway) error {
	if err := ensureAddresses(link, g.Addresses); err != nil {
		return err
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", Interface, err)
		}
	}
	if err := ensureNeighbours(link, g.Routers, g.RouterMAC); err != nil {
		return err
	}
	return ensureRoutes(link, g)
}

// clearLink leaves the interface as Open vSwitch makes it.
func clearLink(link netlink.Link) error {
	err := errors.Join(
		ensureRoutes(link, Gateway{}),
		ensureNeighbours(link, nil, nil),
		ensureAddresses(link, nil),
	)
	if link.Attrs().Flags&net.FlagUp != 0 {
		if downErr := netlink.LinkSetDown(link); downErr != nil {
			err = errors.Join(err, fmt.Errorf("set %s down: %w", Interface, downErr))
		}
	}
	return errors.Join(err, resetInterfaceSettings())
}

func ensureAddresses(link netlink.Link, want []netip.Prefix) error {
	name := link.Attrs().Name
	var have []netlink.Addr
	err := whole(func() (err error) {
		have, err = netlink.AddrList(link, netlink.FAMILY_ALL)
		return err
	})
	if err != nil {
		return fmt.Errorf("list the addresses of %s: %w", name, err)
	}
	missing := slices.Clone(want)
	var errs []error
	for _, a := range have {
		p := prefixOf(a.IPNet)
		if i := slices.Index(missing, p); i >= 0 {
			missing = slices.Delete(missing, i, i+1)
			continue
		}
		if p.Addr().IsLinkLocalUnicast() { // the kernel's own
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			errs = append(errs, fmt.Errorf("take address %s off %s: %w", p, name, err))
		}
	}
	for _, p := range missing {
		// The controller sees to it that nobody else has it: no need to ask, which
		// would keep an IPv6 address from use for a second.
		a := netlink.Addr{IPNet: netOf(p), Flags: unix.IFA_F_NODAD}
		if err := netlink.AddrAdd(link, &a); err != nil {
			errs = append(errs, fmt.Errorf("give %s the address %s: %w", name, p, err))
		}
	}
	return errors.Join(errs...)
}

// ensureNeighbours tells the kernel the routers' MAC address for good. Nobody
// behind weft-gw answers ARP or ND.
func ensureNeighbours(link netlink.Link, routers []netip.Addr, mac net.HardwareAddr) error {
	var have []netlink.Neigh
	err := whole(func() (err error) {
		have, err = netlink.NeighList(link.Attrs().Index, netlink.FAMILY_ALL)
		return err
	})
	if err != nil {
		return fmt.Errorf("list the neighbours on %s: %w", Interface, err)
	}
	missing := slices.Clone(routers)
	var errs []error
	for _, n := range have {
		if n.State&netlink.NUD_PERMANENT == 0 {
			continue
		}
		ip, _ := netip.AddrFromSlice(n.IP)
		ip = ip.Unmap()
		if i := slices.Index(missing, ip); i >= 0 && bytes.Equal(n.HardwareAddr, mac) {
			missing = slices.Delete(missing, i, i+1)
			continue
		}
		if !slices.Contains(routers, ip) {
			if err := netlink.NeighDel(&n); err != nil {
				errs = append(errs, fmt.Errorf("take neighbour %s off %s: %w", ip, Interface, err))
			}
		}
	}
	for _, ip := range missing {
		n := netlink.Neigh{LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT, IP: ip.AsSlice(), HardwareAddr: mac}
		if err := netlink.NeighSet(&n); err != nil {
			errs = append(errs, fmt.Errorf("set the MAC address of neighbour %s on %s: %w", ip, Interface, err))
		}
	}
	return errors.Join(errs...)
}

// whole repeats a dump that another change interrupted.
func whole(dump func() error) error {
	const attempts = 5
	var err error
	for range attempts {
		if err = dump(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return err
}

func netOf(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefixOf is the reverse of netOf; the zero Prefix for nil.
func prefixOf(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(ip.Unmap(), bits)
}
