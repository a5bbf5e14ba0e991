package controller

import (
	"context"
	"slices"
	"time"

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
	rivalSeen time.Time         // when the last of them came
	trouble   []model.Condition // of making the bridge as wanted
	sw        *switchLink
	lastLife  time.Time // of connections that ended: when it was last heard
	repairs   uint64    // foreign changes undone
	tampered  bool      // foreign changes are there, and not undone
	// switchLost: its switch went away while its database stayed, or came back
	// without its flows, and has not confirmed since that it has them.
	switchLost bool
}

// switchLink is the OpenFlow connection of a host's bridge.
type switchLink struct {
	session *session.Session
	ports   map[string]uint32 // name → number; complete when ready
	watched map[string]watch  // by name of the port that watches a host
	ready   bool
	synced  bool           // it was handed the wanted program
	pending []confirmation // in order

	confirmed bool               // it had all that was wanted, at least once
	emptying  map[uint16]bool    // conntrack zones that are being flushed
	stale     []staleConnections // to be flushed, in order of generation
}

// confirmation says which generation of the host's program is on the switch
// when the session confirms one of its own.
type confirmation struct{ session, program uint64 }

// linkOf is the link of a host, made when it is first asked for.
func (c *Controller) linkOf(systemID string) *hostLink {
	l := c.hosts[systemID]
	if l == nil {
		l = &hostLink{systemID: systemID, lastLife: c.started}
		c.hosts[systemID] = l
	}
	return l
}

// unreachable reports whether a host has been away for so long that another
// may take over what it held, and the gossip does not object.
func (c *Controller) unreachable(systemID string) bool {
	l := c.linkOf(systemID)
	return l.conn == nil && time.Since(l.heard()) >= c.config.TakeoverAfter && !c.snapshot().host(systemID).gossips()
}

// heard is when the host was last heard on either connection. A connection of a
// host that lost its power stays open until it has been silent for long.
func (l *hostLink) heard() time.Time {
	last := l.lastLife
	if l.conn != nil && l.conn.LastHeard().After(last) {
		last = l.conn.LastHeard()
	}
	if l.sw != nil && l.sw.session.LastHeard().After(last) {
		last = l.sw.session.LastHeard()
	}
	return last
}

// away has the host looked at again when others may take over what it holds.
func (c *Controller) away(l *hostLink) {
	time.AfterFunc(max(0, c.config.TakeoverAfter-time.Since(l.heard())), func() {
		_ = c.do(context.Background(), func() { c.reconsider(l) })
	})
}

// reconsider lets others have what an unreachable host held.
func (c *Controller) reconsider(l *hostLink) {
	if l.conn != nil || c.hosts[l.systemID] != l {
		return
	}
	if c.snapshot().host(l.systemID).gossips() {
		return // until the gossip says otherwise
	}
	if !c.unreachable(l.systemID) {
		c.away(l) // its bridge was heard meanwhile
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
