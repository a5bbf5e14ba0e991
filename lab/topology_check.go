package lab

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/weft-sdn/weft/model"
)

var (
	// labName is part of namespace names.
	labName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`)
	// segmentName, with a prefix, is an interface name of at most 15 bytes.
	segmentName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,10}$`)
)

// Machines that every lab has, besides those of its file.
const (
	routerName     = "router"
	controllerName = "ctl"
	internetName   = "internet" // where the file gives it addresses
)

// check says what is wrong with a topology, with the path of the field.
func (t *Topology) check() error {
	if !labName.MatchString(t.Name) {
		return fmt.Errorf("name: %q: give the topology a name of 1 to 30 of a-z, 0-9 and '-'", t.Name)
	}
	if err := t.Underlay.check(); err != nil {
		return err
	}
	names := map[string]string{routerName: "the router", controllerName: "the controller"}
	if err := t.checkHosts(names); err != nil {
		return err
	}
	if err := t.checkInternet(names); err != nil {
		return err
	}
	if err := t.checkMachines(names); err != nil {
		return err
	}
	if err := t.checkDocument(); err != nil {
		return err
	}
	if err := t.checkContainers(names); err != nil {
		return err
	}
	for _, name := range []string{routerName, controllerName} {
		delete(names, name) // they are no machines to reach
	}
	return t.checkExpectations(names)
}

func (u *Underlay) check() error {
	// 1280: what IPv6 needs of every link. 65485: see model; nothing larger fits.
	if u.MTU < 1280 || u.MTU > 65485 {
		return fmt.Errorf("underlay.mtu: %d: use 1280 to 65485, or leave it out for %d", u.MTU, defaultUnderlayMTU)
	}
	if len(u.Segments) == 0 {
		return fmt.Errorf("underlay.segments: name at least one, such as {left: 172.16.10.0/24}")
	}
	for _, name := range sortedKeys(u.Segments) {
		path, subnet := "underlay.segments."+name, u.Segments[name]
		if !segmentName.MatchString(name) {
			return fmt.Errorf("%s: name a segment with 1 to 11 of a-z, 0-9 and '-'", path)
		}
		if subnet != subnet.Masked() {
			return fmt.Errorf("%s: %s has host bits set: the subnet is %s", path, subnet, subnet.Masked())
		}
		for _, other := range sortedKeys(u.Segments) {
			if other < name && u.Segments[other].Overlaps(subnet) {
				return fmt.Errorf("%s: %s overlaps segment %q (%s): the router could not tell them apart", path, subnet, other, u.Segments[other])
			}
		}
	}
	for _, name := range sortedKeys(u.Segments6) {
		path, subnet := "underlay.segments6."+name, u.Segments6[name]
		switch first, ok := u.Segments[name]; {
		case !ok:
			return fmt.Errorf("%s: there is no such segment: name it in underlay.segments first, with its IPv4 subnet", path)
		case !first.Addr().Is4() || !subnet.Addr().Is6() || subnet != subnet.Masked():
			return fmt.Errorf("%s: %s: use an IPv6 subnet, for a segment whose other one is of IPv4", path, subnet)
		}
	}
	for _, name := range sortedKeys(u.Router) {
		if a := u.Router[name]; !u.Segments[name].Contains(a) {
			return fmt.Errorf("underlay.router.%s: %s is not in that segment (%v)", name, a, u.Segments[name])
		}
	}
	return nil
}

func (t *Topology) checkHosts(names map[string]string) error {
	if len(t.Hosts) == 0 {
		return fmt.Errorf("hosts: name at least one, such as {name: host1, address: 172.16.10.100/24}")
	}
	taken := map[netip.Addr]string{}
	for name, a := range t.Underlay.Router {
		taken[a] = "the router in segment " + name
	}
	if err := t.checkAddress("controller.address", "the controller", t.Controller.Address, taken); err != nil {
		return err
	}
	for i, h := range t.Hosts {
		path := fmt.Sprintf("hosts[%d]", i)
		if err := checkMachineName(path, h.Name, "a host", names); err != nil {
			return err
		}
		if err := t.checkAddress(path+".address", "host "+h.Name, h.Address, taken); err != nil {
			return err
		}
		if err := t.checkAddress6(path+".address6", h, taken); err != nil {
			return err
		}
		for _, dev := range sortedKeys(h.NICs) {
			if err := model.CheckInterface("nics", dev); err != nil || dev == nic || dev == underlayBridge || strings.HasPrefix(dev, portPrefix) {
				return fmt.Errorf("%s.nics: %q: use the name of an interface that is neither %s nor Weft's, such as eth1", path, dev, nic)
			}
			if err := checkLAN(path+".nics."+dev, h.NICs[dev], t.Underlay.Segments); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAddress6 says whether a host can have its second address.
func (t *Topology) checkAddress6(path string, h HostSpec, taken map[netip.Addr]string) error {
	if !h.Address6.IsValid() {
		return nil
	}
	segment, _ := t.Underlay.segmentOf(h.Address.Addr())
	if subnet, ok := t.Underlay.Segments6[segment]; !ok || subnet != h.Address6.Masked() {
		return fmt.Errorf("%s: %s is not in underlay.segments6.%s: add its subnet %s there", path, h.Address6, segment, h.Address6.Masked())
	}
	if other, ok := taken[h.Address6.Addr()]; ok {
		return fmt.Errorf("%s: %s is taken by %s", path, h.Address6.Addr(), other)
	}
	taken[h.Address6.Addr()] = "host " + h.Name
	return nil
}

// checkAddress says whether a machine can have an address of the underlay.
func (t *Topology) checkAddress(path, who string, p netip.Prefix, taken map[netip.Addr]string) error {
	if !p.IsValid() {
		return fmt.Errorf("%s: missing: give an address with its prefix length, such as 172.16.10.100/24", path)
	}
	segment, ok := t.Underlay.segmentOf(p.Addr())
	if !ok || t.Underlay.Segments[segment].Bits() != p.Bits() {
		return fmt.Errorf("%s: %s is in none of underlay.segments: add its subnet %s there", path, p, p.Masked())
	}
	if other, ok := taken[p.Addr()]; ok {
		return fmt.Errorf("%s: %s is taken by %s", path, p.Addr(), other)
	}
	taken[p.Addr()] = who
	return nil
}

// checkMachineName keeps names of hosts and containers apart: both are
// namespaces, and `weft lab exec NAME` takes either.
func checkMachineName(path, name, what string, names map[string]string) error {
	if err := model.CheckName("name", name); err != nil {
		return fmt.Errorf("%s.%w", path, err)
	}
	if other, ok := names[name]; ok {
		return fmt.Errorf("%s.name: %q is %s already: hosts and containers of a lab have different names", path, name, other)
	}
	names[name] = what
	return nil
}

func (t *Topology) checkContainers(names map[string]string) error {
	user := map[int]string{}
	for i, c := range t.Containers {
		path := fmt.Sprintf("containers[%d]", i)
		if err := checkMachineName(path, c.Name, "a container", names); err != nil {
			return err
		}
		if names[c.Host] != "a host" {
			return fmt.Errorf("%s.host: %q is not a host of this file", path, c.Host)
		}
		e, err := t.endpointOf(c)
		if err != nil {
			return fmt.Errorf("%s.endpoint: %w", path, err)
		}
		if other, ok := user[e]; ok {
			return fmt.Errorf("%s.endpoint: %q is container %s's already", path, c.Endpoint, other)
		}
		user[e] = c.Name
	}
	return nil
}

// endpointOf finds the one endpoint that a container names.
func (t *Topology) endpointOf(c ContainerSpec) (int, error) {
	var found []int
	var titles []string
	for i := range t.Endpoints {
		e := &t.Endpoints[i]
		if c.Endpoint == e.Title() || c.Endpoint == e.Network+"/"+e.Title() {
			found, titles = append(found, i), append(titles, e.Network+"/"+e.Title())
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("no endpoint of this file is called %q: add it to endpoints", c.Endpoint)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%q may be %s: write the network too", c.Endpoint, strings.Join(titles, " or "))
}
