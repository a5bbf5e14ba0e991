package controller

import (
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
