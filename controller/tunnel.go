package controller

import (
	"strconv"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// tunnelPrefix and an encapsulation name the flow-based tunnel port of it.
const tunnelPrefix = "weft-"

// encapsulations are all, the default first.
var encapsulations = []string{model.VXLAN, model.Geneve, model.GRE}

// encaps are the encapsulations in the words of flows.
var encaps = map[string]flows.Encap{model.VXLAN: flows.VXLAN, model.Geneve: flows.Geneve, model.GRE: flows.GRE}

func tunnelPort(encap string) string { return tunnelPrefix + encap }

// isTunnelPort reports whether a port of that name is a flow-based tunnel port.
func isTunnelPort(name string) bool {
	for _, encap := range encapsulations {
		if name == tunnelPort(encap) {
			return true
		}
	}
	return false
}

// tunnelPorts are the numbers of a switch's tunnel ports.
func (sw *switchLink) tunnelPorts() flows.TunnelPorts {
	var ports flows.TunnelPorts
	for encap, e := range encaps {
		ports[e] = sw.ports[tunnelPort(encap)]
	}
	return ports
}

// encaps are the encapsulations of all networks.
func (v view) encaps() map[string]bool {
	used := map[string]bool{}
	for n := range all[networkRecord](v, tableNetwork) {
		used[n.Encap] = true
	}
	return used
}

// encapsOf are the encapsulations of the networks that a host takes part in, and
// where it may be a relay those of all.
func (v view) encapsOf(h *hostRecord) map[string]bool {
	used := map[string]bool{}
	if v.mayRelay(h) {
		used = v.encaps()
	}
	for p := range each[presenceRecord](v, tablePresence, byHost, h.SystemID) {
		if n := v.networkByVNI(p.VNI); n != nil {
			used[n.Encap] = true
		}
	}
	return used
}

// mayRelay reports whether a host has links to two others.
func (v view) mayRelay(h *hostRecord) bool {
	links := 0
	for range v.adjacencies(h.SystemID) {
		links++
	}
	return links > 1
}

// wantedTunnels are the flow-based tunnel ports that a host needs. One that
// needs none has the default's, so that its first endpoint does not wait for it.
func (c *Controller) wantedTunnels(v view, h *hostRecord) []ovsdb.WantedPort {
	used := v.encapsOf(h)
	if len(used) == 0 {
		used[model.VXLAN] = true
	}
	var ports []ovsdb.WantedPort
	for _, encap := range encapsulations {
		if used[encap] {
			ports = append(ports, ovsdb.WantedPort{Name: tunnelPort(encap), Type: encap, Options: c.tunnelOptions(encap, "flow", "flow")})
		}
	}
	return ports
}

// defaultPorts are the UDP ports that Open vSwitch uses when it is told none
// (IANA): saying them would change nothing but the rows.
var defaultPorts = map[string]uint16{model.VXLAN: 4789, model.Geneve: 6081}

// tunnelOptions are the options of a tunnel port, with the site's own UDP port
// where it has one.
func (c *Controller) tunnelOptions(encap, remote, key string) map[string]string {
	options := map[string]string{"remote_ip": remote, "key": key}
	if port := map[string]uint16{model.VXLAN: c.config.VXLANPort, model.Geneve: c.config.GenevePort}[encap]; port != defaultPorts[encap] && port != 0 {
		options["dst_port"] = strconv.Itoa(int(port))
	}
	return options
}

// encapConditions name the hosts that take part in a network and whose Open
// vSwitch does not make the tunnel port that it needs.
func (v view) encapConditions(n *networkRecord) []model.Condition {
	var conditions []model.Condition
	for p := range each[presenceRecord](v, tablePresence, byVNI, n.VNI) {
		f := first[portFact](v, tablePort, byID, p.Host, tunnelPort(n.Encap))
		if f == nil || f.Error == "" {
			continue
		}
		conditions = append(conditions, model.Condition{Type: model.NoEncap, Message: "host " + v.hostName(p.Host) + " has no " + n.Encap +
			" tunnels, so it reaches no other host in this network: Open vSwitch reports: " + f.Error})
	}
	return conditions
}

// lacksTunnel reports whether a host is still without a tunnel port that a
// network needs in which it takes part.
func (v view) lacksTunnel(h *hostRecord) (encap string, lacks bool) {
	ports := v.link(h.SystemID).TunnelPorts
	for p := range each[presenceRecord](v, tablePresence, byHost, h.SystemID) {
		if n := v.networkByVNI(p.VNI); n != nil && n.Encap != model.VXLAN && ports[encaps[n.Encap]] == 0 {
			return n.Encap, true
		}
	}
	return "", false
}
