package controller

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
)

// A slice is a host's alone, so that its agent can give out addresses of it
// while no controller answers. The subnets of a network fall into parts: the
// slices, and what they leave. An address is in one part, and each part has a
// pool of its own.

// chooseFrom gives out an address of a family: one of the host's own slice if it
// has one, or gets one now, and else one that is in no slice. Endpoints of
// whatever host have the host "".
func (t *tx) chooseFrom(n *networkRecord, host string, six bool) (netip.Addr, error) {
	n = t.network(n.Name) // another family may have brought it a slice
	own := n.Slices[host].InFamily(six)
	if host != "" && len(own) == 0 && n.SliceSize != 0 {
		slice, err := t.chooseSlice(n, host, six)
		if err != nil {
			return netip.Addr{}, err
		}
		n, own = t.network(n.Name), model.Ranges{model.PrefixFrom(slice)}
	}
	var parts []netip.Prefix
	for _, p := range own {
		parts = append(parts, p.Prefix)
	}
	if len(own) == 0 {
		parts = n.unsliced(six)
	}
	var used, size uint64
	for _, part := range parts {
		a, err := t.chooseAddress(n, part)
		var none *ipam.ExhaustedError
		if !errors.As(err, &none) {
			return a, err
		}
		used, size = used+none.Used, size+none.Size
	}
	if len(own) > 0 {
		return netip.Addr{}, model.Errorf(model.Exhausted, "addresses",
			"network %q: %d of the %d addresses of host %s's slice %s are in use, none is left: delete endpoints there, give the host another range as well (slices.%s takes a list), or ask for an address outside all slices", n.Name, used, size, host, prefixList(parts), host)
	}
	var subnets []netip.Prefix
	for _, p := range n.Subnets {
		if p.Prefix.Addr().Is6() == six {
			subnets = append(subnets, p.Prefix)
		}
	}
	outside := ""
	if len(n.Slices) > 0 {
		outside = " outside the hosts' slices"
	}
	return netip.Addr{}, model.Errorf(model.Exhausted, "addresses",
		"network %q: %d of the %d addresses of %s%s are in use, none is left: delete endpoints, or add a subnet to the network", n.Name, used, size, prefixList(subnets), outside)
}

// chooseSlice gives a host a slice that nobody has an address in.
func (t *tx) chooseSlice(n *networkRecord, host string, six bool) (netip.Prefix, error) {
	bits := n.AutomaticBits(six)
	t.touched[n.Name] = true
	taken := map[netip.Prefix]bool{} // slices that would hold somebody's address
	for e := range t.endpointsOf(n.Name) {
		for _, a := range e.Addresses {
			if a.Is6() == six {
				taken[netip.PrefixFrom(a.Addr, bits).Masked()] = true
			}
		}
	}
	for _, part := range n.unsliced(six) {
		if part.Bits() > bits {
			continue
		}
		for slice := netip.PrefixFrom(part.Addr(), bits); part.Contains(slice.Addr()); slice = netip.PrefixFrom(model.LastAddress(slice).Next(), bits) {
			if taken[slice] {
				continue
			}
			if pool, err := t.addressPool(n, slice); err != nil || pool.Size() == 0 {
				continue // the gateway's address alone, say
			}
			now := *n
			now.Slices, now.Automatic = withRange(n.Slices, host, slice), withRange(n.Automatic, host, slice)
			t.put(tableNetwork, &now)
			delete(t.c.pools.addresses, n.Name)
			return slice, nil
		}
	}
	return netip.Prefix{}, model.Errorf(model.Exhausted, "addresses",
		"network %q: no free slice of /%d is left for host %s (%d hosts have one): a slice is free while nobody has an address in it; add a subnet to the network, change sliceSize to a longer prefix, or ask for an address", n.Name, bits, host, len(n.Slices))
}

// withRange is a copy of slices with one more.
func withRange(all map[string]model.Ranges, host string, p netip.Prefix) map[string]model.Ranges {
	now := maps.Clone(all)
	if now == nil {
		now = map[string]model.Ranges{}
	}
	now[host] = append(slices.Clone(now[host]), model.PrefixFrom(p))
	return now
}

// unsliced are the parts of a family's subnets that are outside all slices, in
// order.
func (n *networkRecord) unsliced(six bool) (parts []netip.Prefix) {
	var cut []netip.Prefix
	for _, ranges := range n.Slices {
		for _, p := range ranges.InFamily(six) {
			cut = append(cut, p.Prefix)
		}
	}
	for _, p := range n.Subnets {
		if p.Prefix.Addr().Is6() == six {
			parts = append(parts, without(p.Prefix, cut)...)
		}
	}
	return parts
}

// without is what is left of a prefix when others are cut out of it.
func without(p netip.Prefix, cut []netip.Prefix) []netip.Prefix {
	var here []netip.Prefix
	for _, c := range cut {
		if c.Overlaps(p) {
			if c.Bits() <= p.Bits() {
				return nil
			}
			here = append(here, c)
		}
	}
	if len(here) == 0 {
		return []netip.Prefix{p}
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	high := netip.PrefixFrom(model.LastAddress(p), p.Bits()+1).Masked()
	return append(without(low, here), without(high, here)...)
}

// keepSlices takes over the slices that were chosen, and are still possible, for
// hosts to which no other of the family is given now.
func (n *networkRecord) keepSlices(old *networkRecord) {
	n.Automatic = nil
	if n.SliceSize == 0 {
		return
	}
	n.Slices = maps.Clone(n.Slices)
	for host, ranges := range old.Automatic {
		given := n.Slices[host]
		for _, p := range ranges {
			subnet, inside := n.SubnetOf(p.Prefix.Addr())
			switch {
			case !inside || subnet.Bits() > p.Bits():
			case len(given.InFamily(p.Prefix.Addr().Is6())) == 0:
				n.Slices = withRange(n.Slices, host, p.Prefix)
				n.Automatic = withRange(n.Automatic, host, p.Prefix)
			case slices.Contains(given, p):
				n.Automatic = withRange(n.Automatic, host, p.Prefix)
			}
		}
	}
}

// checkSlices refuses an address that an endpoint asks for in another host's
// slice: that host's agent may be giving it out. What it has it keeps.
func checkSlices(e, old *endpointRecord, n *networkRecord) error {
	for i, a := range e.Addresses {
		host, slice, in := n.SliceOf(a.Addr)
		if !in || host == e.Host || old != nil && slices.Contains(old.Addresses, a) {
			continue
		}
		whose := "and this endpoint is of no host: pin it there (host)"
		if e.Host != "" {
			whose = fmt.Sprintf("and this endpoint is of host %s: pin it to %s", e.Host, host)
		}
		return model.Errorf(model.Conflict, fmt.Sprintf("addresses[%d]", i),
			"%s is in %s, which is host %s's slice of network %q, %s, take an address outside the slice, or leave addresses out and one is chosen", a, slice, host, n.Name, whose)
	}
	return nil
}

// sliceConditions say which slices are of hosts that are not known.
func (v view) sliceConditions(n *networkRecord) (conditions []model.Condition) {
	for _, host := range slices.Sorted(maps.Keys(n.Slices)) {
		if v.hostByName(host) == nil {
			conditions = append(conditions, model.Condition{Type: model.HostUnknown,
				Message: "it has a slice for host " + host + ", which has never been seen, or was deleted: GET /hosts lists those that are known"})
		}
	}
	return conditions
}

func prefixList(list []netip.Prefix) string {
	var texts []string
	for _, p := range list {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ", ")
}
