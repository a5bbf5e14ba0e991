package controller

import (
	"time"

	"github.com/weft-sdn/weft/model"
)

// joinTime is how long a bridge may take to connect when its host has: Open
// vSwitch tries again after 8 s at the most.
const joinTime = 10 * time.Second

// Ready says whether every known host was read back as wanted. A host that is
// away, or its database or its bridge alone, is named, and does not make the
// controller less ready: its network goes on as it is. So is one that is not
// ours. What may still be on its way, after a start or to a bridge, is waited for.
func (c *Controller) Ready() model.Readiness {
	v := c.snapshot()
	out := model.Readiness{Ready: true}
	for h := range all[hostRecord](v, tableHost) {
		l := v.link(h.SystemID)
		switch {
		case !l.OVSDB && !l.OpenFlow && l.LastSeen.IsZero() && time.Since(c.started) < joinTime:
			out.Ready = false
			out.Hosts = append(out.Hosts, h.Name+" has not connected yet since the controller started")
		case !l.OVSDB && !l.OpenFlow:
			out.Hosts = append(out.Hosts, h.Name+" is away")
		case l.Foreign:
			out.Hosts = append(out.Hosts, h.Name+" is not this cluster's")
		case !l.OpenFlow && time.Since(l.SwitchAway) > joinTime:
			out.Hosts = append(out.Hosts, h.Name+"'s br-weft is away: is ovs-vswitchd running?")
		case len(l.Refused) > 0:
			out.Ready = false
			out.Hosts = append(out.Hosts, h.Name+" refused some of its flows")
		case !l.synchronized():
			out.Ready = false
			out.Hosts = append(out.Hosts, h.Name+" has not confirmed yet what is wanted")
		case !l.OVSDB:
			out.Hosts = append(out.Hosts, h.Name+"'s database is away: changes of its ports are not seen")
		}
	}
	return out
}
