package ovsdb

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// planner works out one transaction. It decides from a View only, so that what
// it would do is known without a switch.
//
// The bridge is treated alike whether it exists or not: what it lacks is
// collected, and goes in the end into one insert or into the existing row. So
// the transaction that creates it has everything in it, and no flow of
// fail_mode standalone ever forwards a packet.
type planner struct {
	transaction
	view *View
	want Wanted
	name string
	mark map[string]string

	bridge   *Bridge // as it is; without UUID: to be created
	adding   added
	dropping dropped
	row      ovsdb.Row // columns of the Bridge row to overwrite
}

type added struct {
	ports, controllers []ovsdb.UUID
	flowTables         map[int]ovsdb.UUID
}

type dropped struct {
	ports, controllers []ovsdb.UUID
	flowTables         []int
}

// plan returns the operations after which the bridge is as wanted, nil if it is.
func plan(v *View, name string, w Wanted) (*transaction, error) {
	p := &planner{
		view:   v,
		want:   w,
		name:   name,
		mark:   map[string]string{MarkKey: w.Mark},
		bridge: v.Bridge,
		adding: added{flowTables: make(map[int]ovsdb.UUID)},
		row:    make(ovsdb.Row),
	}
	if p.bridge == nil {
		p.bridge = &Bridge{Name: name}
	}
	p.strays()
	p.localPort()
	if err := p.ports(); err != nil {
		return nil, err
	}
	p.removals()
	p.controllers()
	p.flowTables()
	datapathType, ask := v.DatapathStep(w.DatapathType)
	if p.bridge.DatapathType != datapathType {
		p.row["datapath_type"] = datapathType
	}
	p.bridgeRow()
	if len(p.ops) == 0 && !ask {
		return nil, nil
	}
	return &p.transaction, nil
}

// otherConfig is what the bridge's other_config needs: the id that makes this
// bridge known on the OpenFlow side, and no hidden flows for a controller that
// is reached through the bridge itself.
func (p *planner) otherConfig() map[string]string {
	return map[string]string{
		"datapath-id":     fmt.Sprintf("%016x", p.want.DatapathID),
		"disable-in-band": "true",
	}
}

// bridgeRow writes the Bridge row with all that was collected.
func (p *planner) bridgeRow() {
	if p.bridge.FailMode != "secure" {
		p.row["fail_mode"] = "secure"
	}
	if len(p.bridge.Protocols) > 0 { // empty: all versions, and a plain ovs-ofctl works
		p.row["protocols"] = setOf([]string{})
	}
	if p.bridge.UUID == "" {
		p.row["name"] = p.name
		p.row["external_ids"] = stringsMap(p.mark)
		p.row["other_config"] = stringsMap(p.otherConfig())
		p.row["ports"] = setOf(p.adding.ports)
		p.row["controller"] = setOf(p.adding.controllers)
		p.row["flow_tables"] = tableMap(p.adding.flowTables)
		id := p.insertRow("Bridge", p.name, p.row)
		p.mutateRow("Open_vSwitch", p.view.SystemID, p.view.RootUUID,
			[]ovsdb.Mutation{mutation("bridges", ovsdb.MutateOperationInsert, setOf([]ovsdb.UUID{id}))})
		return
	}
	p.updateRow("Bridge", p.name, p.bridge.UUID, p.row)
	m := slices.Concat(
		setKeys("external_ids", p.bridge.ExternalIDs, p.mark),
		setKeys("other_config", p.bridge.OtherConfig, p.otherConfig()),
		members("ports", p.dropping.ports, p.adding.ports),
		members("controller", p.dropping.controllers, p.adding.controllers),
	)
	if len(p.dropping.flowTables) > 0 {
		m = append(m, mutation("flow_tables", ovsdb.MutateOperationDelete, setOf(p.dropping.flowTables)))
	}
	if len(p.adding.flowTables) > 0 {
		m = append(m, mutation("flow_tables", ovsdb.MutateOperationInsert, tableMap(p.adding.flowTables)))
	}
	p.mutateRow("Bridge", p.name, p.bridge.UUID, m)
}

// members takes rows out of a set of references and puts others in. A row that
// nothing refers to any more is deleted by the server.
func members(column string, drop, add []ovsdb.UUID) []ovsdb.Mutation {
	var m []ovsdb.Mutation
	if len(drop) > 0 {
		m = append(m, mutation(column, ovsdb.MutateOperationDelete, setOf(drop)))
	}
	if len(add) > 0 {
		m = append(m, mutation(column, ovsdb.MutateOperationInsert, setOf(add)))
	}
	return m
}

func tableMap(tables map[int]ovsdb.UUID) ovsdb.OvsMap {
	out := ovsdb.OvsMap{GoMap: make(map[any]any, len(tables))}
	for number, id := range tables {
		out.GoMap[number] = id
	}
	return out
}

// flowTables gives the tables their names. A Flow_Table row that somebody made
// for another of its columns gets the name and keeps the rest.
func (p *planner) flowTables() {
	for _, number := range slices.Sorted(maps.Keys(p.want.TableNames)) {
		name := p.want.TableNames[number]
		have, ok := p.bridge.FlowTables[number]
		switch {
		case ok && have.Name == name:
		case ok && !have.Shared:
			p.updateRow("Flow_Table", name, have.UUID, ovsdb.Row{"name": name})
		default:
			if ok {
				p.dropping.flowTables = append(p.dropping.flowTables, number)
			}
			p.adding.flowTables[number] = p.insertRow("Flow_Table", name,
				ovsdb.Row{"name": name, "external_ids": stringsMap(p.mark)})
		}
	}
	for _, number := range slices.Sorted(maps.Keys(p.bridge.FlowTables)) {
		_, wanted := p.want.TableNames[number]
		if !wanted && p.ours(p.bridge.FlowTables[number].ExternalIDs) {
			p.dropping.flowTables = append(p.dropping.flowTables, number)
		}
	}
}

// ours tells rows on the bridge that are ours by their mark; a bridge that is
// adopted brings its former owner's rows with it.
func (p *planner) ours(externalIDs map[string]string) bool {
	mark, marked := externalIDs[MarkKey]
	return marked && (mark == p.want.Mark || p.want.Adopt)
}
