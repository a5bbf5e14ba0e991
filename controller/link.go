package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow/session"
	"github.com/weft-sdn/weft/ovsdb"
)

// hostLink is what the loop keeps of a host beside the records that readers
// see: its connections and how far they are.
type hostLink struct {
	systemID  string
	conn      *ovsdb.Conn
	view      *ovsdb.View
	caughtUp  bool          // the first view of this connection is worked in
	owned     bool          // the bridge is as wanted, and ours
	rows      *ovsdb.Wanted // what its rows were made to be, on this connection
	worked    bool          // its bridge has connected since
	ensure    chan struct{} // wakes the goroutine that makes it so
	adopt     bool          // also when it bears another mark
	identity  []model.Condition
	rivals    []model.Condition // others that came under its system-id
	trouble   []model.Condition // of making the bridge as wanted
	sw        *switchLink
	awaySince time.Time // since when both connections are down
	repairs   uint64    // foreign changes undone
	tampered  bool      // foreign changes are there, and not undone
}

// switchLink is the OpenFlow connection of a host's bridge.
type switchLink struct {
	session *session.Session
	ports   map[string]uint32 // name → number; complete when ready
	ready   bool
	synced  bool           // it was handed the wanted program
	pending []confirmation // in order
}

// confirmation says which generation of the host's program is on the switch
// when the session confirms one of its own.
type confirmation struct{ session, program uint64 }

// tunnelPort is the name of the flow-based VXLAN port.
const tunnelPort = "weft-vxlan"

// Packet-ins only serve to learn a MAC: Open vSwitch drops what is more.
const (
	packetInRate  = 100
	packetInBurst = 50
)

// linkOf is the link of a host, made when it is first asked for.
func (c *Controller) linkOf(systemID string) *hostLink {
	l := c.hosts[systemID]
	if l == nil {
		l = &hostLink{systemID: systemID, awaySince: c.started}
		c.hosts[systemID] = l
	}
	return l
}

// unreachable reports whether a host has been away for so long that another
// may take over what it held.
func (c *Controller) unreachable(systemID string) bool {
	l := c.linkOf(systemID)
	return l.conn == nil && l.sw == nil && time.Since(l.awaySince) >= c.config.TakeoverAfter
}

// wanted is what the host's OVSDB should have of ours.
func (c *Controller) wanted(l *hostLink) (ovsdb.Wanted, bool) {
	h := c.snapshot().host(l.systemID)
	if h == nil || l.conn == nil {
		return ovsdb.Wanted{}, false
	}
	return ovsdb.Wanted{
		Mark:                 c.ClusterID(),
		Adopt:                l.adopt,
		DatapathID:           h.DatapathID,
		DatapathType:         datapathType(l.view.ExternalIDs, func(string, string, ...any) {}),
		ControllerTargets:    []string{"tcp:" + netip.AddrPortFrom(c.openflowAddress(l.conn), c.openflowPort).String()},
		ControllerRateLimit:  packetInRate,
		ControllerBurstLimit: packetInBurst,
		TableNames:           flows.TableNames,
		Tunnels: []ovsdb.Tunnel{{
			Name: tunnelPort, Type: "vxlan",
			Options: map[string]string{"remote_ip": "flow", "key": "flow"},
		}},
	}, true
}

// openflowAddress is where the bridge finds us: where its host did, or what
// was said with --advertise.
func (c *Controller) openflowAddress(conn *ovsdb.Conn) netip.Addr {
	if c.advertise.IsValid() {
		return c.advertise
	}
	return conn.LocalAddr().Addr().Unmap()
}

// keepEnsured makes the host's bridge as wanted, each time that it may not be,
// until the connection ends.
func (c *Controller) keepEnsured(ctx context.Context, l *hostLink, conn *ovsdb.Conn, wake <-chan struct{}) {
	const retryAfter = 5 * time.Second
	for {
		var w ovsdb.Wanted
		var known bool
		if c.do(ctx, func() { w, known = c.wanted(l) }) != nil {
			return
		}
		var changed bool
		var err error
		if known {
			changed, err = conn.Ensure(ctx, w)
			if ctx.Err() != nil || c.do(ctx, func() { c.ensured(ctx, l, conn, &w, changed, err) }) != nil {
				return
			}
		}
		var retry <-chan time.Time
		if err != nil {
			retry = time.After(retryAfter)
		}
		select {
		case <-wake:
		case <-retry:
		case <-ctx.Done():
			return
		}
	}
}

// ensured notes how making the bridge as wanted went. What has to be written
// again is what somebody else had changed.
func (c *Controller) ensured(ctx context.Context, l *hostLink, conn *ovsdb.Conn, w *ovsdb.Wanted, changed bool, err error) {
	if l.conn != conn {
		return
	}
	// Until the bridge has connected, it is being set up, in several steps.
	if err == nil && changed && l.worked && reflect.DeepEqual(l.rows, w) {
		l.repairs++
		c.log.Warn("foreign change of the rows of br-weft, repaired", "host", c.snapshot().hostName(l.systemID))
		c.note(l, "somebody else changed the rows of br-weft or of what is Weft's on it, which was repaired")
	}
	if err == nil {
		l.rows = w
	}
	l.owned = err == nil
	trouble := troubleOf(err)
	if l.owned {
		l.adopt = false
	}
	if !slices.Equal(l.trouble, trouble) {
		for _, t := range trouble {
			c.log.Warn("host's bridge is not as wanted", "host", c.snapshot().hostName(l.systemID), "condition", t.Type, "message", t.Message)
		}
		l.trouble = trouble
		c.refresh(ctx, l)
	}
	c.synchronize(ctx, l)
}

// troubleOf says as a condition why a bridge could not be made as wanted.
func troubleOf(err error) []model.Condition {
	var mark *ovsdb.ForeignMarkError
	var controller *ovsdb.ForeignControllerError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &mark):
		return []model.Condition{{Type: model.ForeignCluster, Message: fmt.Sprintf(
			"br-weft bears the mark of another Weft cluster (%s), so nothing was changed on the host: if this controller shall take it over, weft host adopt; else point the host's manager at its own controller", mark.Mark)}}
	case errors.As(err, &controller):
		return []model.Condition{{Type: model.ForeignController, Message: fmt.Sprintf(
			"br-weft has a controller of its own (%s), so nothing was changed on the host: ovs-vsctl del-controller br-weft there, or weft host adopt", controller.Target)}}
	case errors.Is(err, ovsdb.ErrLockHeld):
		return []model.Condition{{Type: model.LockHeld, Message: "another controller holds the host's OVSDB lock \"weft\": it decides, and this one waits"}}
	}
	return []model.Condition{{Type: model.PortFailed, Message: "br-weft could not be made as wanted: " + err.Error()}}
}

// wakeEnsure has the bridge looked at again.
func (l *hostLink) wakeEnsure() {
	if l.ensure == nil {
		return
	}
	select {
	case l.ensure <- struct{}{}:
	default:
	}
}

// away notes when the last of the connections went.
func (c *Controller) away(l *hostLink) {
	if l.conn != nil || l.sw != nil {
		return
	}
	l.awaySince = time.Now()
	time.AfterFunc(c.config.TakeoverAfter, func() {
		_ = c.do(context.Background(), func() { c.reconsider(l) })
	})
}

// reconsider lets others have what an unreachable host held.
func (c *Controller) reconsider(l *hostLink) {
	if !c.unreachable(l.systemID) {
		return
	}
	t := c.begin()
	for _, p := range slices.Collect(each[placeRecord](t.view, tablePlace, byHost, l.systemID)) {
		if e := t.endpoint(p.Endpoint); e != nil {
			t.settle(e)
		}
	}
	c.commitFacts(context.Background(), t)
}

// refresh makes the records of a host follow its link: its ports, and who is
// behind them.
func (c *Controller) refresh(ctx context.Context, l *hostLink) {
	t := c.begin()
	t.refresh(l)
	c.commitFacts(ctx, t)
}

func (t *tx) refresh(l *hostLink) {
	now := *t.link(l.systemID)
	now.OVSDB, now.OpenFlow = l.conn != nil, l.sw != nil && l.sw.ready
	now.Conditions = slices.Concat(l.identity, l.rivals, l.trouble)
	if now.OVSDB || now.OpenFlow {
		now.LastSeen = t.now
	}
	now.Repairs, now.Tampered = l.repairs, l.tampered
	if !now.OpenFlow {
		now.Confirmed = 0
	}
	if l.sw != nil {
		now.TunnelPort = l.sw.ports[tunnelPort]
	}
	if l.view != nil {
		for _, p := range l.view.Ports {
			for _, i := range p.Interfaces {
				if i.Name == tunnelPort && i.Error != "" {
					now.Conditions = append(now.Conditions, model.Condition{Type: model.PortFailed,
						Message: "tunnel port " + i.Name + ": Open vSwitch reports: " + i.Error + "; is there another VXLAN port on this host?"})
				}
			}
		}
	}
	t.put(tableLink, &now)
	if l.view == nil || l.conn == nil {
		return
	}
	t.replacePorts(l)
}

// replacePorts puts the ports as they are seen now, and decides anew about the
// endpoints that any of them claims or claimed.
func (t *tx) replacePorts(l *hostLink) {
	affected := map[string]*endpointRecord{}
	note := func(f *portFact) {
		for e := range t.claimed(f) {
			affected[e.ID] = e
		}
	}
	now := map[string]*portFact{}
	for _, f := range portFacts(l) {
		now[f.Name] = f
	}
	for _, old := range slices.Collect(each[portFact](t.view, tablePort, byHost, l.systemID)) {
		f := now[old.Name]
		if f != nil && *f == *old {
			delete(now, old.Name)
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
	if !l.caughtUp {
		// What this host held before it was away, and may not have any more.
		for p := range each[placeRecord](t.view, tablePlace, byHost, l.systemID) {
			if e := t.endpoint(p.Endpoint); e != nil {
				affected[e.ID] = e
			}
		}
	}
	for _, e := range affected {
		t.settle(e)
	}
}

// portFacts are the ports of br-weft as both connections show them. A port's
// number comes from OpenFlow: OVSDB's is stale just after a restart.
func portFacts(l *hostLink) []*portFact {
	var facts []*portFact
	for _, p := range l.view.Ports {
		for _, i := range p.Interfaces {
			f := &portFact{
				Host: l.systemID, Name: i.Name, Row: i.UUID,
				IfaceID:        i.ExternalIDs["iface-id"],
				ContainerID:    i.ExternalIDs["container_id"],
				ContainerIface: i.ExternalIDs["container_iface"],
				Internal:       p.Name == l.view.Bridge.Name,
				Ours:           i.Name == tunnelPort && i.ExternalIDs[ovsdb.MarkKey] != "",
				// A veth that vanished leaves its row behind, with its number.
				NoDevice: i.IfIndex == 0 && i.LinkState == "down",
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
				}
			}
		})
	})
}
