package rest

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/weft-sdn/weft/model"
)

// A field is a member of a JSON object as a Go struct declares it.
type field struct {
	name     string
	index    []int
	kind     reflect.Type
	optional bool // left out of answers when it has no value
	readOnly bool // told by the controller, ignored in requests
}

// readOnly names what answers contain and requests cannot set. It may stand
// in a request, so that what GET gave can be edited and PUT back.
var readOnly = map[reflect.Type][]string{
	reflect.TypeFor[model.Network]():  {"endpoints", "mtuLimit", "conditions", "revision"},
	reflect.TypeFor[model.Endpoint](): {"prefixes", "gateway", "mtu", "location", "state", "conditions", "revision"},
	reflect.TypeFor[model.Router]():   {"conditions", "revision"},
	reflect.TypeFor[model.Forward]():  {"conditions", "revision"},
	reflect.TypeFor[model.NIC]():      {"conditions", "revision"},
	reflect.TypeFor[model.Underlay](): {"state", "conditions", "revision"},
}

var fieldCache sync.Map // reflect.Type → []field

// fieldsOf lists the members of a struct as encoding/json sees them.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fieldCache.Load(t); ok {
		return known.([]field)
	}
	var fields []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || name == "" {
			continue
		}
		owner := t
		if len(f.Index) > 1 {
			owner = t.FieldByIndex(f.Index[:len(f.Index)-1]).Type
		}
		fields = append(fields, field{
			name:     name,
			index:    f.Index,
			kind:     f.Type,
			optional: strings.Contains(options, "omit"),
			readOnly: slices.Contains(readOnly[owner], name),
		})
	}
	fieldCache.Store(t, fields)
	return fields
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// rangesType is the one type of list of which a single element may stand without
// brackets.
var rangesType = reflect.TypeFor[model.Ranges]()

// isText reports whether values of t are strings in JSON by their own rule.
func isText(t reflect.Type) bool { return reflect.PointerTo(t).Implements(textType) }

func isInteger(t reflect.Type) bool {
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64
}
