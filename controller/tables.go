package controller

import (
	"encoding/binary"
	"fmt"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/model"
)

// The tables of the state and their indexes.
const (
	tableNetwork  = "network"
	tableEndpoint = "endpoint"
	tablePlace    = "place"
	tableRouter   = "router"
	tableForward  = "forward"
	tableNIC      = "nic"
	tableHost     = "host"
	tablePresence = "presence"
	tableLink     = "link"
	tablePort     = "port"

	tableUnderlay  = "underlay"
	tableAdjacency = "adjacency"
	tableWays      = "ways"

	byID        = "id"
	byVNI       = "vni"
	byNumber    = "number"
	byNetwork   = "network"
	byName      = "name"
	byAddress   = "address"
	byMAC       = "mac"
	byContainer = "container"
	byHost      = "host"
	byDatapath  = "datapath"
	byIface     = "iface"
	byEndpoint  = "endpoint"
	byPort      = "port"
	byExit      = "exit"
	byZone      = "zone"
	bySelf      = "self"
)

// newState returns empty tables.
func newState() (*memdb.MemDB, error) {
	unique := func(name string, f memdb.Indexer) *memdb.IndexSchema {
		return &memdb.IndexSchema{Name: name, Unique: true, Indexer: f}
	}
	some := func(name string, f memdb.Indexer) *memdb.IndexSchema {
		return &memdb.IndexSchema{Name: name, AllowMissing: true, Indexer: f}
	}
	table := func(name string, indexes ...*memdb.IndexSchema) *memdb.TableSchema {
		t := &memdb.TableSchema{Name: name, Indexes: map[string]*memdb.IndexSchema{}}
		for _, i := range indexes {
			t.Indexes[i.Name] = i
		}
		return t
	}
	schema := &memdb.DBSchema{Tables: map[string]*memdb.TableSchema{}}
	for _, t := range []*memdb.TableSchema{
		table(tableNetwork,
			unique(byID, single(func(o any) []byte { return key(o.(*networkRecord).Name) })),
			some(byVNI, single(func(o any) []byte { return key(o.(*networkRecord).VNI) })),
			some(byZone, single(func(o any) []byte { return zoneKey(o.(*networkRecord).Zone) })),
			some(byExit, multi(func(o any) (keys [][]byte) {
				n := o.(*networkRecord)
				for _, host := range n.exits() {
					keys = append(keys, key(host))
				}
				return keys
			})),
		),
		table(tableEndpoint,
			unique(byID, single(func(o any) []byte { return key(o.(*endpointRecord).ID) })),
			some(byNumber, single(func(o any) []byte { return key(o.(*endpointRecord).Number) })),
			some(byNetwork, single(func(o any) []byte { return key(o.(*endpointRecord).Network) })),
			some(byName, single(func(o any) []byte {
				if e := o.(*endpointRecord); e.Name != "" {
					return key(e.Network, e.Name)
				}
				return nil
			})),
			some(byMAC, single(func(o any) []byte {
				if e := o.(*endpointRecord); !e.MAC.IsZero() {
					return key(e.Network, e.MAC.String())
				}
				return nil
			})),
			some(byAddress, multi(func(o any) (keys [][]byte) {
				e := o.(*endpointRecord)
				for _, a := range e.Addresses {
					keys = append(keys, key(e.Network, a.String()))
				}
				return keys
			})),
			some(bySelf, single(func(o any) []byte {
				if e := o.(*endpointRecord); e.Kind == model.KindHost {
					return key(e.Host)
				}
				return nil
			})),
			some(byContainer, single(func(o any) []byte {
				if e := o.(*endpointRecord); e.Container != "" {
					return key(e.Container, e.Interface)
				}
				return nil
			})),
		),
		table(tablePlace,
			unique(byID, single(func(o any) []byte { return key(o.(*placeRecord).Endpoint) })),
			some(byHost, single(func(o any) []byte {
				if p := o.(*placeRecord); p.Host != "" {
					return key(p.Host)
				}
				return nil
			})),
		),
		table(tableRouter,
			unique(byID, single(func(o any) []byte { return key(o.(*routerRecord).Name) })),
			some(byNetwork, multi(func(o any) (keys [][]byte) {
				for _, network := range o.(*routerRecord).Networks {
					keys = append(keys, key(network))
				}
				return keys
			})),
		),
		table(tableForward,
			unique(byID, single(func(o any) []byte { f := o.(*forwardRecord); return key(f.Network, f.ID) })),
			some(byNetwork, single(func(o any) []byte { return key(o.(*forwardRecord).Network) })),
			some(byEndpoint, single(func(o any) []byte { return key(o.(*forwardRecord).Endpoint) })),
			some(byPort, single(func(o any) []byte { f := o.(*forwardRecord); return key(f.Protocol, f.Port) })),
		),
		table(tableNIC,
			unique(byID, single(func(o any) []byte { n := o.(*nicRecord); return key(n.SystemID, n.Interface) })),
			some(byHost, single(func(o any) []byte { return key(o.(*nicRecord).SystemID) })),
			some(byNumber, single(func(o any) []byte { return key(o.(*nicRecord).Number) })),
			some(byNetwork, single(func(o any) []byte { return key(o.(*nicRecord).Network) })),
		),
		table(tableHost,
			unique(byID, single(func(o any) []byte { return key(o.(*hostRecord).SystemID) })),
			some(byName, single(func(o any) []byte { return key(o.(*hostRecord).Name) })),
			some(byNumber, single(func(o any) []byte { return key(o.(*hostRecord).Number) })),
			some(byDatapath, single(func(o any) []byte { return key(fmt.Sprintf("%016x", o.(*hostRecord).DatapathID)) })),
		),
		table(tablePresence,
			unique(byID, single(func(o any) []byte { p := o.(*presenceRecord); return key(p.Host, p.VNI) })),
			some(byHost, single(func(o any) []byte { return key(o.(*presenceRecord).Host) })),
			some(byVNI, single(func(o any) []byte { return key(o.(*presenceRecord).VNI) })),
			some(byZone, single(func(o any) []byte { return zoneKey(o.(*presenceRecord).Zone) })),
		),
		table(tableUnderlay,
			unique(byID, single(func(any) []byte { return key(theUnderlay) })),
		),
		table(tableAdjacency,
			unique(byID, single(func(o any) []byte { a := o.(*adjacencyRecord); return key(a.Hosts[0], a.Hosts[1]) })),
			some(byHost, multi(func(o any) [][]byte { a := o.(*adjacencyRecord); return [][]byte{key(a.Hosts[0]), key(a.Hosts[1])} })),
		),
		table(tableWays,
			unique(byID, single(func(o any) []byte { return key(o.(*waysRecord).Host) })),
		),
		table(tableLink,
			unique(byID, single(func(o any) []byte { return key(o.(*linkRecord).SystemID) })),
		),
		table(tablePort,
			unique(byID, single(func(o any) []byte { p := o.(*portFact); return key(p.Host, p.Name) })),
			some(byHost, single(func(o any) []byte { return key(o.(*portFact).Host) })),
			some(byIface, single(func(o any) []byte {
				if p := o.(*portFact); p.IfaceID != "" {
					return key(p.IfaceID)
				}
				return nil
			})),
			some(byContainer, single(func(o any) []byte {
				if p := o.(*portFact); p.IfaceID == "" && p.ContainerID != "" {
					return key(p.ContainerID, p.ContainerIface)
				}
				return nil
			})),
		),
	} {
		schema.Tables[t.Name] = t
	}
	return memdb.NewMemDB(schema)
}

// zoneKey is nil for no zone.
func zoneKey(zone uint16) []byte {
	if zone == 0 {
		return nil
	}
	return key(uint32(zone))
}

// single says under which key an object stands in an index, nil for none.
type single func(object any) []byte

// FromObject implements memdb.SingleIndexer.
func (f single) FromObject(object any) (bool, []byte, error) {
	k := f(object)
	return k != nil, k, nil
}

// FromArgs makes the key to look up from the same parts.
func (f single) FromArgs(args ...any) ([]byte, error) { return key(args...), nil }

// multi says under which keys an object stands in an index.
type multi func(object any) [][]byte

// FromObject implements memdb.MultiIndexer.
func (f multi) FromObject(object any) (bool, [][]byte, error) {
	keys := f(object)
	return len(keys) > 0, keys, nil
}

// FromArgs makes the key to look up from the same parts.
func (f multi) FromArgs(args ...any) ([]byte, error) { return key(args...), nil }

// key joins parts, each ended by a zero byte: names hold none.
func key(parts ...any) []byte {
	var k []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			k = append(append(k, p...), 0)
		case uint32:
			k = append(binary.BigEndian.AppendUint32(k, p), 0)
		default:
			k = append(append(k, fmt.Sprint(p)...), 0)
		}
	}
	return k
}
