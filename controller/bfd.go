package controller

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

const (
	// watchPrefix and the number of a host name the port that watches it.
	watchPrefix = "weft-bfd-"

	// bfdMultiplier is how many packets in a row have to be missing (RFC 5880,
	// section 6.8.4).
	bfdMultiplier = 3
)

// watchedHost is the number of the host that a port of that name watches.
func watchedHost(port string) (uint32, bool) {
	digits, ok := strings.CutPrefix(port, watchPrefix)
	number, err := strconv.ParseUint(digits, 10, 32)
	return uint32(number), ok && err == nil
}

// watches are the ports of a switch that watch other hosts, and what is seen
// through them.
func (sw *switchLink) watches() (ports map[uint32]uint32, alive map[uint32]bool) {
	for name, number := range sw.ports {
		if host, ok := watchedHost(name); ok {
			if ports == nil {
				ports, alive = map[uint32]uint32{}, map[uint32]bool{}
			}
			ports[host], alive[host] = number, sw.alive[name]
		}
	}
	return ports, alive
}

// watched are the hosts that a host has to watch, by number: of every network
// with several gateways, those that attend it watch each gateway, and it them.
func (v view) watched(h *hostRecord) []*hostRecord {
	hosts := map[string]*hostRecord{}
	for p := range each[presenceRecord](v, tablePresence, byHost, h.SystemID) {
		n := v.networkByVNI(p.VNI)
		if n == nil {
			continue
		}
		exits := v.exitHosts(n)
		if len(exits) < 2 {
			continue
		}
		for _, g := range exits {
			hosts[g.SystemID] = g
		}
		if slices.ContainsFunc(exits, func(g *hostRecord) bool { return g.SystemID == h.SystemID }) {
			for q := range each[presenceRecord](v, tablePresence, byVNI, n.VNI) {
				if other := v.host(q.Host); other != nil {
					hosts[q.Host] = other
				}
			}
		}
	}
	delete(hosts, h.SystemID)
	return slices.SortedFunc(maps.Values(hosts), func(a, b *hostRecord) int { return int(a.Number) - int(b.Number) })
}

// watchPorts are the tunnel ports by which a host watches others. They carry
// BFD only: with a key of their own they leave what else comes from there to
// the flow-based port.
func (c *Controller) watchPorts(v view, l *hostLink, h *hostRecord) []ovsdb.WantedPort {
	if !h.VTEP.IsValid() {
		return nil
	}
	interval := strconv.FormatInt(c.config.BFDInterval.Milliseconds(), 10)
	var ports []ovsdb.WantedPort
	for _, other := range v.watched(h) {
		if !other.VTEP.IsValid() || other.VTEP.Is4() != h.VTEP.Is4() {
			continue
		}
		name := watchPrefix + strconv.FormatUint(uint64(other.Number), 10)
		ports = append(ports, ovsdb.WantedPort{
			Name: name, Type: "vxlan",
			Options: map[string]string{"remote_ip": other.VTEP.String(), "key": strconv.Itoa(model.MaxVNI)},
			BFD: map[string]string{
				"enable": "true", "min_tx": interval, "min_rx": interval, "mult": strconv.Itoa(bfdMultiplier),
				"cpath_down": strconv.FormatBool(l.unfit(name)),
			},
		})
	}
	return ports
}

// unfit reports whether a host is to tell those that watch it that it is no way
// out although it lives: its switch may lack its flows. That is so when the
// switch went away and did not confirm them since. When the controller itself
// was away, the switch may have lost nothing; what it says then stays as it is
// until the switch is read back.
func (l *hostLink) unfit(port string) bool {
	switch {
	case l.switchLost:
		return true
	case l.sw != nil && l.sw.confirmed:
		return false
	}
	for _, p := range l.view.Ports {
		if p.Name == port && len(p.Interfaces) == 1 {
			return p.Interfaces[0].BFD["cpath_down"] != "false"
		}
	}
	return true
}

// gatewayAlive reports whether a gateway of a network can be used, as those see
// it that watch it; where nobody does, whether it is connected.
func (v view) gatewayAlive(n *networkRecord, g *hostRecord) bool {
	seen := false
	for p := range each[presenceRecord](v, tablePresence, byVNI, n.VNI) {
		l := v.link(p.Host)
		if alive, watches := l.Alive[g.Number]; watches && l.OpenFlow {
			if alive {
				return true
			}
			seen = true
		}
	}
	l := v.link(g.SystemID)
	return !seen && l.OpenFlow
}

// gatewayConditions say what is amiss with the ways out of a network.
func (v view) gatewayConditions(n *networkRecord) []model.Condition {
	if !n.Leaves() || len(n.Gateway.Hosts) == 0 {
		return nil
	}
	var conditions []model.Condition
	say := func(typ, format string, args ...any) {
		conditions = append(conditions, model.Condition{Type: typ, Message: fmt.Sprintf(format, args...)})
	}
	alive := false
	for _, name := range n.Gateway.Hosts {
		g := v.hostByName(name)
		if g == nil {
			say(model.HostUnknown, "its gateway host %s has never been seen, or was deleted: GET /hosts lists those that are known", name)
			continue
		}
		alive = alive || v.gatewayAlive(n, g)
		if why := v.notReady(g); why != "" {
			say(model.GatewayNotReady, "gateway host %s: %s", name, why)
		}
	}
	if !alive {
		say(model.GatewayDown, "none of its gateway hosts can be reached (%s), so nothing leaves it and nothing comes in; it goes on by itself when one is back", strings.Join(n.Gateway.Hosts, ", "))
	}
	return conditions
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
