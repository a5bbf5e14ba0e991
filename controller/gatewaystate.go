package controller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// gatewayConditions say what is amiss with the ways out of a network.
func (v view) gatewayConditions(n *networkRecord) []model.Condition {
	if !n.Leaves() {
		return nil
	}
	var conditions []model.Condition
	say := func(typ, format string, args ...any) {
		conditions = append(conditions, model.Condition{Type: typ, Message: fmt.Sprintf(format, args...)})
	}
	for _, name := range n.Gateway.Hosts {
		if v.hostByName(name) == nil {
			say(model.HostUnknown, "its gateway host %s has never been seen, or was deleted: GET /hosts lists those that are known", name)
		}
	}
	exits := v.exitHosts(n)
	down := !slices.ContainsFunc(exits, func(g *hostRecord) bool { return v.gatewayAlive(n, g) })
	if len(n.Gateway.Hosts) == 0 {
		exits, down = v.hostsWith(n), false
	}
	for _, g := range exits {
		if why := v.notReady(g); why != "" {
			say(model.GatewayNotReady, "gateway host %s: %s", g.Name, why)
		}
	}
	if down {
		say(model.GatewayDown, "none of its gateway hosts can be reached (%s), so nothing leaves it and nothing comes in; it goes on by itself when one is back", strings.Join(n.Gateway.Hosts, ", "))
	}
	return conditions
}

// kernelConditions say what is amiss with a host's own side of the gateways
// that it is.
func (v view) kernelConditions(h *hostRecord) []model.Condition {
	why := v.notReady(h)
	if why == "" || len(v.servedBy(h)) == 0 {
		return nil
	}
	return []model.Condition{{Type: model.GatewayNotReady, Message: "it is a gateway host, and " + why}}
}

// notReady says why a gateway host's own side is not known to be set up, empty
// if it is.
func (v view) notReady(h *hostRecord) string {
	switch said := v.link(h.SystemID).Agent; said {
	case agentReady:
		return ""
	case "":
		return "no agent has said that the host's side is set up: run weft agent there, or set it up by hand and say ovs-vsctl set Open_vSwitch . external_ids:" + agentKey + "=" + agentReady
	default:
		return "its agent says: " + said
	}
}

// gatewayAlive reports whether a gateway of a network can be used, as those see
// it that watch it; while nobody knows, whether it is connected.
func (v view) gatewayAlive(n *networkRecord, g *hostRecord) bool {
	dead := false
	for p := range each[presenceRecord](v, tablePresence, byVNI, n.VNI) {
		l := v.link(p.Host)
		w, watches := l.Watches[g.Number]
		if watches && l.OpenFlow && w.alive {
			return true
		}
		dead = dead || watches && l.OpenFlow && w.dead()
	}
	return !dead && v.link(g.SystemID).OpenFlow
}

// hostsWith are the hosts that have an endpoint of a network, by number.
func (v view) hostsWith(n *networkRecord) []*hostRecord {
	hosts := map[string]*hostRecord{}
	for e := range v.endpointsOf(n.Name) {
		if h := v.host(v.place(e.ID).Host); h != nil {
			hosts[h.SystemID] = h
		}
	}
	return slices.SortedFunc(maps.Values(hosts), func(a, b *hostRecord) int { return cmp.Compare(a.Number, b.Number) })
}
