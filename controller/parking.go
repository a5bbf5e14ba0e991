package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/openflow/session"
)

// parkTimeout is how long a bridge's connection waits for its host's OVSDB
// connection: after a restart of the controller either may come first. Open
// vSwitch tries again after 8 s at the most.
const parkTimeout = 20 * time.Second

// parkedSwitch is a bridge's connection that waits for that of its host.
type parkedSwitch struct {
	from  netip.Addr
	ready chan *hostLink // gets the host, or is closed
}

// claimSwitch finds the host of a bridge: known by its datapath id, and coming
// from the address that its OVSDB connection comes from. It calls known when
// nothing but that connection can be missing.
func (c *Controller) claimSwitch(ctx context.Context, s *session.Session, from netip.Addr, known func()) (*hostLink, error) {
	dpid := s.DatapathID()
	p := &parkedSwitch{from: from, ready: make(chan *hostLink, 1)}
	var failed error
	err := c.do(ctx, func() {
		h := first[hostRecord](c.snapshot(), tableHost, byDatapath, datapathText(dpid))
		if h == nil {
			failed = fmt.Errorf("no host has a bridge with datapath id %016x: hosts join by ovs-vsctl set-manager, and the controller points their br-weft at itself", dpid)
			return
		}
		l := c.linkOf(h.SystemID)
		if l.conn != nil && l.view != nil {
			if at := l.conn.RemoteAddr().Addr().Unmap(); at != from {
				failed = fmt.Errorf("datapath id %016x is that of host %s, which is at %s, not at %s", dpid, h.Name, at, from)
				return
			}
			p.ready <- l
			return
		}
		if waiting := c.parked[dpid]; waiting != nil {
			close(waiting.ready)
		}
		c.parked[dpid] = p
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	known() // from here on there is one a host at the most
	select {
	case l, ok := <-p.ready:
		if !ok {
			return nil, errReplaced
		}
		return l, nil
	case <-time.After(parkTimeout):
	case <-ctx.Done():
	}
	_ = c.do(context.Background(), func() {
		if c.parked[dpid] == p {
			delete(c.parked, dpid)
		}
	})
	return nil, fmt.Errorf("the OVSDB connection of the host with datapath id %016x did not come", dpid)
}

// unpark lets the bridge's connection in that waited for this host's.
func (c *Controller) unpark(l *hostLink) {
	h := c.snapshot().host(l.systemID)
	if h == nil || l.conn == nil {
		return
	}
	p := c.parked[h.DatapathID]
	if p == nil {
		return
	}
	delete(c.parked, h.DatapathID)
	if p.from != l.conn.RemoteAddr().Addr().Unmap() {
		close(p.ready)
		return
	}
	p.ready <- l
}
