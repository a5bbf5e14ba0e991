package ovsdb

import (
	"maps"
	"slices"
	"strings"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// localPort sees to the bridge's own port, of which the rows must exist.
func (p *planner) localPort() {
	if _, ok := p.port(p.name); !ok {
		p.createPort(p.name, ovsdb.Row{"type": "internal"}, p.mark)
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
func (p *planner) createPort(name string, iface ovsdb.Row, externalIDs map[string]string) {
	iface["name"] = name
	iface["external_ids"] = stringsMap(externalIDs)
	id := p.insertRow("Interface", name, iface)
	p.adding.ports = append(p.adding.ports, p.insertRow("Port", name, ovsdb.Row{
		"name":         name,
		"interfaces":   setOf([]ovsdb.UUID{id}),
		"external_ids": stringsMap(p.mark),
	}))
}

// ports creates the wanted ports that are missing and sets those that exist
// right in place: a tunnel port made anew loses traffic and its number, an
// internal one the addresses and routes of its device.
func (p *planner) ports() error {
	for _, w := range p.want.Ports {
		port, ok := p.port(w.Name)
		if ok {
			mended, err := p.mendPort(port, w)
			if err != nil {
				return err
			}
			if mended {
				continue
			}
			p.dropping.ports = append(p.dropping.ports, ovsdb.UUID{GoUUID: port.UUID})
		}
		p.createPort(w.Name, interfaceRow(Interface{}, w), p.externalIDs(w))
	}
	return nil
}

// externalIDs are what the interface of a wanted port has of ours.
func (p *planner) externalIDs(w WantedPort) map[string]string {
	ids := maps.Clone(p.mark)
	maps.Copy(ids, w.ExternalIDs)
	if w.IfaceID != "" {
		ids["iface-id"] = w.IfaceID
	}
	return ids
}

// mendPort says no if the port cannot be set right: which interfaces a Port
// has could be, but an Interface's name cannot (its column is immutable).
func (p *planner) mendPort(port Port, w WantedPort) (bool, error) {
	single := len(port.Interfaces) == 1 && port.Interfaces[0].Name == w.Name
	if !p.ours(port.ExternalIDs) {
		// Without our mark it is ours only if it looks like it: somebody may have
		// cleared external_ids, but may also have plugged something in.
		if !single || port.Interfaces[0].Type != w.Type {
			taken := &NameTakenError{Port: w.Name}
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
	ids := p.externalIDs(w)
	p.mutateRow("Interface", iface.Name, iface.UUID, slices.Concat(
		dropKeys("external_ids", iface.ExternalIDs, ids), setKeys("external_ids", iface.ExternalIDs, ids)))
	p.updateRow("Interface", iface.Name, iface.UUID, interfaceRow(iface, w))
	return true, nil
}

// dropKeys takes out of a map column those keys of ours that are not wanted.
func dropKeys(column string, have, want map[string]string) []ovsdb.Mutation {
	var stale []string
	for _, k := range slices.Sorted(maps.Keys(have)) {
		if _, wanted := want[k]; !wanted && strings.HasPrefix(k, MarkKey+"-") {
			stale = append(stale, k)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	return []ovsdb.Mutation{mutation(column, ovsdb.MutateOperationDelete, setOf(stale))}
}

// interfaceRow returns the columns in which the interface differs from what is
// wanted.
func interfaceRow(have Interface, w WantedPort) ovsdb.Row {
	row := make(ovsdb.Row)
	if have.Type != w.Type {
		row["type"] = w.Type
	}
	if w.Options != nil && !maps.Equal(have.Options, w.Options) {
		row["options"] = stringsMap(w.Options)
	}
	if w.BFD != nil && !maps.Equal(have.BFD, w.BFD) {
		row["bfd"] = stringsMap(w.BFD)
	}
	if w.OfportRequest != 0 && have.OFPortRequest != w.OfportRequest {
		row["ofport_request"] = w.OfportRequest
	}
	if w.MAC != "" && have.MAC != w.MAC {
		row["mac"] = w.MAC
	}
	if w.MTURequest != 0 && have.MTURequest != w.MTURequest {
		row["mtu_request"] = w.MTURequest
	}
	return row
}

// removals takes the ports off the bridge that the caller named, and those of
// ours that are no longer wanted, under whatever name.
func (p *planner) removals() {
	for _, port := range p.view.Ports {
		if port.Name == p.name || p.wants(port.Name) {
			continue
		}
		if p.ours(port.ExternalIDs) || slices.Contains(p.want.RemovePorts, port.UUID) {
			p.dropping.ports = append(p.dropping.ports, ovsdb.UUID{GoUUID: port.UUID})
		}
	}
}

func (p *planner) wants(name string) bool {
	return slices.ContainsFunc(p.want.Ports, func(w WantedPort) bool { return w.Name == name })
}

// strays takes a port of ours off another bridge, if it got there: its
// name is unique on the host. Nothing else of other bridges is looked at.
func (p *planner) strays() {
	for _, s := range p.view.Strays {
		if s.Port.ExternalIDs[MarkKey] == p.want.Mark && p.wants(s.Port.Name) {
			p.mutateRow("Bridge", s.BridgeName, s.BridgeUUID,
				members("ports", []ovsdb.UUID{{GoUUID: s.Port.UUID}}, nil))
		}
	}
}
