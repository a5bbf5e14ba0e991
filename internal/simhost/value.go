package simhost

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// value is the value of a column: its atoms as JSON, those of a map with what
// each stands for. An atom alone is a set of one. A value in a row is never
// written to.
type value map[string]string

func (c column) zero() value {
	switch c.shape {
	case text:
		return value{`""`: ""}
	case integer:
		return value{"0": ""}
	case boolean:
		return value{"false": ""}
	}
	return value{}
}

// the values of single atoms.
func str(s string) value {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return value{string(b): ""}
}

func num(n int) value { return value{strconv.Itoa(n): ""} }

func truth(b bool) value { return value{strconv.FormatBool(b): ""} }

func pairs(m map[string]string) value {
	v := value{}
	for k, s := range m {
		v[str(k).atom()] = str(s).atom()
	}
	return v
}

func ref(uuid string) string { return `["uuid","` + uuid + `"]` }

// atom is the JSON of the only atom, empty when there is none.
func (v value) atom() string {
	for a := range v {
		return a
	}
	return ""
}

// string is the only atom as a string.
func (v value) string() string {
	var s string
	_ = json.Unmarshal([]byte(v.atom()), &s) // no string: empty
	return s
}

func (v value) number() int {
	n, _ := strconv.Atoi(v.atom()) // no number: 0
	return n
}

// get is what a key of a map of strings stands for.
func (v value) get(key string) string { return value{v[str(key).atom()]: ""}.string() }

// uuids are the rows that a value refers to.
func (v value) uuids(c column) []string {
	var out []string
	for key, stands := range v {
		if c.shape == mapping {
			key = stands
		}
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(key, `["uuid","`), `"]`))
	}
	return out
}

// encode writes a value as RFC 7047 section 5.1 says.
func (v value) encode(c column) json.RawMessage {
	keys := slices.Sorted(maps.Keys(v))
	switch {
	case c.shape == mapping:
		for i, k := range keys {
			keys[i] = "[" + k + "," + v[k] + "]"
		}
		return json.RawMessage(`["map",[` + strings.Join(keys, ",") + `]]`)
	case c.shape == set && len(keys) != 1:
		return json.RawMessage(`["set",[` + strings.Join(keys, ",") + `]]`)
	}
	return json.RawMessage(keys[0])
}

// decode reads a value of a column. Rows that the same transaction inserts are
// named by it.
func (c column) decode(raw json.RawMessage, names map[string]string) (value, error) {
	v, err := decodeValue(raw, c.shape, names)
	switch {
	case err != nil:
		return nil, err
	case c.shape < set && len(v) != 1:
		return nil, fmt.Errorf("%d values where one must be", len(v))
	case c.atMost > 0 && len(v) > c.atMost:
		return nil, fmt.Errorf("%d values where at most %d may be", len(v), c.atMost)
	}
	for a := range v {
		if !c.fits(a) {
			return nil, fmt.Errorf("%s is of another type", a)
		}
	}
	return v, nil
}

// fits tells whether an atom is of the column's type, as far as the schema
// here knows that.
func (c column) fits(a string) bool {
	switch c.shape {
	case text:
		return strings.HasPrefix(a, `"`)
	case integer:
		_, err := strconv.Atoi(a)
		return err == nil
	case boolean:
		return a == "true" || a == "false"
	case set:
		return c.refers == "" || strings.HasPrefix(a, `["uuid"`)
	}
	return true
}

func decodeValue(raw json.RawMessage, s shape, names map[string]string) (value, error) {
	var tagged []json.RawMessage
	if json.Unmarshal(raw, &tagged) != nil || len(tagged) != 2 {
		a, err := decodeAtom(raw, names)
		return value{a: ""}, err
	}
	v := value{}
	switch string(tagged[0]) {
	case `"set"`:
		var elements []json.RawMessage
		if err := json.Unmarshal(tagged[1], &elements); err != nil {
			return nil, err
		}
		for _, e := range elements {
			a, err := decodeAtom(e, names)
			if err != nil {
				return nil, err
			}
			v[a] = ""
		}
	case `"map"`:
		if s != mapping {
			return nil, fmt.Errorf("a map where none may be")
		}
		var elements [][2]json.RawMessage
		if err := json.Unmarshal(tagged[1], &elements); err != nil {
			return nil, err
		}
		for _, e := range elements {
			k, err := decodeAtom(e[0], names)
			if err != nil {
				return nil, err
			}
			if v[k], err = decodeAtom(e[1], names); err != nil {
				return nil, err
			}
		}
	default:
		a, err := decodeAtom(raw, names)
		return value{a: ""}, err
	}
	return v, nil
}

func decodeAtom(raw json.RawMessage, names map[string]string) (string, error) {
	var a any
	if err := json.Unmarshal(raw, &a); err != nil {
		return "", err
	}
	switch a := a.(type) {
	case string, bool, float64:
		b, err := json.Marshal(a)
		return string(b), err
	case []any:
		if len(a) != 2 {
			break
		}
		id, ok := a[1].(string)
		switch {
		case ok && a[0] == "uuid":
			return ref(id), nil
		case ok && a[0] == "named-uuid" && names[id] != "":
			return ref(names[id]), nil
		}
	}
	return "", fmt.Errorf("%s is no atom", raw)
}
