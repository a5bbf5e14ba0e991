package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// maxSlices bounds the slices of a network: one of each family for each host
// that there can be.
const maxSlices = 8192

// Ranges are one host's parts of a network's subnets. In JSON a single one may
// stand without brackets.
type Ranges []Prefix

// MarshalJSON writes a single range as a string.
func (r Ranges) MarshalJSON() ([]byte, error) {
	if len(r) == 1 {
		return json.Marshal(r[0])
	}
	return json.Marshal([]Prefix(r))
}

// UnmarshalJSON takes a list, or a single range.
func (r *Ranges) UnmarshalJSON(text []byte) error {
	var one Prefix
	if json.Unmarshal(text, &one) == nil {
		*r = Ranges{one}
		return nil
	}
	return json.Unmarshal(text, (*[]Prefix)(r))
}

// InFamily are the ranges of IPv6, or of IPv4.
func (r Ranges) InFamily(six bool) Ranges {
	var of Ranges
	for _, p := range r {
		if p.Prefix.Addr().Is6() == six {
			of = append(of, p)
		}
	}
	return of
}

// SliceOf returns the slice that holds an address, and the host whose it is.
func (n *Network) SliceOf(a netip.Addr) (host string, slice netip.Prefix, ok bool) {
	for host, ranges := range n.Slices {
		for _, p := range ranges {
			if p.Contains(a) {
				return host, p.Prefix, true
			}
		}
	}
	return "", netip.Prefix{}, false
}

// AutomaticBits is how long the prefixes of automatic slices of a family are.
// SliceSize says that of IPv4, and slices of IPv6 are as large; where the
// network has IPv6 only, it says that of IPv6.
func (n *Network) AutomaticBits(six bool) int {
	v4 := slices.ContainsFunc(n.Subnets, func(p Prefix) bool { return p.Prefix.Addr().Is4() })
	if six && v4 {
		return 128 - (32 - n.SliceSize)
	}
	return n.SliceSize
}

func (n *Network) checkSlices() *Error {
	if err := n.checkSliceSize(); err != nil {
		return err
	}
	type hostRange struct {
		netip.Prefix
		field, host string
	}
	var all []hostRange
	for _, host := range slices.Sorted(maps.Keys(n.Slices)) {
		field := "slices." + host
		if host == "" {
			return Invalidf("slices", "a slice needs the name of its host")
		}
		if len(n.Slices[host]) == 0 {
			return Invalidf(field, "no range: give one such as 10.0.1.64/26, or leave the host out")
		}
		for i, p := range n.Slices[host] {
			at := field
			if len(n.Slices[host]) > 1 {
				at = fmt.Sprintf("%s[%d]", field, i)
			}
			if err := p.check(at); err != nil {
				return err
			}
			if in, ok := n.SubnetOf(p.Prefix.Addr()); !ok || in.Bits() > p.Bits() {
				return Invalidf(at, "%s is not inside a subnet of network %q (%s)", p.Prefix, n.Name, n.subnetList())
			}
			all = append(all, hostRange{p.Prefix, at, host})
		}
	}
	if len(all) > maxSlices {
		return Invalidf("slices", "%d slices: a network has %d at the most", len(all), maxSlices)
	}
	// Prefixes overlap only where one holds the other, which then comes right
	// before it, or before others that it holds as well.
	slices.SortStableFunc(all, func(a, b hostRange) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	for i := 1; i < len(all); i++ {
		if a, b := all[i-1], all[i]; a.Overlaps(b.Prefix) {
			return Invalidf(b.field, "%s overlaps %s of host %s: each address is in one slice at the most", b.Prefix, a.Prefix, a.host)
		}
	}
	return nil
}

func (n *Network) checkSliceSize() *Error {
	if n.SliceSize == 0 {
		return nil
	}
	if len(n.Subnets) == 0 {
		return Invalidf("sliceSize", "slices are parts of subnets, and network %q has none: give subnets, or leave sliceSize out", n.Name)
	}
	for _, p := range n.Subnets {
		six := p.Prefix.Addr().Is6()
		bits := n.AutomaticBits(six)
		if bits > p.Prefix.Addr().BitLen() {
			return Invalidf("sliceSize", "%d is not the length of a prefix in %s: %d to %d", n.SliceSize, p.Prefix, p.Bits(), p.Prefix.Addr().BitLen())
		}
		fits := func(q Prefix) bool { return q.Prefix.Addr().Is6() == six && q.Bits() <= bits }
		if !slices.ContainsFunc(n.Subnets, fits) {
			return Invalidf("sliceSize", "slices of /%d do not fit into %s: give a longer prefix, or a larger subnet", bits, p.Prefix)
		}
	}
	return nil
}
