package phy

import (
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// place is what makes an interface the host's place on a network.
type place struct {
	addresses []netlink.Addr
	routes    []netlink.Route
}

// settled reads the addresses and routes of an interface, but for those that
// the kernel makes by itself.
func settled(link netlink.Link) (place, error) {
	var p place
	addresses, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return p, fmt.Errorf("read the addresses of %s: %w", link.Attrs().Name, err)
	}
	for _, a := range addresses {
		if a.Scope != unix.RT_SCOPE_LINK {
			p.addresses = append(p.addresses, a)
		}
	}
	filter := &netlink.Route{LinkIndex: link.Attrs().Index, Table: unix.RT_TABLE_MAIN}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, filter, netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
		if err != nil {
			return p, fmt.Errorf("read the routes of %s: %w", link.Attrs().Name, err)
		}
		for _, r := range routes {
			if r.Protocol != unix.RTPROT_KERNEL {
				p.routes = append(p.routes, r)
			}
		}
	}
	// One through a gateway needs the way to that gateway first.
	slices.SortStableFunc(p.routes, func(a, b netlink.Route) int {
		return len(a.Gw) - len(b.Gw)
	})
	return p, nil
}

// move takes a place from one interface to another.
func move(p place, from, to netlink.Link) error {
	for _, a := range p.addresses {
		a.LinkIndex = from.Attrs().Index
		if err := netlink.AddrDel(from, &a); err != nil && !errors.Is(err, syscall.EADDRNOTAVAIL) {
			return fmt.Errorf("take %s from %s: %w", a.IPNet, from.Attrs().Name, err)
		}
	}
	return p.settle(to)
}

// settle gives an interface the addresses and routes of a place, and sets it up.
func (p place) settle(link netlink.Link) error {
	name := link.Attrs().Name
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	for _, a := range p.addresses {
		now := netlink.Addr{IPNet: a.IPNet, Peer: a.Peer, Broadcast: a.Broadcast, Scope: a.Scope}
		if a.IP.To4() == nil {
			now.Flags = unix.IFA_F_NODAD // it was there a moment ago, with the same MAC
		}
		if err := netlink.AddrReplace(link, &now); err != nil {
			return fmt.Errorf("give %s the address %s: %w", name, a.IPNet, err)
		}
	}
	for _, r := range p.routes {
		r.LinkIndex, r.ILinkIndex, r.Flags = link.Attrs().Index, 0, r.Flags&int(netlink.FLAG_ONLINK)
		if err := netlink.RouteReplace(&r); err != nil {
			return fmt.Errorf("give %s the route to %s: %w", name, r.Dst, err)
		}
	}
	return nil
}

// filterTable holds the chain that drops what the NIC hears.
const filterTable = "weft-underlay"

func unhide() error {
	conn, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := &nftables.Table{Family: nftables.TableFamilyNetdev, Name: filterTable}
	conn.AddTable(table) // so that it is there to be deleted
	conn.DelTable(table)
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("remove the nftables table netdev %s: %w", filterTable, err)
	}
	return nil
}
