package ovsdb

import (
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// localPort sees to the bridge's own port, of which the rows must exist.
func (p *planner) localPort() {
	if _, ok := p.port(p.name); !ok {
		p.createPort(p.name, ovsdb.Row{"type": "internal"})
	}
}

func (p *planner) port(name string) (Port, bool) {
	i := slices.IndexFunc(p.view.Ports, func(port Port) bool { return port.Name == name })
	if i < 0 {
		return Port{}, false
	}
	return p.view.Ports[i], true
}

// createPort makes a Port row with one Interface of its name.
func (p *planner) createPort(name string, iface ovsdb.Row) {
	iface["name"] = name
	iface["external_ids"] = stringsMap(p.mark)
	id := p.insertRow("Interface", name, iface)
	p.adding.ports = append(p.adding.ports, p.insertRow("Port", name, ovsdb.Row{
		"name":         name,
		"interfaces":   setOf([]ovsdb.UUID{id}),
		"external_ids": stringsMap(p.mark),
	}))
}

// tunnels creates the tunnel ports that are missing and sets those that exist
// right in place: a tunnel port made anew loses traffic and its number.
func (p *planner) tunnels() error {
	for _, t := range p.want.Tunnels {
		port, ok := p.port(t.Name)
		if ok {
			mended, err := p.mendTunnel(port, t)
			if err != nil {
				return err
			}
			if mended {
				continue
			}
			p.dropping.ports = append(p.dropping.ports, ovsdb.UUID{GoUUID: port.UUID})
		}
		p.createPort(t.Name, tunnelRow(Interface{}, t))
	}
	return nil
}

// mendTunnel says no if the port cannot be set right: which interfaces a Port
// has could be, but an Interface's name cannot (its column is immutable).
func (p *planner) mendTunnel(port Port, t Tunnel) (bool, error) {
	single := len(port.Interfaces) == 1 && port.Interfaces[0].Name == t.Name
	if !p.ours(port.ExternalIDs) {
		// Without our mark it is ours only if it looks like it: somebody may have
		// cleared external_ids, but may also have plugged something in.
		if !single || port.Interfaces[0].Type != t.Type {
			taken := &NameTakenError{Port: t.Name}
			if len(port.Interfaces) > 0 {
				taken.Type = port.Interfaces[0].Type
			}
			return false, taken
		}
	}
	if !single {
		return false, nil
	}
	iface := port.Interfaces[0]
	p.mutateRow("Port", port.Name, port.UUID, setKeys("external_ids", port.ExternalIDs, p.mark))
	p.mutateRow("Interface", iface.Name, iface.UUID, setKeys("external_ids", iface.ExternalIDs, p.mark))
	p.updateRow("Interface", iface.Name, iface.UUID, tunnelRow(iface, t))
	return true, nil
}

// tunnelRow returns the columns in which the interface differs from the tunnel.
func tunnelRow(have Interface, t Tunnel) ovsdb.Row {
	row := make(ovsdb.Row)
	if have.Type != t.Type {
		row["type"] = t.Type
	}
	if !maps.Equal(have.Options, t.Options) {
		row["options"] = stringsMap(t.Options)
	}
	if t.OfportRequest != 0 && have.OFPortRequest != t.OfportRequest {
		row["ofport_request"] = t.OfportRequest
	}
	return row
}

// removals takes the ports off the bridge that the caller named, and those of
// ours that are no longer wanted, under whatever name.
func (p *planner) removals() {
	for _, port := range p.view.Ports {
		if port.Name == p.name || p.isTunnel(port.Name) {
			continue
		}
		if p.ours(port.ExternalIDs) || slices.Contains(p.want.RemovePorts, port.UUID) {
			p.dropping.ports = append(p.dropping.ports, ovsdb.UUID{GoUUID: port.UUID})
		}
	}
}

func (p *planner) isTunnel(name string) bool {
	return slices.ContainsFunc(p.want.Tunnels, func(t Tunnel) bool { return t.Name == name })
}

// strays takes a tunnel port of ours off another bridge, if it got there: its
// name is unique on the host. Nothing else of other bridges is looked at.
func (p *planner) strays() {
	for _, s := range p.view.Strays {
		if s.Port.ExternalIDs[MarkKey] == p.want.Mark && p.isTunnel(s.Port.Name) {
			p.mutateRow("Bridge", s.BridgeName, s.BridgeUUID,
				members("ports", []ovsdb.UUID{{GoUUID: s.Port.UUID}}, nil))
		}
	}
}
