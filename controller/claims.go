package controller

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// claims are the ports that say they are the endpoint's, by iface-id or by
// container, in the order of hosts' numbers and ports' names.
func (v view) claims(e *endpointRecord) []*portFact {
	claims := slices.Collect(each[portFact](v, tablePort, byIface, e.ID))
	if e.Container != "" {
		claims = slices.AppendSeq(claims, each[portFact](v, tablePort, byContainer, e.Container, e.Interface))
	}
	slices.SortFunc(claims, func(a, b *portFact) int {
		if a.Host != b.Host {
			return int(v.hostNumber(a.Host)) - int(v.hostNumber(b.Host))
		}
		return strings.Compare(a.Name, b.Name)
	})
	return claims
}

// claimed are the endpoints that a port says it is.
func (v view) claimed(f *portFact) iter.Seq[*endpointRecord] {
	if f.IfaceID != "" {
		return each[endpointRecord](v, tableEndpoint, byID, f.IfaceID)
	}
	if f.ContainerID != "" {
		return each[endpointRecord](v, tableEndpoint, byContainer, f.ContainerID, f.ContainerIface)
	}
	return func(func(*endpointRecord) bool) {}
}

// usable reports whether a claim can hold an endpoint at all.
func (f *portFact) usable() bool { return f.Error == "" && !f.NoDevice }

// decide says where an endpoint is, from where it was and who claims it now.
// unreachable reports whether a host has been away for so long that another
// may take over what it held.
//
//   - A pin leaves only the ports of that host.
//   - The port that has it keeps it, while its host is connected and the port
//     is there; and while its host is away, until another claims it and the
//     host is unreachable.
//   - Otherwise the first that claims it has it. A container's name that is
//     found on several hosts is nobody's, until it is pinned.
func (v view) decide(e *endpointRecord, was *placeRecord, unreachable func(systemID string) bool) *placeRecord {
	now := &placeRecord{Endpoint: e.ID, Generation: was.Generation, Mismatch: was.Mismatch}
	var pin string
	if e.Host != "" {
		pin = "\x00" // of a host that does not exist (yet): nobody has it
		if h := v.hostByName(e.Host); h != nil {
			pin = h.SystemID
		}
	}
	claims := v.claims(e)
	var candidates []*portFact
	for _, c := range claims {
		if c.usable() && c.fits(e) && (pin == "" || c.Host == pin) && v.link(c.Host).OVSDB {
			candidates = append(candidates, c)
		}
	}
	take := func(c *portFact) { now.Host, now.Port, now.Number = c.Host, c.Name, c.Number }

	switch holder := was.Host; {
	case holder != "" && v.host(holder) != nil && (pin == "" || pin == holder):
		if c := pick(candidates, holder, was.Port); c != nil {
			take(c)
		} else if !v.link(holder).OVSDB && (len(candidates) == 0 || !unreachable(holder)) {
			now.Host, now.Port, now.Number = was.Host, was.Port, was.Number
		}
	}
	if now.Host == "" && len(candidates) > 0 {
		if hosts := hostsOf(candidates); len(hosts) > 1 && candidates[0].IfaceID == "" {
			now.Conditions = append(now.Conditions, model.Condition{Type: model.AmbiguousContainer,
				Message: fmt.Sprintf("a container %q is on several hosts (%s): say which is meant with host", e.Container, v.names(hosts))})
			return now
		}
		take(candidates[0])
	}
	for _, c := range claims {
		if condition, refused := v.refusal(e, now, c); refused {
			now.Conditions = append(now.Conditions, condition)
		}
	}
	return now
}

// pick returns the claim of a host, by preference that of the port which has
// the endpoint already.
func pick(claims []*portFact, host, port string) *portFact {
	var found *portFact
	for _, c := range claims {
		if c.Host == host && (found == nil || c.Name == port) {
			found = c
		}
	}
	return found
}

// refusal says why a port that claims an endpoint does not have it.
func (v view) refusal(e *endpointRecord, place *placeRecord, f *portFact) (model.Condition, bool) {
	if place.Host == f.Host && place.Port == f.Name {
		return model.Condition{}, false
	}
	claim := fmt.Sprintf("port %s on host %s claims endpoint %s", f.Name, v.hostName(f.Host), e.Title())
	switch {
	case f.Error != "":
		return model.Condition{Type: model.PortFailed, Message: claim + ", but Open vSwitch reports: " + f.Error}, true
	case f.NoDevice:
		return model.Condition{Type: model.PortFailed, Message: claim + ", but its device is gone"}, true
	case !f.fits(e):
		return model.Condition{Type: model.ClaimRefused,
			Message: claim + ", which is a host itself, through a port of Weft's own (" + e.selfPort() + "): take the iface-id off this one"}, true
	case e.Host != "" && v.hostName(f.Host) != e.Host:
		return model.Condition{Type: model.ClaimRefused,
			Message: claim + ", which is pinned to host " + e.Host + ": PUT it with host " + v.hostName(f.Host) + " to move it"}, true
	case place.Host != "":
		return model.Condition{Type: model.ClaimRefused,
			Message: fmt.Sprintf("%s, which port %s on host %s has: remove one of the two, or PUT the endpoint with the host that is right", claim, place.Port, v.hostName(place.Host))}, true
	}
	return model.Condition{}, false
}

func (v view) hostNumber(systemID string) uint32 {
	if h := v.host(systemID); h != nil {
		return h.Number
	}
	return 0
}

func hostsOf(claims []*portFact) []string {
	var hosts []string
	for _, c := range claims {
		if !slices.Contains(hosts, c.Host) {
			hosts = append(hosts, c.Host)
		}
	}
	return hosts
}

func (v view) names(systemIDs []string) string {
	var names []string
	for _, id := range systemIDs {
		names = append(names, v.hostName(id))
	}
	return strings.Join(names, ", ")
}
