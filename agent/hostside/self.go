package hostside

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
)

// selfPrefix and a number name the interfaces through which the host is in a
// network itself.
const selfPrefix = "weft-h"

// ApplySelf gives an interface through which the host is in a network the
// addresses that its external_ids say, and sets it up. Its MAC and its MTU are
// Open vSwitch's business. Routes are nobody's: which traffic of the host goes
// into the network, beyond the network's own subnets, is for the operator to say.
//
// Where no addresses are said, the network has no subnets, and those on the
// interface stay.
func (h *Host) ApplySelf(name string, externalIDs map[string]string) error {
	var addresses []netip.Prefix
	if err := list(externalIDs, keyAddress, netip.ParsePrefix, &addresses); err != nil {
		return fmt.Errorf("external_ids of interface %s: %w", name, err)
	}
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	switch {
	case errors.As(err, &missing):
		return fmt.Errorf("the interface %s is in OVSDB but not in the kernel: is ovs-vswitchd running?", name)
	case err != nil:
		return fmt.Errorf("look for interface %s: %w", name, err)
	}
	if len(addresses) > 0 {
		if !hasIPv6() {
			addresses = without6(addresses)
		}
		if err := ensureAddresses(link, addresses); err != nil {
			return err
		}
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("set %s up: %w", name, err)
		}
	}
	return nil
}

// RemoveSelves takes the host out of all networks that it is in itself.
func (h *Host) RemoveSelves() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	var errs []error
	for _, link := range links {
		digits, is := strings.CutPrefix(link.Attrs().Name, selfPrefix)
		if _, err := strconv.ParseUint(digits, 10, 32); !is || err != nil {
			continue
		}
		errs = append(errs, ensureAddresses(link, nil))
		if err := netlink.LinkSetDown(link); err != nil {
			errs = append(errs, fmt.Errorf("set %s down: %w", link.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}
