package controller

import (
	"fmt"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// Explain says whose a flow with this cookie is, and what for.
func (c *Controller) Explain(cookie uint64) model.Explanation {
	return c.snapshot().explain(cookie)
}

func (v view) explain(cookie uint64) model.Explanation {
	return flows.ExplainCookieWith(cookie, flows.OwnerNames{Owner: v.ownerName, Network: v.networkName})
}

// ownerOf says in a sentence whose a fragment is.
func (v view) ownerOf(kind flows.Kind, owner, vni uint32) string {
	return v.explain(flows.Cookie(kind, owner, vni, flows.NoDrop)).Text
}

func (v view) ownerName(kind flows.Kind, owner uint32) string {
	switch {
	case kind == flows.KindNIC:
		if n := first[nicRecord](v, tableNIC, byNumber, owner); n != nil {
			return fmt.Sprintf("interface %s of host %s", n.Interface, v.hostName(n.SystemID))
		}
	case kind.IsEndpoint():
		if e := first[endpointRecord](v, tableEndpoint, byNumber, owner); e != nil {
			if e.Name != "" {
				return fmt.Sprintf("endpoint %s (%s)", e.Name, e.ID)
			}
			return "endpoint " + e.ID
		}
	case kind.IsHost(), kind == flows.KindHostPort:
		if h := first[hostRecord](v, tableHost, byNumber, owner); h != nil {
			return "host " + h.Name
		}
	}
	return ""
}

func (v view) networkName(vni uint32) string {
	if n := v.networkByVNI(vni); n != nil {
		return n.Name
	}
	return ""
}
