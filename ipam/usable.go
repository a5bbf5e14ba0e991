package ipam

import (
	"fmt"
	"net/netip"
)

// notUnicast is where no interface has its address, whatever the subnet.
var notUnicast = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), `an address of "this network" (RFC 1122, section 3.2.1.3)`},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address (RFC 1122, section 3.2.1.3)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address (RFC 1112, section 4)"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the limited broadcast address (RFC 919, section 7)"},
	{netip.MustParsePrefix("::/128"), "the unspecified address (RFC 4291, section 2.5.2)"},
	{netip.MustParsePrefix("::1/128"), "the loopback address (RFC 4291, section 2.5.3)"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address, which each interface gives itself (RFC 4291, section 2.5.6)"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address (RFC 4291, section 2.7)"},
}

// Usable says why an endpoint of the subnet cannot have this address; nil if it can.
//
// A subnet of two addresses has no address for itself: an IPv4 /31 no network and broadcast address (RFC 3021,
// section 2.1), an IPv6 /127 no subnet-router anycast address (RFC 6164, section 6). One of a single address (/32,
// /128) is that address.
func Usable(subnet netip.Prefix, addr netip.Addr) error {
	if !subnet.IsValid() || !addr.IsValid() {
		return fmt.Errorf("%s in %s: not an address in a subnet", addr, subnet)
	}
	subnet = subnet.Masked()
	switch {
	case addr.Zone() != "":
		return fmt.Errorf("%s: an address here has no zone", addr)
	case addr.Is4In6():
		return fmt.Errorf("%s is an IPv4 address in IPv6 form, write it as %s", addr, addr.Unmap())
	case !subnet.Contains(addr):
		return fmt.Errorf("%s is not in %s", addr, subnet)
	}
	for _, not := range notUnicast {
		if not.prefix.Contains(addr) {
			return fmt.Errorf("%s is %s", addr, not.what)
		}
	}
	switch {
	case hostBits(subnet) < 2:
		return nil
	case addr.Is6() && addr == subnet.Addr():
		return fmt.Errorf("%s is the subnet-router anycast address of %s (RFC 4291, section 2.6.1)", addr, subnet)
	case addr.Is4() && addr == subnet.Addr():
		return fmt.Errorf("%s is the network address of %s", addr, subnet)
	case addr.Is4() && addr == last(subnet):
		return fmt.Errorf("%s is the broadcast address of %s", addr, subnet)
	}
	return nil
}

func hostBits(subnet netip.Prefix) int { return subnet.Addr().BitLen() - subnet.Bits() }

// last is the address of an IPv4 subnet whose host bits are all ones.
func last(subnet netip.Prefix) netip.Addr {
	b := subnet.Addr().As4()
	for bit := subnet.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b)
}
