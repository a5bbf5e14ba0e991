package simhost

import (
	"encoding/json"
	"fmt"
	"maps"
)

// operation is an element of a transact (RFC 7047 section 5.2).
type operation struct {
	Op        string                       `json:"op"`
	Table     string                       `json:"table"`
	Row       map[string]json.RawMessage   `json:"row"`
	Rows      []map[string]json.RawMessage `json:"rows"`
	Columns   []string                     `json:"columns"`
	Where     [][3]json.RawMessage         `json:"where"`
	Mutations [][3]json.RawMessage         `json:"mutations"`
	Until     string                       `json:"until"`
	UUIDName  string                       `json:"uuid-name"`
	Lock      *string                      `json:"lock"`
}

// result answers an operation.
type result struct {
	Error   string                       `json:"error,omitempty"`
	Details string                       `json:"details,omitempty"`
	UUID    json.RawMessage              `json:"uuid,omitempty"`
	Count   *int                         `json:"count,omitempty"`
	Rows    []map[string]json.RawMessage `json:"rows,omitempty"`
}

// refusal is an error of RFC 7047 section 3.1.
type refusal struct{ what, details string }

func refuse(what, format string, args ...any) *refusal {
	return &refusal{what, fmt.Sprintf(format, args...)}
}

// transact carries operations out, all or none, and answers each: null for
// those after one that was refused, and one answer more where the whole was.
func (d *database) transact(ops []operation, owns func(lock string) bool) ([]*result, *change) {
	c := d.begin()
	names := map[string]string{}
	for _, op := range ops {
		if op.Op == "insert" && op.UUIDName != "" {
			names[op.UUIDName] = newUUID() // may be referred to before
		}
	}
	results := make([]*result, len(ops))
	var refused *refusal
	for i, op := range ops {
		var r *result
		if r, refused = c.do(op, names, owns); refused != nil {
			results[i] = &result{Error: refused.what, Details: refused.details}
			break
		}
		results[i] = r
	}
	if refused == nil {
		if refused = c.finish(); refused != nil {
			results = append(results, &result{Error: refused.what, Details: refused.details})
		}
	}
	if refused != nil {
		c.rollBack()
		c = d.begin()
	}
	return results, c
}

func (c *change) do(op operation, names map[string]string, owns func(string) bool) (*result, *refusal) {
	if op.Op == "assert" {
		if op.Lock == nil || !owns(*op.Lock) {
			return nil, refuse("not owner", "Asserted lock not held.")
		}
		return &result{}, nil
	}
	if schema[op.Table] == nil {
		return nil, refuse("syntax error", "No table named %s.", op.Table)
	}
	if op.Op == "insert" {
		return c.insert(op, names)
	}
	// An empty where would be all rows, but one that is left out is refused.
	if op.Where == nil {
		return nil, refuse("syntax error", "Required 'where' member is missing.")
	}
	found, refused := c.find(op, names)
	if refused != nil {
		return nil, refused
	}
	count := len(found)
	switch op.Op {
	case "select":
		r := &result{Rows: []map[string]json.RawMessage{}}
		for _, uuid := range found {
			r.Rows = append(r.Rows, encodeRow(op.Table, op.Columns, c.tables[op.Table][uuid]))
		}
		return r, nil
	case "wait":
		return &result{}, c.wait(op, names, found)
	case "update":
		columns, refused := decodeRow(op.Table, op.Row, names)
		if refused != nil {
			return nil, refused
		}
		for name := range columns {
			if schema[op.Table][name].fixed {
				return nil, refuse("constraint violation", "Cannot update immutable column %s in table %s.", name, op.Table)
			}
		}
		for _, uuid := range found {
			c.set(op.Table, uuid, columns)
		}
		return &result{Count: &count}, nil
	case "mutate":
		for _, uuid := range found {
			if refused := c.mutate(op, uuid, names); refused != nil {
				return nil, refused
			}
		}
		return &result{Count: &count}, nil
	case "delete":
		for _, uuid := range found {
			c.put(op.Table, uuid, nil)
		}
		return &result{Count: &count}, nil
	}
	return nil, refuse("syntax error", "No operation %q.", op.Op)
}

func (c *change) insert(op operation, names map[string]string) (*result, *refusal) {
	uuid := names[op.UUIDName]
	if op.UUIDName == "" {
		uuid = newUUID()
	}
	columns, refused := decodeRow(op.Table, op.Row, names)
	if refused != nil {
		return nil, refused
	}
	if op.Table == "Open_vSwitch" {
		return nil, refuse("constraint violation", "transaction would cause %q to contain more than 1 row", op.Table)
	}
	r := emptyRow(op.Table)
	maps.Copy(r, columns)
	c.put(op.Table, uuid, r)
	return &result{UUID: json.RawMessage(ref(uuid))}, nil
}

// find returns the rows of which all conditions hold; of the functions only
// == and != are known.
func (c *change) find(op operation, names map[string]string) ([]string, *refusal) {
	var found []string
rows:
	for uuid, r := range c.tables[op.Table] {
		for _, w := range op.Where {
			var name, function string
			if json.Unmarshal(w[0], &name) != nil || json.Unmarshal(w[1], &function) != nil {
				return nil, refuse("syntax error", "a condition is no triple")
			}
			have, wanted := value{ref(uuid): ""}, column{shape: set}
			if name != "_uuid" {
				var known bool
				if wanted, known = schema[op.Table][name]; !known {
					return nil, refuse("unknown column", "No column %s in table %s.", name, op.Table)
				}
				have = r[name]
			}
			want, err := wanted.decode(w[2], names)
			if err != nil {
				return nil, refuse("syntax error", "%v", err)
			}
			if maps.Equal(have, want) != (function == "==") {
				continue rows
			}
		}
		found = append(found, uuid)
	}
	return found, nil
}

// wait is refused at once where it does not hold: nothing can change while a
// transaction is looked at, and no timeout but 0 is known.
func (c *change) wait(op operation, names map[string]string, found []string) *refusal {
	same := len(found) == len(op.Rows)
	for i := 0; same && i < len(found); i++ {
		want, refused := decodeRow(op.Table, op.Rows[i], names)
		if refused != nil {
			return refused
		}
		for _, name := range op.Columns {
			same = same && maps.Equal(c.tables[op.Table][found[i]][name], want[name])
		}
	}
	if same != (op.Until == "==") {
		return refuse("timed out", "\"wait\" timed out")
	}
	return nil
}

func (c *change) mutate(op operation, uuid string, names map[string]string) *refusal {
	for _, m := range op.Mutations {
		var name, how string
		if json.Unmarshal(m[0], &name) != nil || json.Unmarshal(m[1], &how) != nil {
			return refuse("syntax error", "a mutation is no triple")
		}
		col, known := schema[op.Table][name]
		if !known {
			return refuse("unknown column", "No column %s in table %s.", name, op.Table)
		}
		if col.fixed {
			return refuse("constraint violation", "Cannot mutate immutable column %s in table %s.", name, op.Table)
		}
		argument, err := decodeValue(m[2], col.shape, names)
		if err != nil {
			return refuse("syntax error", "%v", err)
		}
		have := c.tables[op.Table][uuid][name]
		switch {
		case how == "+=" && col.shape == integer:
			have = num(have.number() + argument.number())
		case how == "insert" && col.shape >= set:
			have = maps.Clone(have)
			for k, stands := range argument {
				if _, there := have[k]; !there { // a map keeps what a key has
					have[k] = stands
				}
			}
		case how == "delete" && col.shape >= set:
			have = maps.Clone(have)
			for k, stands := range argument {
				if stands == "" || have[k] == stands {
					delete(have, k)
				}
			}
		default:
			return refuse("unknown mutator", "%s of column %s", how, name)
		}
		c.set(op.Table, uuid, row{name: have})
	}
	return nil
}

func decodeRow(table string, raw map[string]json.RawMessage, names map[string]string) (row, *refusal) {
	r := row{}
	for name, v := range raw {
		col, known := schema[table][name]
		if !known {
			return nil, refuse("unknown column", "No column %s in table %s.", name, table)
		}
		var err error
		if r[name], err = col.decode(v, names); err != nil {
			return nil, refuse("syntax error", "%s of %s: %v", name, table, err)
		}
	}
	return r, nil
}
