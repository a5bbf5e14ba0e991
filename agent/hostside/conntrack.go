package hostside

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// stale matches the connections in the kernel's table that nothing explains any
// more: those that were led to an endpoint by a forward that is gone, and those
// of a transit prefix that is gone.
//
// Whatever is led to a transit address is Weft's, so there also what an agent
// left that died in the middle is found. Others may have rules of their own that
// lead to endpoints which are reached as they are; there, only the forwards that
// were just taken away count.
type stale struct {
	transit []netip.Prefix // that Weft has now or had before
	gone    []Forward
	now     Gateway
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (s stale) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	// With the kernel's datapath, Open vSwitch has its connections in the same
	// table, in zones of its own.
	if flow.Zone != 0 {
		return false
	}
	from, at, to := address(flow.Forward.SrcIP), address(flow.Forward.DstIP), address(flow.Reverse.SrcIP)
	if within(s.transit, from) && !within(s.now.Transit, from) {
		return true
	}
	if at == to {
		return false
	}
	led := Forward{
		Protocol: flow.Forward.Protocol,
		At:       netip.AddrPortFrom(at, flow.Forward.DstPort),
		To:       netip.AddrPortFrom(to, flow.Reverse.SrcPort),
	}
	if within(s.transit, to) {
		return !led.among(s.now.Forwards)
	}
	return led.among(s.gone)
}

// among reports whether a connection to f.At can be the work of one of them.
func (f Forward) among(all []Forward) bool {
	anywhere := f
	anywhere.At = netip.AddrPortFrom(netip.IPv4Unspecified(), f.At.Port())
	if f.At.Addr().Is6() {
		anywhere.At = netip.AddrPortFrom(netip.IPv6Unspecified(), f.At.Port())
	}
	return slices.Contains(all, f) || slices.Contains(all, anywhere)
}

func address(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func within(prefixes []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// flush ends the connections that are stale. It comes after the table was
// changed, so that none can begin meanwhile.
func (s stale) flush() error {
	var errs []error
	for _, family := range []netlink.InetFamily{unix.AF_INET, unix.AF_INET6} {
		err := whole(func() error {
			_, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, family, s)
			return err
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("end the connections of what is gone: %w", err))
		}
	}
	return errors.Join(errs...)
}
