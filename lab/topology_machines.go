package lab

import (
	"fmt"
	"net/netip"
	"slices"
)

// checkLAN checks the name of a LAN, which becomes a bridge beside those of the
// segments.
func checkLAN(path, name string, segments map[string]netip.Prefix) error {
	if !segmentName.MatchString(name) {
		return fmt.Errorf("%s: %q: name a LAN with 1 to 11 of a-z, 0-9 and '-'", path, name)
	}
	if _, taken := segments[name]; taken || name == internetSegment {
		return fmt.Errorf("%s: %q is a segment of the underlay: give the LAN another name", path, name)
	}
	return nil
}

func (t *Topology) checkInternet(names map[string]string) error {
	if len(t.Internet.Addresses) == 0 {
		return nil
	}
	if other, ok := names[internetName]; ok {
		return fmt.Errorf("internet: %q is %s already: give that one another name", internetName, other)
	}
	names[internetName] = "the internet"
	for i, p := range t.Internet.Addresses {
		path := fmt.Sprintf("internet.addresses[%d]", i)
		if !p.IsValid() || p.IsSingleIP() {
			return fmt.Errorf("%s: %s: give an address in a subnet that has room for the router, such as 203.0.113.10/24", path, p)
		}
		for _, segments := range []map[string]netip.Prefix{t.Underlay.Segments, t.Underlay.Segments6} {
			for _, name := range sortedKeys(segments) {
				if segments[name].Overlaps(p) {
					return fmt.Errorf("%s: %s overlaps segment %q (%s): the router could not tell them apart", path, p, name, segments[name])
				}
			}
		}
		for _, n := range t.Networks {
			n.Normalize()
			for _, s := range n.Subnets {
				if s.Prefix.IsValid() && s.Overlaps(p) {
					return fmt.Errorf("%s: %s overlaps the subnet %s of network %s", path, p, s.Prefix, n.Name)
				}
			}
		}
	}
	return nil
}

func (t *Topology) checkMachines(names map[string]string) error {
	for i, m := range t.Machines {
		path := fmt.Sprintf("machines[%d]", i)
		if err := checkMachineName(path, m.Name, "a machine", names); err != nil {
			return err
		}
		if err := checkLAN(path+".lan", m.LAN, t.Underlay.Segments); err != nil {
			return err
		}
		for j, p := range m.Addresses {
			if !p.IsValid() {
				return fmt.Errorf("%s.addresses[%d]: give an address with its prefix length, such as 10.0.1.200/24", path, j)
			}
		}
		for j, g := range m.Gateway {
			if !slices.ContainsFunc(m.Addresses, func(p netip.Prefix) bool { return p.Contains(g) }) {
				return fmt.Errorf("%s.gateway[%d]: %s is in none of the subnets of the machine's addresses", path, j, g)
			}
		}
	}
	return nil
}
