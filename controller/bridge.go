package controller

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// Packet-ins only serve to learn a MAC: Open vSwitch drops what is more.
const (
	packetInRate  = 100
	packetInBurst = 50
)

// wanted is what the host's OVSDB should have of ours.
func (c *Controller) wanted(l *hostLink) (ovsdb.Wanted, bool) {
	v := c.snapshot()
	h := v.host(l.systemID)
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
		Ports:                slices.Concat(c.wantedTunnels(v, h), v.gatewayPorts(h), c.watchPorts(v, l, h), v.nicPorts(l), v.selfPorts(h)),
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
