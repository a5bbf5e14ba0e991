package simhost

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
)

// row is a row of the database. It is replaced, never written to.
type row map[string]value

// database is the contents of an ovsdb-server.
type database struct {
	tables map[string]map[string]row // table → UUID → row
	root   string                    // UUID of the one row of Open_vSwitch
}

func newDatabase(externalIDs map[string]string) *database {
	d := &database{tables: map[string]map[string]row{}, root: newUUID()}
	for table := range schema {
		d.tables[table] = map[string]row{}
	}
	r := emptyRow("Open_vSwitch")
	r["external_ids"] = pairs(externalIDs)
	r["ovs_version"] = str("3.1.0")
	r["datapath_types"] = value{`"netdev"`: "", `"system"`: ""}
	d.tables["Open_vSwitch"][d.root] = r
	return d
}

func emptyRow(table string) row {
	r := row{}
	for name, c := range schema[table] {
		r[name] = c.zero()
	}
	return r
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// change is a transaction in the making: the rows that it changes, as they
// were before.
type change struct {
	*database
	before map[string]map[string]row // table → UUID → row, nil where there was none
}

func (d *database) begin() *change {
	return &change{d, map[string]map[string]row{}}
}

// put replaces a row, or removes it where r is nil.
func (c *change) put(table, uuid string, r row) {
	if c.before[table] == nil {
		c.before[table] = map[string]row{}
	}
	if _, noted := c.before[table][uuid]; !noted {
		c.before[table][uuid] = c.tables[table][uuid]
	}
	if r == nil {
		delete(c.tables[table], uuid)
		return
	}
	c.tables[table][uuid] = r
}

// set changes some columns of a row.
func (c *change) set(table, uuid string, columns row) {
	r := maps.Clone(c.tables[table][uuid])
	maps.Copy(r, columns)
	c.put(table, uuid, r)
}

func (c *change) rollBack() {
	for table, rows := range c.before {
		for uuid, r := range rows {
			if r == nil {
				delete(c.tables[table], uuid)
			} else {
				c.tables[table][uuid] = r
			}
		}
	}
}

// finish removes rows that nothing refers to any more, and refuses what the
// schema forbids of the whole.
func (c *change) finish() *refusal {
	if len(c.before) == 0 {
		return nil
	}
	kept := map[string]bool{}
	dangling := ""
	var keep func(table, uuid string)
	keep = func(table, uuid string) {
		if kept[uuid] {
			return
		}
		kept[uuid] = true
		for name, col := range schema[table] {
			if col.refers == "" {
				continue
			}
			for _, to := range c.tables[table][uuid][name].uuids(col) {
				if c.tables[col.refers][to] == nil {
					dangling = fmt.Sprintf("Table %s column %s row %s references nonexistent row %s in table %s", table, name, uuid, to, col.refers)
					continue
				}
				keep(col.refers, to)
			}
		}
	}
	keep("Open_vSwitch", c.root)
	if dangling != "" {
		return &refusal{"referential integrity violation", dangling}
	}
	for table, rows := range c.tables {
		names := map[string]bool{}
		for uuid, r := range rows {
			if !kept[uuid] {
				c.put(table, uuid, nil)
				continue
			}
			if name := r["name"].string(); named[table] && names[name] {
				return &refusal{"constraint violation", fmt.Sprintf("two rows of %s are named %q", table, name)}
			} else {
				names[name] = true
			}
		}
	}
	return nil
}

// updates is what a monitor of some columns is told of a change (RFC 7047
// section 4.1.6), nil if that is nothing.
func (c *change) updates(monitored map[string][]string) map[string]map[string]rowUpdate {
	out := map[string]map[string]rowUpdate{}
	for table, rows := range c.before {
		for uuid, before := range rows {
			after := c.tables[table][uuid]
			u := rowUpdate{Old: changed(table, monitored[table], before, after), New: encodeRow(table, monitored[table], after)}
			if monitored[table] == nil || before == nil && after == nil || before != nil && after != nil && len(u.Old) == 0 {
				continue
			}
			if out[table] == nil {
				out[table] = map[string]rowUpdate{}
			}
			out[table][uuid] = u
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// contents is what a monitor is told when it begins.
func (d *database) contents(monitored map[string][]string) map[string]map[string]rowUpdate {
	out := map[string]map[string]rowUpdate{}
	for table, columns := range monitored {
		for uuid, r := range d.tables[table] {
			if out[table] == nil {
				out[table] = map[string]rowUpdate{}
			}
			out[table][uuid] = rowUpdate{New: encodeRow(table, columns, r)}
		}
	}
	return out
}

type rowUpdate struct {
	Old map[string]json.RawMessage `json:"old,omitempty"`
	New map[string]json.RawMessage `json:"new,omitempty"`
}

func encodeRow(table string, columns []string, r row) map[string]json.RawMessage {
	if r == nil {
		return nil
	}
	out := make(map[string]json.RawMessage, len(columns))
	for _, name := range columns {
		out[name] = r[name].encode(schema[table][name])
	}
	return out
}

// changed has the columns that a change made another, as they were; of a row
// that is gone, all.
func changed(table string, columns []string, before, after row) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for _, name := range columns {
		if before != nil && (after == nil || !maps.Equal(before[name], after[name])) {
			out[name] = before[name].encode(schema[table][name])
		}
	}
	return out
}
