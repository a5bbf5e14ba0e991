package controller

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/ovsdb"
)

const (
	// watchPrefix and the number of a host name the port that watches it.
	watchPrefix = "weft-bfd-"

	// bfdMultiplier is how many packets in a row have to be missing (RFC 5880,
	// section 6.8.4).
	bfdMultiplier = 3
)

// watch is what BFD shows of a host.
type watch struct {
	alive    bool
	deadFrom time.Time // while it is not alive: from when on it counts as dead
}

// settling is how long BFD may take to come up: until it has, its packets come
// once a second (RFC 5880, section 6.8.3).
const settling = 10 * time.Second

// next is the watch after another look.
func (w watch) next(alive bool) watch {
	switch {
	case alive:
		return watch{alive: true}
	case w.alive:
		return watch{deadFrom: time.Now()}
	case w.deadFrom.IsZero():
		return watch{deadFrom: time.Now().Add(settling)}
	}
	return w
}

func (w watch) dead() bool { return !w.alive && time.Now().After(w.deadFrom) }

// watchedHost is the number of the host that a port of that name watches.
func watchedHost(port string) (uint32, bool) {
	digits, ok := strings.CutPrefix(port, watchPrefix)
	number, err := strconv.ParseUint(digits, 10, 32)
	return uint32(number), ok && err == nil
}

// watches are the ports of a switch that watch other hosts, and what is seen
// through them.
func (sw *switchLink) watches() (ports map[uint32]uint32, watches map[uint32]watch) {
	for name, number := range sw.ports {
		if host, ok := watchedHost(name); ok {
			if ports == nil {
				ports, watches = map[uint32]uint32{}, map[uint32]watch{}
			}
			ports[host], watches[host] = number, sw.watched[name]
		}
	}
	return ports, watches
}

// watched are the hosts that a host has to watch, by number: its neighbours on
// declared links, and of every network with several gateways, those that attend
// it watch each gateway, and it them.
func (v view) watched(h *hostRecord) []*hostRecord {
	hosts := map[string]*hostRecord{}
	for a := range v.adjacencies(h.SystemID) {
		if other := v.host(a.other(h.SystemID)); other != nil {
			hosts[other.SystemID] = other
		}
	}
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
	encap := model.VXLAN
	if u := v.declaredUnderlay(); u != nil {
		encap = u.Watch
	}
	interval := strconv.FormatInt(c.config.BFDInterval.Milliseconds(), 10)
	var ports []ovsdb.WantedPort
	for _, other := range v.watched(h) {
		if !other.VTEP.IsValid() || other.VTEP.Is4() != h.VTEP.Is4() {
			continue
		}
		name := watchPrefix + strconv.FormatUint(uint64(other.Number), 10)
		ports = append(ports, ovsdb.WantedPort{
			Name: name, Type: encap,
			Options: c.tunnelOptions(encap, other.VTEP.String(), strconv.Itoa(model.ReservedVNI)),
			BFD: map[string]string{
				"enable": "true", "min_tx": interval, "min_rx": interval, "mult": strconv.Itoa(bfdMultiplier),
				"cpath_down": strconv.FormatBool(l.unfit(name)),
			},
		})
	}
	return ports
}

// examine finds out whether a switch that others watch still has its flows when
// it connects. One that was restarted has none, and its BFD comes up by itself.
func (h *switchHandler) examine(ctx context.Context) {
	const kindMask = uint64(0xff) << 56
	base, err := h.sw.session.Dump(ctx, openflow.FlowsByCookie(uint64(flows.KindBase)<<56, kindMask))
	if err != nil || len(base) > 0 {
		return // the session ends, and says why
	}
	h.do(func() {
		if h.l.sw == h.sw && !h.sw.confirmed {
			h.l.lostFlows()
		}
	})
}

// lostFlows notes that the host's switch lost its flows, or may have.
func (l *hostLink) lostFlows() {
	l.switchLost = true
	l.wakeEnsure()
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
