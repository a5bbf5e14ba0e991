package ovsdb

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// RFC 7047 section 5.1, <value>: an atom; a set, which is ["set", [atoms]] or,
// with one element, may be the bare atom; a map, ["map", [[key, value]…]]. An
// atom that is a UUID is itself an array, ["uuid", "…"].

func atomString(raw json.RawMessage) (string, error) {
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("not a string: %s", short(raw))
	}
	return *s, nil
}

func atomInt(raw json.RawMessage) (int, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("not an integer: %s", short(raw))
	}
	return int(n), nil
}

func atomBool(raw json.RawMessage) (bool, error) {
	switch string(raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("not a boolean: %s", short(raw))
}

func atomUUID(raw json.RawMessage) (string, error) {
	tag, rest, err := tagged(raw)
	if err != nil || tag != "uuid" {
		return "", fmt.Errorf("not a UUID: %s", short(raw))
	}
	return atomString(rest)
}

// tagged splits a two-element array whose first element is a word.
func tagged(raw json.RawMessage) (tag string, rest json.RawMessage, err error) {
	var pair []json.RawMessage
	if err := json.Unmarshal(raw, &pair); err != nil || len(pair) != 2 {
		return "", nil, fmt.Errorf("not a tagged value: %s", short(raw))
	}
	tag, err = atomString(pair[0])
	return tag, pair[1], err
}

// set decodes a set of any size.
func set[T any](raw json.RawMessage, atom func(json.RawMessage) (T, error)) ([]T, error) {
	if len(raw) > 0 && raw[0] == '[' {
		tag, rest, err := tagged(raw)
		if err != nil {
			return nil, err
		}
		if tag == "set" {
			var elements []json.RawMessage
			if err := json.Unmarshal(rest, &elements); err != nil {
				return nil, fmt.Errorf("not a set: %s", short(raw))
			}
			var out []T
			for _, e := range elements {
				v, err := atom(e)
				if err != nil {
					return nil, err
				}
				out = append(out, v)
			}
			return out, nil
		}
	}
	v, err := atom(raw)
	if err != nil {
		return nil, err
	}
	return []T{v}, nil
}

// optional decodes a set of at most one element.
func optional[T any](raw json.RawMessage, atom func(json.RawMessage) (T, error)) (*T, error) {
	s, err := set(raw, atom)
	switch {
	case err != nil:
		return nil, err
	case len(s) == 0:
		return nil, nil
	case len(s) > 1:
		return nil, fmt.Errorf("%d elements where at most one may be", len(s))
	}
	return &s[0], nil
}

func mapping[K comparable, V any](raw json.RawMessage, key func(json.RawMessage) (K, error), value func(json.RawMessage) (V, error)) (map[K]V, error) {
	tag, rest, err := tagged(raw)
	if err != nil || tag != "map" {
		return nil, fmt.Errorf("not a map: %s", short(raw))
	}
	var pairs [][]json.RawMessage
	if err := json.Unmarshal(rest, &pairs); err != nil {
		return nil, fmt.Errorf("not a map: %s", short(raw))
	}
	out := make(map[K]V, len(pairs))
	for _, pair := range pairs {
		if len(pair) != 2 {
			return nil, fmt.Errorf("a map's pair has %d elements", len(pair))
		}
		k, err := key(pair[0])
		if err != nil {
			return nil, err
		}
		if out[k], err = value(pair[1]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// short is what an error message shows of a value.
func short(raw json.RawMessage) string {
	const enough = 60
	if len(raw) > enough {
		return fmt.Sprintf("%q…", raw[:enough])
	}
	return fmt.Sprintf("%q", raw)
}
