package ovsdb

import (
	"cmp"
	"slices"
)

// View is what concerns us of one Open vSwitch, at one moment between two of
// its transactions. It is never written to once it was handed out.
type View struct {
	SystemID      string // external_ids:system-id, else the root row's UUID
	RootUUID      string
	Hostname      string // external_ids:hostname, may be empty
	ExternalIDs   map[string]string
	OVSVersion    string
	DatapathTypes []string // what ovs-vswitchd knows, not what works

	// NextCfg is the configuration asked for, CurCfg the one that ovs-vswitchd
	// has applied. OurCfg is NextCfg as our last transaction left it, if that
	// was about this very Bridge row; 0 otherwise.
	NextCfg, CurCfg, OurCfg int

	Locked bool // we hold the lock, so our transactions are accepted

	Bridge       *Bridge  // ours, nil if there is none
	Ports        []Port   // on Bridge, by name
	OtherBridges []string // by name

	// Elsewhere says which other bridge has a port of a name.
	Elsewhere map[string]string

	// Strays are ports with anybody's mark on other bridges.
	Strays []Stray
}

// Bridge is the Bridge row of the bridge that is ours by name.
type Bridge struct {
	UUID         string
	Name         string
	ExternalIDs  map[string]string
	OtherConfig  map[string]string
	FailMode     string
	Protocols    []string
	DatapathType string
	DatapathID   string // 16 hex digits from ovs-vswitchd; empty while there is no datapath
	Controllers  []Controller
	FlowTables   map[int]FlowTable
}

// Controller is an OpenFlow controller of the bridge.
type Controller struct {
	UUID           string
	Target         string
	Connected      bool
	ConnectionMode string
	RateLimit      int
	BurstLimit     int
	ExternalIDs    map[string]string
	Shared         bool // another bridge refers to this row too
}

// FlowTable is a Flow_Table row; with its name ovs-ofctl --names shows the table.
type FlowTable struct {
	UUID        string
	Name        string
	ExternalIDs map[string]string
	Shared      bool // another bridge refers to this row too
}

// Port is a Port row with its interfaces, of which a bond has several.
type Port struct {
	UUID        string
	Name        string
	ExternalIDs map[string]string
	Tag         *int
	Interfaces  []Interface
}

// Interface is an Interface row. OFPort is 0 until ovs-vswitchd has given a
// number and -1 if it could not; Error says why. A device that vanished has
// IfIndex 0 and keeps its OFPort. MAC and MTURequest are what is asked for.
type Interface struct {
	UUID          string
	Name          string
	Type          string
	Options       map[string]string
	ExternalIDs   map[string]string
	Status        map[string]string
	BFD           map[string]string
	OFPort        int
	OFPortRequest int
	IfIndex       int
	MTU           int
	MTURequest    int
	LinkState     string
	AdminState    string
	MAC           string
	MACInUse      string
	Error         string
}

// Stray is a marked port that is on another bridge than ours.
type Stray struct {
	Port       Port
	BridgeUUID string
	BridgeName string
}

// once tells rows that were seen from those that were not. In Open vSwitch a
// port is in one bridge and an interface in one port; the protocol lets a peer
// refer to one as often as it likes, and if each reference became a copy, the
// 16 MB that it may send would become terabytes.
type once map[string]bool

// first reports whether the row is new.
func (o once) first(uuid string) bool {
	seen := o[uuid]
	o[uuid] = true
	return !seen
}

// view assembles the snapshot for the bridge of that name.
func (t *tables) view(bridge string) *View {
	v := new(View)
	for uuid, root := range t.roots { // there is one row, maxRows 1 in the schema
		v.RootUUID = uuid
		v.SystemID = cmp.Or(root.externalIDs["system-id"], uuid)
		v.Hostname = root.externalIDs["hostname"]
		v.ExternalIDs = root.externalIDs
		v.OVSVersion = root.version
		v.DatapathTypes = root.datapathTypes
		v.NextCfg, v.CurCfg = root.nextCfg, root.curCfg
	}
	elsewhere := make(map[string]bool) // rows that other bridges refer to
	shown := make(once)
	for uuid, row := range t.bridges {
		if row.name == bridge {
			continue
		}
		v.OtherBridges = append(v.OtherBridges, row.name)
		for _, c := range row.controllers {
			elsewhere[c] = true
		}
		for _, f := range row.flowTables {
			elsewhere[f] = true
		}
		for _, p := range row.ports {
			if v.Elsewhere == nil {
				v.Elsewhere = make(map[string]string)
			}
			v.Elsewhere[t.ports[p].name] = row.name
			if _, marked := t.ports[p].externalIDs[MarkKey]; marked && shown.first(p) {
				v.Strays = append(v.Strays, Stray{t.port(p, shown), uuid, row.name})
			}
		}
	}
	clear(shown)
	for uuid, row := range t.bridges {
		if row.name == bridge {
			v.Bridge = t.bridge(uuid, row, elsewhere)
			for _, p := range row.ports {
				if _, ok := t.ports[p]; ok && shown.first(p) {
					v.Ports = append(v.Ports, t.port(p, shown))
				}
			}
		}
	}
	slices.Sort(v.OtherBridges)
	slices.SortFunc(v.Ports, func(a, b Port) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(v.Strays, func(a, b Stray) int { return cmp.Compare(a.Port.Name, b.Port.Name) })
	return v
}

func (t *tables) bridge(uuid string, row bridgeRow, elsewhere map[string]bool) *Bridge {
	b := &Bridge{
		UUID:         uuid,
		Name:         row.name,
		ExternalIDs:  row.externalIDs,
		OtherConfig:  row.otherConfig,
		FailMode:     row.failMode,
		Protocols:    row.protocols,
		DatapathType: row.datapathType,
		DatapathID:   row.datapathID,
		FlowTables:   make(map[int]FlowTable, len(row.flowTables)),
	}
	for _, u := range row.controllers {
		if c, ok := t.controllers[u]; ok {
			c.Shared = elsewhere[u]
			b.Controllers = append(b.Controllers, c)
		}
	}
	slices.SortFunc(b.Controllers, func(x, y Controller) int { return cmp.Compare(x.UUID, y.UUID) })
	for number, u := range row.flowTables {
		if f, ok := t.flowTables[u]; ok {
			f.Shared = elsewhere[u]
			b.FlowTables[number] = f
		}
	}
	return b
}

func (t *tables) port(uuid string, shown once) Port {
	row := t.ports[uuid]
	p := Port{UUID: uuid, Name: row.name, ExternalIDs: row.externalIDs, Tag: row.tag}
	for _, u := range row.interfaces {
		if i, ok := t.interfaces[u]; ok && shown.first(u) {
			p.Interfaces = append(p.Interfaces, i)
		}
	}
	slices.SortFunc(p.Interfaces, func(a, b Interface) int { return cmp.Compare(a.Name, b.Name) })
	return p
}
