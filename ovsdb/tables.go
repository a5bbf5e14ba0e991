package ovsdb

import (
	"encoding/json"
	"fmt"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// database is the one that vswitch.ovsschema describes (ovs-vswitchd.conf.db(5)).
const database = "Open_vSwitch"

// monitored lists the columns that are followed. What changes all the time and
// tells nothing here (statistics, most of status) is left out. All of them exist
// since Open vSwitch 2.6.
var monitored = map[string][]string{
	"Open_vSwitch": {"bridges", "cur_cfg", "next_cfg", "external_ids", "ovs_version", "datapath_types"},
	"Bridge": {"name", "datapath_type", "datapath_id", "ports", "controller", "protocols", "fail_mode",
		"other_config", "external_ids", "flow_tables"},
	"Port": {"name", "interfaces", "tag", "external_ids"},
	"Interface": {"name", "type", "options", "external_ids", "ofport", "ofport_request", "ifindex",
		"link_state", "admin_state", "error", "mac", "mac_in_use", "mtu", "mtu_request", "bfd", "status"},
	"Controller": {"target", "connection_mode", "controller_rate_limit", "controller_burst_limit",
		"external_ids", "is_connected"},
	"Flow_Table": {"name", "external_ids"},
}

func monitorRequests() map[string]ovsdb.MonitorRequest {
	requests := make(map[string]ovsdb.MonitorRequest, len(monitored))
	for table, columns := range monitored {
		requests[table] = ovsdb.MonitorRequest{Columns: columns}
	}
	return requests
}

type rootRow struct {
	bridges       []string
	curCfg        int
	nextCfg       int
	externalIDs   map[string]string
	version       string
	datapathTypes []string
}

type bridgeRow struct {
	name, datapathType, datapathID, failMode string
	ports, controllers, protocols            []string
	otherConfig, externalIDs                 map[string]string
	flowTables                               map[int]string
}

type portRow struct {
	name        string
	interfaces  []string
	tag         *int
	externalIDs map[string]string
}

// tables are the monitored rows as the host last told them. A row, once
// decoded, is replaced and never written to, so Views share its maps.
type tables struct {
	roots       map[string]rootRow
	bridges     map[string]bridgeRow
	ports       map[string]portRow
	interfaces  map[string]Interface
	controllers map[string]Controller
	flowTables  map[string]FlowTable

	sizes    map[string]int // bytes of each row as received, by table and UUID
	bytes    int
	maxBytes int
	maxRows  int
}

func newTables(cfg Config) *tables {
	return &tables{
		roots:       make(map[string]rootRow),
		bridges:     make(map[string]bridgeRow),
		ports:       make(map[string]portRow),
		interfaces:  make(map[string]Interface),
		controllers: make(map[string]Controller),
		flowTables:  make(map[string]FlowTable),
		sizes:       make(map[string]int),
		maxBytes:    cfg.MaxMessage,
		maxRows:     cfg.MaxRows,
	}
}

// rowUpdate is a <row-update> (RFC 7047 section 4.1.6). New has all monitored
// columns of the row; without it the row is gone. What was before is not needed.
type rowUpdate struct {
	New json.RawMessage `json:"new"`
}

// apply takes a <table-updates>: the answer to monitor, or an update notification.
func (t *tables) apply(raw json.RawMessage) error {
	var updates map[string]map[string]rowUpdate
	if err := json.Unmarshal(raw, &updates); err != nil {
		return fmt.Errorf("%w: table updates: %w", ErrNotOVSDB, err)
	}
	for table, rows := range updates {
		for uuid, row := range rows {
			if err := t.replace(table, uuid, row.New); err != nil {
				return fmt.Errorf("table %s, row %q: %w", table, uuid, err)
			}
		}
	}
	if len(t.roots) == 0 {
		return ErrNoRoot
	}
	return nil
}

func (t *tables) replace(table, uuid string, raw json.RawMessage) error {
	key := table + " " + uuid
	gone := isNull(raw)
	t.bytes -= t.sizes[key]
	if gone {
		delete(t.sizes, key)
	} else {
		t.sizes[key] = len(raw)
		t.bytes += len(raw)
	}
	if len(t.sizes) > t.maxRows {
		return fmt.Errorf("%w: more than %d", ErrTooManyRows, t.maxRows)
	}
	if t.bytes > t.maxBytes {
		return fmt.Errorf("%w: rows of more than %d bytes", ErrTooLarge, t.maxBytes)
	}
	switch table {
	case "Open_vSwitch":
		return put(t.roots, uuid, raw, decodeRoot)
	case "Bridge":
		return put(t.bridges, uuid, raw, decodeBridge)
	case "Port":
		return put(t.ports, uuid, raw, decodePort)
	case "Interface":
		return put(t.interfaces, uuid, raw, decodeInterface)
	case "Controller":
		return put(t.controllers, uuid, raw, decodeController)
	case "Flow_Table":
		return put(t.flowTables, uuid, raw, decodeFlowTable)
	}
	return fmt.Errorf("%w: this table was not asked for", ErrNotOVSDB)
}

func put[T any](rows map[string]T, uuid string, raw json.RawMessage, decode func(string, *columns) T) error {
	if isNull(raw) {
		delete(rows, uuid)
		return nil
	}
	var c columns
	if err := json.Unmarshal(raw, &c.raw); err != nil {
		return fmt.Errorf("%w: not a row: %w", ErrNotOVSDB, err)
	}
	row := decode(uuid, &c)
	if c.err != nil {
		return fmt.Errorf("%w: %w", ErrNotOVSDB, c.err)
	}
	rows[uuid] = row
	return nil
}

func decodeRoot(_ string, c *columns) rootRow {
	return rootRow{
		bridges:       column(c, "bridges", uuids),
		curCfg:        column(c, "cur_cfg", atomInt),
		nextCfg:       column(c, "next_cfg", atomInt),
		externalIDs:   column(c, "external_ids", stringMap),
		version:       orZero(column(c, "ovs_version", optionalString)),
		datapathTypes: column(c, "datapath_types", stringSet),
	}
}

func decodeBridge(_ string, c *columns) bridgeRow {
	return bridgeRow{
		name:         column(c, "name", atomString),
		datapathType: column(c, "datapath_type", atomString),
		datapathID:   orZero(column(c, "datapath_id", optionalString)),
		failMode:     orZero(column(c, "fail_mode", optionalString)),
		ports:        column(c, "ports", uuids),
		controllers:  column(c, "controller", uuids),
		protocols:    column(c, "protocols", stringSet),
		otherConfig:  column(c, "other_config", stringMap),
		externalIDs:  column(c, "external_ids", stringMap),
		flowTables:   column(c, "flow_tables", uuidsByNumber),
	}
}

func decodePort(_ string, c *columns) portRow {
	return portRow{
		name:        column(c, "name", atomString),
		interfaces:  column(c, "interfaces", uuids),
		tag:         column(c, "tag", optionalInt),
		externalIDs: column(c, "external_ids", stringMap),
	}
}

func decodeInterface(uuid string, c *columns) Interface {
	return Interface{
		UUID:          uuid,
		Name:          column(c, "name", atomString),
		Type:          column(c, "type", atomString),
		Options:       column(c, "options", stringMap),
		ExternalIDs:   column(c, "external_ids", stringMap),
		OFPort:        orZero(column(c, "ofport", optionalInt)),
		OFPortRequest: orZero(column(c, "ofport_request", optionalInt)),
		IfIndex:       orZero(column(c, "ifindex", optionalInt)),
		LinkState:     orZero(column(c, "link_state", optionalString)),
		AdminState:    orZero(column(c, "admin_state", optionalString)),
		Error:         orZero(column(c, "error", optionalString)),
		MAC:           orZero(column(c, "mac", optionalString)),
		MACInUse:      orZero(column(c, "mac_in_use", optionalString)),
		MTU:           orZero(column(c, "mtu", optionalInt)),
		MTURequest:    orZero(column(c, "mtu_request", optionalInt)),
		BFD:           column(c, "bfd", stringMap),
		Status:        column(c, "status", stringMap),
	}
}

func decodeController(uuid string, c *columns) Controller {
	return Controller{
		UUID:           uuid,
		Target:         column(c, "target", atomString),
		ConnectionMode: orZero(column(c, "connection_mode", optionalString)),
		RateLimit:      orZero(column(c, "controller_rate_limit", optionalInt)),
		BurstLimit:     orZero(column(c, "controller_burst_limit", optionalInt)),
		ExternalIDs:    column(c, "external_ids", stringMap),
		Connected:      column(c, "is_connected", atomBool),
	}
}

func decodeFlowTable(uuid string, c *columns) FlowTable {
	return FlowTable{
		UUID:        uuid,
		Name:        orZero(column(c, "name", optionalString)),
		ExternalIDs: column(c, "external_ids", stringMap),
	}
}

// columns is a row being decoded. The first error stands.
type columns struct {
	raw map[string]json.RawMessage
	err error
}

func column[T any](c *columns, name string, decode func(json.RawMessage) (T, error)) T {
	var zero T
	if c.err != nil {
		return zero
	}
	raw, ok := c.raw[name]
	if !ok {
		c.err = fmt.Errorf("column %s is missing", name)
		return zero
	}
	v, err := decode(raw)
	if err != nil {
		c.err = fmt.Errorf("column %s: %w", name, err)
		return zero
	}
	return v
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func uuids(raw json.RawMessage) ([]string, error)         { return set(raw, atomUUID) }
func stringSet(raw json.RawMessage) ([]string, error)     { return set(raw, atomString) }
func optionalString(raw json.RawMessage) (*string, error) { return optional(raw, atomString) }
func optionalInt(raw json.RawMessage) (*int, error)       { return optional(raw, atomInt) }
func stringMap(raw json.RawMessage) (map[string]string, error) {
	return mapping(raw, atomString, atomString)
}
func uuidsByNumber(raw json.RawMessage) (map[int]string, error) {
	return mapping(raw, atomInt, atomUUID)
}
