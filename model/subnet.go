package model

import "net/netip"

// notUnicast is where no interface has its address, whatever the subnet.
var notUnicast = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), `an address of "this network" (RFC 1122, section 3.2.1.3)`},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address (RFC 1122, section 3.2.1.3)"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, which interfaces give themselves (RFC 3927)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address (RFC 1112, section 4)"},
	{netip.MustParsePrefix("255.255.255.255/32"), "the limited broadcast address (RFC 919, section 7)"},
	{netip.MustParsePrefix("::/128"), "the unspecified address (RFC 4291, section 2.5.2)"},
	{netip.MustParsePrefix("::1/128"), "the loopback address (RFC 4291, section 2.5.3)"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address, which each interface gives itself (RFC 4291, section 2.5.6)"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address (RFC 4291, section 2.7)"},
}

// CheckSubnet refuses what cannot be a subnet of endpoints.
func CheckSubnet(field string, p netip.Prefix) *Error {
	switch {
	case !p.IsValid():
		return Invalidf(field, "%s is not a subnet such as 10.0.1.0/24 or 2001:db8:1::/64", p)
	case p.Masked() != p:
		return Invalidf(field, "%s has host bits set: the subnet is %s", p, p.Masked())
	case p.Addr().Is4In6():
		return Invalidf(field, "%s is an IPv4 subnet written as IPv6: write it as IPv4", p)
	}
	for _, not := range notUnicast {
		if not.prefix.Overlaps(p) {
			return Invalidf(field, "%s cannot be given to endpoints: each address in %s is %s; use unicast addresses, for instance private ones (RFC 1918, RFC 4193)", p, not.prefix, not.what)
		}
	}
	return nil
}

// checkUnicast refuses what no interface has as its address in any subnet.
func checkUnicast(field string, a netip.Addr) *Error {
	for _, not := range notUnicast {
		if not.prefix.Contains(a) {
			return Invalidf(field, "%s is %s", a, not.what)
		}
	}
	return nil
}

// CheckHostAddress refuses the addresses of a subnet that no host may have.
//
// A subnet of two addresses has no address for itself: an IPv4 /31 no network
// and broadcast address (RFC 3021, section 2.1), an IPv6 /127 no subnet-router
// anycast address (RFC 6164, section 6). One of a single address is that address.
func CheckHostAddress(field string, subnet netip.Prefix, a netip.Addr) *Error {
	switch {
	case a.Zone() != "":
		return Invalidf(field, "%s: an address here has no zone", a)
	case a.Is4In6():
		return Invalidf(field, "%s is an IPv4 address in IPv6 form, write it as %s", a, a.Unmap())
	case !subnet.Contains(a):
		return Invalidf(field, "%s is not in %s", a, subnet)
	case subnet.Bits() >= a.BitLen()-1:
		return nil
	case a.Is6() && a == subnet.Addr():
		return Invalidf(field, "%s is the subnet-router anycast address of %s (RFC 4291, section 2.6.1)", a, subnet)
	case a == subnet.Addr():
		return Invalidf(field, "%s is the network address of %s", a, subnet)
	case a.Is4() && a == LastAddress(subnet):
		return Invalidf(field, "%s is the broadcast address of %s", a, subnet)
	}
	return nil
}

// LastAddress is the address of a subnet whose host bits are all ones.
func LastAddress(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
