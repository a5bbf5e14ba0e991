package controller

import (
	"context"
	"slices"
	"time"

	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/model"
)

// A host is down when all evidence says so: its database has been silent for
// Config.TakeoverAfter, and the gossip does not say that its agent is there. One
// whose agent the others still hear is cut off from the controller, and goes on
// forwarding: whoever took over its endpoints would be a second one of them.

// gossipGrace is how long after a restart a host that gossiped before has to be
// heard again. Agents look for a controller that they miss every few seconds.
const gossipGrace = 30 * time.Second

// gossips reports whether a host's agent was there, or may have been, when the
// gossip last said anything of it.
func (h *hostRecord) gossips() bool {
	return h != nil && (h.Gossip == model.GossipAlive || h.Gossip == model.GossipSuspect)
}

// gossiped notes a transition of a member. Agents go by the system-id of their
// host.
func (c *Controller) gossiped(change membership.Change) {
	name, state := change.After.Name, string(change.After.State)
	if name == "" { // forgotten
		name, state = change.Before.Name, ""
	}
	if role := max(change.After.Role, change.Before.Role); role != membership.Agent {
		if name != controllerName() && change.Before.State != change.After.State {
			c.log.Warn("another controller gossips in this cluster; hosts follow one", "controller", name, "state", state)
		}
		return
	}
	c.noteGossip(name, state, change.After)
}

// noteGossip makes a host's record say what the gossip says, which is an event
// for who watches, and looks again at what the host holds.
func (c *Controller) noteGossip(systemID, state string, m membership.Member) {
	h := c.snapshot().host(systemID)
	if h == nil {
		return // its Open vSwitch was never here; see newHost
	}
	now := *h
	now.Gossip = state
	if m.Address.IsValid() {
		now.GossipAt = m.Address
	}
	if now == *h {
		return
	}
	t := c.begin()
	t.put(tableHost, &now)
	c.commitFacts(context.Background(), t)
	if now.Gossip != h.Gossip {
		c.log.Info("gossip", "host", h.Name, "was", h.Gossip, "is", state)
	}
	c.reconsider(c.linkOf(systemID))
}

// gossipOf is what the gossip says of a host that is new here: its agent may
// have come before its database.
func (c *Controller) gossipOf(systemID string) string {
	m := c.members.Load()
	if m == nil {
		return ""
	}
	known, _ := m.View().Member(systemID)
	if known.Role != membership.Agent {
		return ""
	}
	return string(known.State)
}

// gossipers are the addresses at which agents were before.
func (c *Controller) gossipers() []string {
	var seeds []string
	for h := range all[hostRecord](c.snapshot(), tableHost) {
		if h.gossips() && h.GossipAt.IsValid() {
			seeds = append(seeds, h.GossipAt.String())
		}
	}
	slices.Sort(seeds)
	return slices.Compact(seeds)
}

// awaitGossip takes those for dead, in the end, that gossiped before the
// controller was restarted and were not heard since.
func (c *Controller) awaitGossip() {
	time.AfterFunc(gossipGrace, func() {
		_ = c.do(c.life, func() {
			for h := range all[hostRecord](c.snapshot(), tableHost) {
				if h.gossips() && c.gossipOf(h.SystemID) == "" {
					c.noteGossip(h.SystemID, model.GossipDead, membership.Member{})
				}
			}
		})
	})
}

// forgetGossip is for a controller that takes no part any more: nothing that was
// heard before counts.
func (c *Controller) forgetGossip() {
	for h := range all[hostRecord](c.snapshot(), tableHost) {
		if h.Gossip != "" {
			c.noteGossip(h.SystemID, "", membership.Member{})
		}
	}
}
