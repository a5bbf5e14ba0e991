package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/underlay"
)

// Bounds of what is listed: of 500 hosts that are cut in half, 62,500 pairs do
// not reach each other.
const (
	mostPairs = 100
	mostNamed = 20
)

// underlayView is the underlay as the API shows it.
func (v view) underlayView(u *underlayRecord) model.Underlay {
	out := model.Underlay{Revision: u.Revision}
	for _, l := range u.Links {
		out.Links = append(out.Links, model.Link{Hosts: v.hostNames(l.Hosts), Cost: l.Cost})
	}
	for _, g := range u.Groups {
		out.Groups = append(out.Groups, model.Group{Hosts: v.hostNames(g.Hosts), Cost: g.Cost})
	}
	out.State = &model.UnderlayState{Links: []model.LinkState{}}
	for a := range all[adjacencyRecord](v, tableAdjacency) {
		out.State.Links = append(out.State.Links, v.linkState(a))
	}
	slices.SortFunc(out.State.Links, func(a, b model.LinkState) int { return slices.Compare(a.Hosts, b.Hosts) })
	v.findPairs(out.State)
	out.Conditions = slices.Concat(v.lonelyConditions(), v.relayConditions())
	return out
}

func (v view) linkState(a *adjacencyRecord) model.LinkState {
	one, other := v.host(a.Hosts[0]), v.host(a.Hosts[1])
	s := model.LinkState{Cost: int(a.Cost), State: a.State, Since: a.Since}
	if one == nil || other == nil {
		return s
	}
	s.Hosts = []string{min(one.Name, other.Name), max(one.Name, other.Name)}
	if a.Used {
		return s
	}
	seen, _ := v.seenOn(one, other)
	switch why := apart(one, other); {
	case why != "":
		s.Why = why
	case a.State == model.LinkDamped && a.flaps():
		s.Why = fmt.Sprintf("it went down %d times within %v, and has to be up for %v first", flapCount, flapWindow, flapCalm)
	case a.State == model.LinkDamped:
		s.Why = "it came back just now, and has to stay"
	case seen == up:
		s.Why = "BFD runs again, and the switch of one of its hosts has not confirmed yet that it has its flows"
	case seen == unseen:
		s.Why = "it was down when its hosts were last connected"
	default:
		s.Why = "BFD does not get through"
	}
	return s
}

func (v view) hostNames(systemIDs []string) []string {
	names := make([]string, len(systemIDs))
	for i, id := range systemIDs {
		names[i] = v.hostName(id)
	}
	return names
}

// findPairs finds the hosts that have no way to each other, or one that is too
// long.
func (v view) findPairs(s *model.UnderlayState) {
	ways := underlay.NewMap()
	ways.Set(v.usedLinks())
	hosts := slices.SortedFunc(all[hostRecord](v, tableHost), func(a, b *hostRecord) int { return strings.Compare(a.Name, b.Name) })
	note := func(list *[][]string, count *int, a, b *hostRecord) {
		if *count++; *count <= mostPairs {
			*list = append(*list, []string{a.Name, b.Name})
		}
	}
	for i, a := range hosts {
		for _, b := range hosts[i+1:] {
			switch n := ways.Transmissions(a.Number, b.Number); {
			case n == 0:
				note(&s.Unreachable, &s.UnreachablePairs, a, b)
			case n > underlay.MaxTransmissions:
				note(&s.TooLong, &s.TooLongPairs, a, b)
			}
		}
	}
}

// lonelyConditions name the hosts that have no link at all.
func (v view) lonelyConditions() []model.Condition {
	var names []string
	for h := range all[hostRecord](v, tableHost) {
		if first[adjacencyRecord](v, tableAdjacency, byHost, h.SystemID) == nil {
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []model.Condition{{Type: model.NoLink, Message: fmt.Sprintf(
		"no link is declared of these hosts, so they reach no other: %s; PUT /underlay with theirs", named(names))}}
}

// relayConditions name the networks that do not leave room for relaying.
func (v view) relayConditions() []model.Condition {
	var large, wide []string
	limits := v.underlayLimits()
	for n := range all[networkRecord](v, tableNetwork) {
		if !relayable(n.VNI) {
			large = append(large, n.Name)
		}
		if limit := limits[n.Encap].mtu; limit > 0 && n.MTU > limit {
			wide = append(wide, fmt.Sprintf("%s (%d, and %d gets through)", n.Name, n.MTU, limit))
		}
	}
	var conditions []model.Condition
	if len(large) > 0 {
		conditions = append(conditions, model.Condition{Type: model.NotRelayed, Message: "networks with " + largeVNI + ": " + named(large) + "; declare them anew with a smaller VNI"})
	}
	if len(wide) > 0 {
		conditions = append(conditions, model.Condition{Type: model.MTUTooLarge, Message: fmt.Sprintf(
			"networks whose MTU leaves no room for the %d bytes by which a frame grows that is relayed: %s; PUT them with a smaller mtu", relayOverhead, named(wide))})
	}
	return conditions
}

// relayCondition says of one network that it cannot be relayed.
func (v view) relayCondition(n *networkRecord) []model.Condition {
	if v.declaredUnderlay() == nil || relayable(n.VNI) {
		return nil
	}
	return []model.Condition{{Type: model.NotRelayed, Message: fmt.Sprintf(
		"VNI %d: a network with %s; declare it anew with a smaller VNI", n.VNI, largeVNI)}}
}

var largeVNI = fmt.Sprintf("a VNI of %d or more cannot be relayed, because the upper bits of the tunnel id count relays: their hosts reach each other over direct links only", model.MaxAutomaticVNI+1)

// relayable reports whether a VNI leaves the bits free that relaying needs.
func relayable(vni uint32) bool { return vni <= model.MaxAutomaticVNI }

func named(names []string) string {
	slices.Sort(names)
	if len(names) > mostNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostNamed], ", "), len(names)-mostNamed)
	}
	return strings.Join(names, ", ")
}
