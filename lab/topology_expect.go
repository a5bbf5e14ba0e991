package lab

import (
	"fmt"
	"slices"
)

// checkExpectations also demands a positive control: that X does not reach Y
// shows something only if both are seen to reach somebody.
func (t *Topology) checkExpectations(names map[string]string) error {
	works := map[string]bool{}
	for i, e := range t.Expect {
		if err := t.checkExpectation(e, names); err != nil {
			return fmt.Errorf("expect[%d]%w", i, err)
		}
		if e.positive() {
			works[e.From], works[e.To] = true, true
		}
	}
	for i, e := range t.Expect {
		if e.positive() {
			continue
		}
		for _, name := range []string{e.From, e.To} {
			if names[name] != "" && !works[name] {
				return fmt.Errorf("expect[%d]: that %s proves nothing as long as %s is not seen to work: add an expectation in which it reaches somebody", i, e, name)
			}
		}
		then := func(o Expectation) bool { return o.From == e.From && o.To == e.To && o.positive() }
		if e.Before && !slices.ContainsFunc(t.Expect, then) {
			return fmt.Errorf("expect[%d]: that %s proves nothing if it does not later: add {from: %s, to: %s, reaches: true}", i, e, e.From, e.To)
		}
	}
	return nil
}

// checkExpectation returns an error that begins with the field, or with a colon.
func (t *Topology) checkExpectation(e Expectation, names map[string]string) error {
	if names[e.From] == "" {
		return fmt.Errorf(".from: %q is not a machine of this file: a host, a container, one of machines, or %s", e.From, internetName)
	}
	address, port, isAddress := parseAddress(e.To)
	switch {
	case names[e.To] == "" && !isAddress:
		return fmt.Errorf(".to: %q is neither a machine of this file nor an ADDRESS or ADDRESS:PORT", e.To)
	case isAddress && address.Zone() != "":
		return fmt.Errorf(".to: %s: leave the zone out", e.To)
	case e.Without != "" && !slices.ContainsFunc(t.Hosts, func(h HostSpec) bool { return h.Name == e.Without }):
		return fmt.Errorf(".without: %q is not a host of this file", e.Without)
	case (e.Without != "") != (e.Gap != 0):
		return fmt.Errorf(": without says which host stops, and gap how long traffic may take to move: write both, such as {without: host2, gap: 500ms}")
	case e.From == e.To:
		return fmt.Errorf(": a machine always reaches itself: name two")
	case e.Reaches == nil && e.Bulk == 0 && e.Neighbour == "" && e.MTU == 0 && e.Wire == nil && e.Without == "":
		return fmt.Errorf(": says nothing: add reaches: true, reaches: false, bulk: 16MiB, mtu: 1450, wire: {udp: 4789, vni: 5000} or neighbour: %s", neighbourLocal)
	case !e.positive() && (e.Bulk != 0 || e.Neighbour != "" || e.MTU != 0 || e.Wire != nil || e.Without != "" || e.Answers != "" || e.SeenAs != ""):
		return fmt.Errorf(": bulk, neighbour, mtu, wire, without, answers and seenAs need what reaches: false denies: drop one of them")
	case e.Proto != "" && !slices.Contains([]string{overTCP, overUDP, overICMP}, e.Proto):
		return fmt.Errorf(".proto: %q: use %s, %s or %s, or leave it out for all", e.Proto, overTCP, overUDP, overICMP)
	case isAddress && port == 0 && (e.Proto == overTCP || e.Proto == overUDP):
		return fmt.Errorf(".to: %s: write the port too, %s:PORT", e.To, e.To)
	case isAddress && port != 0 && e.Proto == overICMP:
		return fmt.Errorf(".proto: icmp has no ports: leave :%d out", port)
	case e.Answers != "" && !isAddress:
		return fmt.Errorf(".answers: %s itself must answer: leave it out", e.To)
	case e.Answers != "" && names[e.Answers] == "":
		return fmt.Errorf(".answers: %q is not a machine of this file", e.Answers)
	case e.SeenAs != "" && e.Proto == overICMP:
		return fmt.Errorf(".seenAs: an echo reply does not say who was seen: use proto: udp")
	}
	if e.SeenAs != "" && names[e.SeenAs] == "" {
		if _, port, ok := parseAddress(e.SeenAs); !ok || port != 0 {
			return fmt.Errorf(".seenAs: %q is neither a machine of this file nor an address", e.SeenAs)
		}
	}
	return t.checkContainerExpectation(e)
}

// checkContainerExpectation checks what only makes sense between containers.
func (t *Topology) checkContainerExpectation(e Expectation) error {
	from, to := t.container(e.From), t.container(e.To)
	both := from != nil && to != nil
	switch {
	case e.Neighbour != "" && e.Neighbour != neighbourLocal:
		return fmt.Errorf(".neighbour: %q: the only value is %s", e.Neighbour, neighbourLocal)
	case (e.Neighbour != "" || e.Wire != nil) && !both:
		return fmt.Errorf(": neighbour and wire are about tunnels: name two containers")
	case e.Neighbour != "" && from.Host == to.Host:
		return fmt.Errorf(".neighbour: %s and %s are on one host, between them there is no tunnel", e.From, e.To)
	case e.Wire != nil && from.Host == to.Host:
		return fmt.Errorf(".wire: %s and %s are on one host, between them there is no tunnel", e.From, e.To)
	case e.Wire != nil && (e.Wire.UDP == 0 || e.Wire.VNI == 0):
		return fmt.Errorf(".wire: write both, such as {udp: 4789, vni: 5000}")
	case (e.Bulk != 0 || e.MTU != 0) && t.isAddress(e.To):
		return fmt.Errorf(".to: bulk and mtu are between two machines: name one")
	case e.MTU != 0 && from == nil:
		return fmt.Errorf(".from: mtu is that of a container: name one")
	case e.Before && e.positive():
		return fmt.Errorf(".before: nothing works before anything is declared: write reaches: false")
	case e.Before && !both:
		return fmt.Errorf(".before: is about two containers that are plugged before anything is declared")
	}
	if !e.Before {
		return nil
	}
	for _, c := range []*ContainerSpec{from, to} {
		i, err := t.endpointOf(*c)
		if err != nil {
			return fmt.Errorf(".before: container %s: %w", c.Name, err)
		}
		if d := t.Endpoints[i]; (d.Container == "" && d.ID == "") || len(d.Addresses) == 0 {
			return fmt.Errorf(".before: endpoint %s needs addresses, and an id or a container, to be plugged before it is declared", d.Title())
		}
	}
	return nil
}

func (t *Topology) isAddress(to string) bool {
	_, _, is := parseAddress(to)
	return is
}

// container returns the container of that name, or nil.
func (t *Topology) container(name string) *ContainerSpec {
	i := slices.IndexFunc(t.Containers, func(c ContainerSpec) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &t.Containers[i]
}
