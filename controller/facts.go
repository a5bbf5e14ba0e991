package controller

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// refresh makes the records of a host follow its link: its ports, and who is
// behind them.
func (c *Controller) refresh(ctx context.Context, l *hostLink) {
	t := c.begin()
	t.refresh(l)
	c.commitFacts(ctx, t)
}

// foreign are the conditions of a host on which another decides.
var foreign = map[string]bool{model.ForeignCluster: true, model.ForeignController: true, model.LockHeld: true}

func (t *tx) refresh(l *hostLink) {
	now := *t.link(l.systemID)
	now.OVSDB, now.OpenFlow = l.conn != nil, l.sw != nil && l.sw.ready
	now.Foreign = slices.ContainsFunc(l.trouble, func(c model.Condition) bool { return foreign[c.Type] })
	now.Conditions = slices.Concat(l.identity, l.rivals, l.trouble)
	if now.OVSDB || now.OpenFlow {
		now.LastSeen = t.now
	}
	now.Repairs, now.Tampered = l.repairs, l.tampered
	switch {
	case now.OpenFlow || !now.OVSDB:
		now.SwitchAway = time.Time{}
	case now.SwitchAway.IsZero():
		now.SwitchAway = t.now
	}
	if !now.OpenFlow {
		now.Confirmed = 0
	}
	if l.tampered {
		now.Conditions = append(now.Conditions, model.Condition{Type: model.Tampered,
			Message: "somebody else changed flows or groups of br-weft, which is only reported (--no-repair): weft flows HOST --diff shows what is different"})
	}
	if l.sw != nil {
		now.TunnelPorts, now.GatewayPort = l.sw.tunnelPorts(), l.sw.ports[gatewayPort]
		now.WatchPorts, now.Watches = l.sw.watches()
	}
	if l.view != nil {
		now.Agent = l.view.ExternalIDs[agentKey]
		for _, p := range l.view.Ports {
			for _, i := range p.Interfaces {
				if isOurs(i.Name) && i.Error != "" {
					now.Conditions = append(now.Conditions, portFailed(i.Name, i.Error))
				}
			}
		}
	}
	t.put(tableLink, &now)
	t.lookAround(l.systemID)
	if l.view == nil || l.conn == nil {
		return
	}
	t.replacePorts(l.systemID, portFacts(l), !l.caughtUp)
}

// replacePorts puts the ports of a host as they are seen now, and decides anew
// about the endpoints that any of them claims or claimed, where the port has
// changed; after the host was away, where it has not, too, and about those that
// it held before.
func (t *tx) replacePorts(systemID string, seen []*portFact, wasAway bool) {
	affected := map[string]*endpointRecord{}
	note := func(f *portFact) {
		for e := range t.claimed(f) {
			affected[e.ID] = e
		}
	}
	now := map[string]*portFact{}
	for _, f := range seen {
		now[f.Name] = f
	}
	for _, old := range slices.Collect(each[portFact](t.view, tablePort, byHost, systemID)) {
		f := now[old.Name]
		if f != nil && *f == *old {
			delete(now, old.Name)
			if wasAway {
				note(f) // it claimed nothing while the host was away
			}
			continue
		}
		note(old)
		if f == nil {
			t.delete(tablePort, old)
		}
	}
	for _, f := range now {
		note(f)
		t.put(tablePort, f)
	}
	if wasAway {
		for p := range each[placeRecord](t.view, tablePlace, byHost, systemID) {
			if e := t.endpoint(p.Endpoint); e != nil {
				affected[e.ID] = e
			}
		}
	}
	for _, e := range affected {
		t.settle(e)
	}
}

// renumber is refresh where only the number of one port changed. A host whose
// ports are plugged one after the other would else look at all of them for each.
func (c *Controller) renumber(ctx context.Context, l *hostLink, name string) {
	t := c.begin()
	old := first[portFact](t.view, tablePort, byID, l.systemID, name)
	if old == nil || l.conn == nil || !l.caughtUp {
		// OVSDB has not shown the port; when it does, the number is there.
		t.abort()
		return
	}
	now := *old
	now.Number = l.sw.ports[name]
	t.put(tablePort, &now)
	for _, e := range slices.Collect(t.claimed(&now)) {
		t.settle(e)
	}
	c.commitFacts(ctx, t)
}

// portFacts are the ports of br-weft as both connections show them. A port's
// number comes from OpenFlow: OVSDB's is stale just after a restart.
func portFacts(l *hostLink) []*portFact {
	var facts []*portFact
	for _, p := range l.view.Ports {
		for _, i := range p.Interfaces {
			marked := i.ExternalIDs[ovsdb.MarkKey] != ""
			f := &portFact{
				Host: l.systemID, Name: i.Name, Row: i.UUID,
				IfaceID:        i.ExternalIDs["iface-id"],
				ContainerID:    i.ExternalIDs["container_id"],
				ContainerIface: i.ExternalIDs["container_iface"],
				Internal:       p.Name == l.view.Bridge.Name || i.Name == gatewayPort && marked,
				Ours:           isOurs(i.Name) && i.Name != gatewayPort && marked,
				// A veth that vanished leaves its row behind, with its number.
				NoDevice: i.IfIndex == 0 && i.LinkState == "down" && i.Error == "",
				Error:    strings.TrimSpace(i.Error),
			}
			if l.sw != nil {
				f.Number = l.sw.ports[i.Name]
			}
			facts = append(facts, f)
		}
	}
	return facts
}

// isOurs reports whether a port of that name is one that Weft makes.
func isOurs(name string) bool {
	_, watches := watchedHost(name)
	return watches || isTunnelPort(name) || name == gatewayPort
}

func portFailed(name, why string) model.Condition {
	message := "port " + name + ": Open vSwitch reports: " + why
	if encap, tunnel := strings.CutPrefix(name, tunnelPrefix); tunnel && isTunnelPort(name) {
		message = "tunnel " + message + "; is there another " + encap + " port on this host, or has this Open vSwitch no " + encap + "?"
	}
	return model.Condition{Type: model.PortFailed, Message: message}
}

// commitFacts commits what was seen. Facts that cannot be stored are tried
// again with the next that come; until then nothing follows from them.
func (c *Controller) commitFacts(ctx context.Context, t *tx) {
	if _, err := c.commit(ctx, t); err != nil {
		c.log.Error("cannot store what hosts report", "err", err)
		c.retryFacts()
	}
}

// retryFacts looks at all hosts again after a while.
func (c *Controller) retryFacts() {
	const pause = 2 * time.Second
	if c.retrying {
		return
	}
	c.retrying = true
	time.AfterFunc(pause, func() {
		_ = c.do(context.Background(), func() {
			c.retrying = false
			for _, l := range c.hosts {
				if l.conn != nil {
					c.seen(context.Background(), l, l.view)
				} else {
					c.reconsider(l)
				}
				c.releasePresence(l)
			}
		})
	})
}
