package controller

import "github.com/weft-sdn/weft/model"

// Ready says whether every known host was read back as wanted. A host that is
// away, or its database alone, is named, and does not make the controller less
// ready: its network goes on as it is.
func (c *Controller) Ready() model.Readiness {
	v := c.snapshot()
	out := model.Readiness{Ready: true}
	for h := range all[hostRecord](v, tableHost) {
		l := v.link(h.SystemID)
		switch {
		case !l.OVSDB && !l.OpenFlow:
			out.Hosts = append(out.Hosts, h.Name+" is away")
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
