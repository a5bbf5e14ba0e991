package model

import (
	"fmt"
	"time"
)

// States of a link between two hosts of the underlay.
const (
	LinkUnknown = "unknown" // nothing was seen of it yet; it is used as it was
	LinkUp      = "up"
	LinkDown    = "down"   // not used
	LinkDamped  = "damped" // it is up again, and the last resort until it has been for a while
)

// MaxLinkCost bounds the cost of a link, so that that of a way over all hosts
// can be added up.
const MaxLinkCost = 1<<16 - 1

const (
	maxLinks  = 1 << 16
	maxGroups = 4096
)

// Underlay says which hosts reach each other directly. Where none is declared,
// all do. Hosts between which there is no link reach each other through others.
type Underlay struct {
	Links  []Link  `json:"links,omitempty"`
	Groups []Group `json:"groups,omitempty"`

	// Read-only.
	State      *UnderlayState `json:"state,omitempty"`
	Conditions []Condition    `json:"conditions,omitempty"`
	Revision   uint64         `json:"revision,omitempty"`
}

// Link joins two hosts, both ways.
type Link struct {
	Hosts []string `json:"hosts"`          // names of two
	Cost  int      `json:"cost,omitempty"` // 1 when left out
}

// Group is hosts that all have links with each other.
type Group struct {
	Hosts []string `json:"hosts"`
	Cost  int      `json:"cost,omitempty"` // of each link, 1 when left out
}

// UnderlayState is what is seen of the links, and what follows for hosts.
type UnderlayState struct {
	Links []LinkState `json:"links"` // those of groups, too

	// Pairs of hosts that have no way to each other at the moment, and that have
	// one only over more than seven relays. The lists may be cut short; the numbers
	// count all.
	Unreachable      [][]string `json:"unreachable,omitempty"`
	UnreachablePairs int        `json:"unreachablePairs"`
	TooLong          [][]string `json:"tooLong,omitempty"`
	TooLongPairs     int        `json:"tooLongPairs"`
}

// LinkState is a link as it is seen.
type LinkState struct {
	Hosts []string  `json:"hosts"`
	Cost  int       `json:"cost"`
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"` // none: since before the controller started
	Why   string    `json:"why,omitempty"`  // of one that is not used, where that is known
}

// Normalize fills in what does not depend on anything else.
func (u *Underlay) Normalize() {
	for i := range u.Links {
		if u.Links[i].Cost == 0 {
			u.Links[i].Cost = 1
		}
	}
	for i := range u.Groups {
		if u.Groups[i].Cost == 0 {
			u.Groups[i].Cost = 1
		}
	}
}

// Check says what is wrong with a normalized underlay, whatever hosts there are.
func (u *Underlay) Check() *Error {
	if len(u.Links) == 0 && len(u.Groups) == 0 {
		return Invalidf("links", "say which hosts have links, in links or in groups; where all hosts reach each other directly, DELETE /underlay")
	}
	if len(u.Links) > maxLinks {
		return Invalidf("links", "%d links: %d are taken, and groups where all hosts see each other", len(u.Links), maxLinks)
	}
	if len(u.Groups) > maxGroups {
		return Invalidf("groups", "%d groups: %d are taken", len(u.Groups), maxGroups)
	}
	for i, l := range u.Links {
		at := fmt.Sprintf("links[%d]", i)
		if len(l.Hosts) != 2 {
			return Invalidf(at+".hosts", "%d hosts: a link joins two; give more than two in groups", len(l.Hosts))
		}
		if l.Hosts[0] == l.Hosts[1] {
			return Invalidf(at+".hosts", "host %q is linked to itself: name two hosts", shorten(l.Hosts[0]))
		}
		if err := checkLinked(at, l.Hosts, l.Cost); err != nil {
			return err
		}
	}
	for i, g := range u.Groups {
		at := fmt.Sprintf("groups[%d]", i)
		if len(g.Hosts) < 2 {
			return Invalidf(at+".hosts", "%d hosts: a group has two at least", len(g.Hosts))
		}
		if err := checkLinked(at, g.Hosts, g.Cost); err != nil {
			return err
		}
	}
	return nil
}

func checkLinked(at string, hosts []string, cost int) *Error {
	seen := make(map[string]bool, len(hosts))
	for j, name := range hosts {
		field := fmt.Sprintf("%s.hosts[%d]", at, j)
		if err := CheckName(field, name); err != nil {
			return err
		}
		if seen[name] {
			return Invalidf(field, "host %q stands here twice", name)
		}
		seen[name] = true
	}
	if cost < 1 || cost > MaxLinkCost {
		return Invalidf(at+".cost", "%d is not the cost of a link: 1 to %d", cost, MaxLinkCost)
	}
	return nil
}
