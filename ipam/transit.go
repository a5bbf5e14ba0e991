package ipam

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Transit is the addresses that Open vSwitch and the kernel of a gateway host know each other's machines by. One layout
// serves both families: an address is the start of the range plus
//
//	1 … 4094            the number of a host: its own end of the way
//	0x7fff              the router: the next hop of every host
//	0x8000 + zone       a network: its machines that have no address of their own here
//	0x10000 + number    an endpoint
//
// So whose an address is can be read from it, and nothing is ever given out: an address is its owner's for as long as
// the owner has its number.
type Transit struct{ V4, V6 netip.Prefix }

const (
	transitHosts     = 4094
	transitRouter    = 0x7fff
	transitNetworks  = 0x8000
	transitZones     = 0x7fff
	transitEndpoints = 0x10000

	// maxTransitV4 leaves at least as much room for endpoints as for all else, three times over.
	maxTransitV4 = 14
	// maxTransitV6 leaves room for every number that an endpoint can have: 24 bits, above 0x10000.
	maxTransitV6 = 103
)

// DefaultTransit is the shared address space of RFC 6598, which is nobody's on the internet, and a unique local prefix
// (RFC 4193).
func DefaultTransit() Transit {
	return Transit{V4: netip.MustParsePrefix("100.64.0.0/10"), V6: netip.MustParsePrefix("fd77:6566:7400::/64")}
}

// Check says why the ranges cannot be used.
func (t Transit) Check() error {
	switch {
	case !t.V4.Addr().Is4() || t.V4.Masked() != t.V4 || t.V4.Bits() > maxTransitV4:
		return fmt.Errorf("transit range %s: it must be an IPv4 network of /%d or more addresses, such as %s", t.V4, maxTransitV4, DefaultTransit().V4)
	case !t.V6.Addr().Is6() || t.V6.Addr().Is4In6() || t.V6.Masked() != t.V6 || t.V6.Bits() > maxTransitV6:
		return fmt.Errorf("transit range %s: it must be an IPv6 network of /%d or more addresses, such as %s", t.V6, maxTransitV6, DefaultTransit().V6)
	}
	return nil
}

// Host are the addresses of a host's own end.
func (t Transit) Host(number uint32) (v4, v6 netip.Addr) {
	if number == 0 || number > transitHosts {
		return
	}
	return t.at(uint64(number))
}

// Router are the addresses of the next hop of every host.
func (t Transit) Router() (v4, v6 netip.Addr) { return t.at(transitRouter) }

// Network are the addresses of a network's machines that have none of their own here.
func (t Transit) Network(zone uint16) (v4, v6 netip.Addr) {
	if zone == 0 || zone > transitZones {
		return
	}
	return t.at(transitNetworks + uint64(zone))
}

// Endpoint are the addresses of an endpoint; invalid for one whose number is beyond the range.
func (t Transit) Endpoint(number uint32) (v4, v6 netip.Addr) {
	if number == 0 {
		return
	}
	return t.at(transitEndpoints + uint64(number))
}

// Endpoints is how many endpoints can have addresses of both families: those with the numbers 1 to this.
func (t Transit) Endpoints() uint32 {
	// The last address of an IPv4 range is its broadcast address to many.
	return uint32(1)<<(32-t.V4.Bits()) - 1 - transitEndpoints - 1
}

func (t Transit) at(offset uint64) (v4, v6 netip.Addr) {
	if t.V4.IsValid() && offset < 1<<(32-t.V4.Bits())-1 {
		start := t.V4.Addr().As4()
		v4 = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, binary.BigEndian.Uint32(start[:])+uint32(offset))))
	}
	if t.V6.IsValid() {
		start := t.V6.Addr().As16()
		binary.BigEndian.PutUint64(start[8:], binary.BigEndian.Uint64(start[8:])+offset)
		v6 = netip.AddrFrom16(start)
	}
	return v4, v6
}
