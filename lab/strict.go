package lab

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// decodeStrict fills v from JSON and refuses every field that v does not have.
// Unlike [json.Decoder] it says where in the document an error is, such as
// hosts[1].address, and which fields there are instead.
func decodeStrict(path string, raw json.RawMessage, v reflect.Value) error {
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return nil // an empty YAML value: the same as leaving it out
	}
	if v.CanAddr() {
		switch v.Addr().Interface().(type) {
		case json.Unmarshaler, encoding.TextUnmarshaler:
			return decodeValue(path, raw, v)
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decodeStrict(path, raw, v.Elem())
	case reflect.Struct:
		return decodeStruct(path, raw, v)
	case reflect.Slice:
		var items []json.RawMessage
		if json.Unmarshal(raw, &items) != nil {
			return fmt.Errorf("%s: a list is wanted here: begin each item with \"- \"", path)
		}
		v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
		for i, item := range items {
			if err := decodeStrict(fmt.Sprintf("%s[%d]", path, i), item, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Map:
		return decodeMap(path, raw, v)
	default:
		return decodeValue(path, raw, v)
	}
}

func decodeStruct(path string, raw json.RawMessage, v reflect.Value) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return fmt.Errorf("%s: an object with fields is wanted here, such as {%s: …}", place(path), fieldNames(v.Type())[0])
	}
	known := fieldNames(v.Type())
	for _, key := range sortedKeys(object) {
		i := slices.Index(known, key)
		if i < 0 {
			return fmt.Errorf("%s: unknown field %q: the fields here are %s", place(path), key, strings.Join(known, ", "))
		}
		if err := decodeStrict(join(path, key), object[key], v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func decodeMap(path string, raw json.RawMessage, v reflect.Value) error {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil {
		return fmt.Errorf("%s: names with values are wanted here, such as {left: …}", path)
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, key := range sortedKeys(object) {
		value := reflect.New(v.Type().Elem()).Elem()
		if err := decodeStrict(join(path, key), object[key], value); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), value)
	}
	return nil
}

func decodeValue(path string, raw json.RawMessage, v reflect.Value) error {
	err := json.Unmarshal(raw, v.Addr().Interface())
	if err == nil {
		return nil
	}
	if _, ok := err.(*json.UnmarshalTypeError); ok {
		return fmt.Errorf("%s: %s is not a %s", path, raw, v.Kind())
	}
	return fmt.Errorf("%s: %w", path, err)
}

// fieldNames lists the JSON names of a struct's fields, in the struct's order.
// Every struct in a topology is flat and all its fields are tagged.
func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func place(path string) string {
	if path == "" {
		return "at the top"
	}
	return path
}
