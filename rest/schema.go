package rest

import (
	"maps"
	"reflect"
	"time"
	"unicode"

	"github.com/weft-sdn/weft/model"
)

// A schema is an object of the OpenAPI document.
type schema map[string]any

// schemas are the document's named ones, of the structs that it met.
type schemas map[string]schema

// textForms describes the types that are strings in JSON by their own rule.
var textForms = map[reflect.Type]schema{
	reflect.TypeFor[model.Addr]():   {"type": "string", "format": "ip", "example": "10.0.1.10"},
	reflect.TypeFor[model.Prefix](): {"type": "string", "format": "cidr", "example": "10.0.1.0/24"},
	reflect.TypeFor[model.MAC]():    {"type": "string", "format": "mac", "example": "02:42:0a:00:01:0a"},
	reflect.TypeFor[time.Time]():    {"type": "string", "format": "date-time"},
}

// of returns the schema of a value's type; a struct is described once, by its
// name, and referred to.
func (s schemas) of(value any) schema { return s.ofType(reflect.TypeOf(value)) }

func (s schemas) ofType(t reflect.Type) schema {
	if form, ok := textForms[t]; ok {
		return form
	}
	if t == rangesType {
		one := s.ofType(t.Elem())
		return schema{"oneOf": []schema{one, {"type": "array", "items": one}}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.ofType(t.Elem())
	case reflect.Slice:
		return schema{"type": "array", "items": s.ofType(t.Elem())}
	case reflect.Map:
		return schema{"type": "object", "additionalProperties": s.ofType(t.Elem())}
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Uint64:
		return schema{"type": "integer", "format": "int64", "minimum": 0}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32:
		return schema{"type": "integer", "minimum": 0}
	case reflect.Struct:
		return s.reference(t)
	}
	return schema{} // any value
}

func (s schemas) reference(t reflect.Type) schema {
	name := exported(t.Name())
	if s[name] == nil {
		s[name] = schema{} // a type may contain itself
		s[name] = s.object(t)
	}
	return schema{"$ref": "#/components/schemas/" + name}
}

func (s schemas) object(t reflect.Type) schema {
	properties := schema{}
	var required []string
	for _, f := range fieldsOf(t) {
		property := s.ofType(f.kind)
		if f.readOnly {
			property = told(property)
		}
		properties[f.name] = property
		if !f.optional {
			required = append(required, f.name)
		}
	}
	object := schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		object["required"] = required
	}
	return object
}

// told marks a schema as readOnly. In OpenAPI 3.0 nothing may stand beside
// $ref.
func told(property schema) schema {
	if property["$ref"] != nil {
		return schema{"allOf": []schema{property}, "readOnly": true}
	}
	marked := maps.Clone(property)
	marked["readOnly"] = true
	return marked
}

func exported(name string) string {
	return string(unicode.ToUpper(rune(name[0]))) + name[1:]
}
