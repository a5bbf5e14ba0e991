package rest

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weft-sdn/weft/model"
)

// decode reads the one JSON document of a request into the struct that into
// points at. It is stricter than encoding/json, which lets pass what is nearly
// always a mistake: members nobody knows or in other letter case, members that
// stand twice (RFC 8259 section 4 leaves their meaning open), a second
// document. Every refusal names the member by its path.
func decode(body []byte, into any) *model.Error {
	if err := checkDocument(body); err != nil {
		return err
	}
	d := decoder{json.NewDecoder(bytes.NewReader(body))}
	d.tokens.UseNumber()
	return d.value(reflect.ValueOf(into).Elem(), "")
}

// checkDocument says whether body is exactly one JSON document.
func checkDocument(body []byte) *model.Error {
	if len(bytes.TrimSpace(body)) == 0 {
		return model.Invalidf("", "the body is empty: send a JSON object")
	}
	if !utf8.Valid(body) {
		return model.Invalidf("", "the body is not UTF-8, which JSON is written in (RFC 8259 section 8.1)")
	}
	first := json.NewDecoder(bytes.NewReader(body))
	var document json.RawMessage
	var syntax *json.SyntaxError
	switch err := first.Decode(&document); {
	case errors.As(err, &syntax):
		return model.Invalidf("", "the body is not JSON: %s: %s", position(body, syntax.Offset-1), syntax)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return model.Invalidf("", "the body is not JSON: it ends in the middle, at %s", position(body, int64(len(body))))
	case err != nil:
		return model.Invalidf("", "the body is not JSON: %s", err)
	}
	end := first.InputOffset()
	if left := bytes.TrimLeft(body[end:], " \t\r\n"); len(left) > 0 {
		return model.Invalidf("", "the body goes on after its JSON document, at %s: send one document", position(body, int64(len(body)-len(left))))
	}
	return nil
}

// position says where in the text an offset is, for people.
func position(text []byte, offset int64) string {
	before := text[:min(max(offset, 0), int64(len(text)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fmt.Sprintf("line %d, column %d", line, column)
}

// A decoder fills Go values from the tokens of a document that is known to be
// well-formed.
type decoder struct{ tokens *json.Decoder }

func (d decoder) value(v reflect.Value, path string) *model.Error {
	token, err := d.tokens.Token()
	if err != nil {
		return model.Invalidf(path, "the body is not JSON: %s", err)
	}
	return d.assign(token, v, path)
}

func (d decoder) assign(token json.Token, v reflect.Value, path string) *model.Error {
	switch {
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return d.assign(token, v.Elem(), path)
	case isText(v.Type()):
		return assignText(token, v, path)
	case isInteger(v.Type()):
		return assignInteger(token, v, path)
	}
	switch v.Kind() {
	case reflect.Struct:
		if token == json.Delim('{') {
			return d.object(v, path)
		}
	case reflect.Map:
		if token == json.Delim('{') {
			return d.table(v, path)
		}
	case reflect.Slice:
		if token == json.Delim('[') {
			return d.list(v, path)
		}
		if _, single := token.(string); single && v.Type() == rangesType {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			return d.assign(token, v.Index(0), path)
		}
	case reflect.String:
		if s, ok := token.(string); ok {
			v.SetString(s)
			return checkString(s, path)
		}
	case reflect.Bool:
		if b, ok := token.(bool); ok {
			v.SetBool(b)
			return nil
		}
	}
	return mismatch(token, v.Type(), path)
}

func (d decoder) object(v reflect.Value, path string) *model.Error {
	fields := fieldsOf(v.Type())
	seen := map[string]bool{}
	for d.tokens.More() {
		token, _ := d.tokens.Token()
		key, _ := token.(string)
		at := join(path, key)
		f, err := find(fields, key, at)
		if err != nil {
			return err
		}
		if seen[key] {
			return model.Invalidf(at, "stands twice in its object: keep one")
		}
		seen[key] = true
		if err := d.member(v.FieldByIndex(f.index), f, at); err != nil {
			return err
		}
	}
	d.tokens.Token() // the closing brace
	return nil
}

// member reads one member's value. null means that it is left out.
func (d decoder) member(v reflect.Value, f field, path string) *model.Error {
	token, err := d.tokens.Token()
	switch {
	case err != nil:
		return model.Invalidf(path, "the body is not JSON: %s", err)
	case f.readOnly:
		d.skip(token)
		return nil
	case token == nil:
		return nil
	}
	if err := d.assign(token, v, path); err != nil {
		return err
	}
	if f.optional && isInteger(f.kind) && v.IsZero() {
		// In the model 0 is how "left out" is written, so that it cannot be
		// what somebody asks for.
		return model.Invalidf(path, "0 is not possible: give another number, or leave it out and one is chosen")
	}
	return nil
}

// maxElements is more than twice the endpoints of a thousand hosts. Three bytes
// of text become an object of hundreds, so the length of the body alone does
// not bound what a list needs.
const maxElements = 250_000

func (d decoder) list(v reflect.Value, path string) *model.Error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for i := 0; d.tokens.More(); i++ {
		if i == maxElements {
			return model.Invalidf(path, "the list has more than %d elements: send them in several requests", maxElements)
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(element, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
		v.Set(reflect.Append(v, element))
	}
	d.tokens.Token() // the closing bracket
	return nil
}

// table reads an object whose members have names of the sender's choosing.
func (d decoder) table(v reflect.Value, path string) *model.Error {
	v.Set(reflect.MakeMap(v.Type()))
	for i := 0; d.tokens.More(); i++ {
		if i == maxElements {
			return model.Invalidf(path, "the object has more than %d members: send them in several requests", maxElements)
		}
		token, _ := d.tokens.Token()
		key, _ := token.(string)
		at := join(path, key)
		if err := checkString(key, path); err != nil {
			return err
		}
		name := reflect.ValueOf(key)
		if v.MapIndex(name).IsValid() {
			return model.Invalidf(at, "stands twice in its object: keep one")
		}
		member := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(member, at); err != nil {
			return err
		}
		v.SetMapIndex(name, member)
	}
	d.tokens.Token() // the closing brace
	return nil
}

// skip passes over the value that token begins.
func (d decoder) skip(token json.Token) {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
		token, _ = d.tokens.Token()
	}
}

// find looks a member's name up, exactly as it is written.
func find(fields []field, key, path string) (field, *model.Error) {
	for _, f := range fields {
		if f.name == key {
			return f, nil
		}
	}
	var possible []string
	for _, f := range fields {
		if !f.readOnly {
			possible = append(possible, f.name)
		}
	}
	if hint := didYouMean(key, possible); hint != "" {
		return field{}, model.Invalidf(path, "no such field%s", hint)
	}
	return field{}, model.Invalidf(path, "no such field: there are %s", strings.Join(possible, ", "))
}

func assignText(token json.Token, v reflect.Value, path string) *model.Error {
	s, ok := token.(string)
	if !ok {
		return mismatch(token, v.Type(), path)
	}
	if err := checkString(s, path); err != nil {
		return err
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
		return model.Invalidf(path, "%q: %s", shorten(s), err)
	}
	return nil
}

func assignInteger(token json.Token, v reflect.Value, path string) *model.Error {
	number, ok := token.(json.Number)
	if !ok {
		return mismatch(token, v.Type(), path)
	}
	text := number.String()
	if strings.ContainsAny(text, ".eE") {
		return model.Invalidf(path, "%s is not a whole number written in digits", shorten(text))
	}
	if strings.HasPrefix(text, "-") {
		// No number of the model means anything below zero.
		return model.Invalidf(path, "%s is negative", shorten(text))
	}
	// int fields are sizes: 31 bits are enough and the same on every machine.
	bits := 31
	if v.CanUint() {
		bits = v.Type().Bits()
	}
	n, err := strconv.ParseUint(text, 10, bits)
	if err != nil {
		return model.Invalidf(path, "%s is too large", shorten(text))
	}
	if v.CanUint() {
		v.SetUint(n)
	} else {
		v.SetInt(int64(n))
	}
	return nil
}

// checkString refuses what no name, address or identifier holds, and what
// would confuse whoever reads it in a terminal.
func checkString(s, path string) *model.Error {
	for _, r := range s {
		if unicode.IsControl(r) {
			return model.Invalidf(path, "%q holds the control character %U", shorten(s), r)
		}
		if r == utf8.RuneError {
			return model.Invalidf(path, "%q holds half a surrogate pair or U+FFFD, which stands for damaged text", shorten(s))
		}
	}
	return nil
}

func mismatch(token json.Token, want reflect.Type, path string) *model.Error {
	got := describe(token)
	hint := ""
	text, isString := token.(string)
	_, isNumber := token.(json.Number)
	switch {
	case isString && isInteger(want) && isDigits(text):
		hint = ": write it without quotes"
	case isNumber && (want.Kind() == reflect.String || isText(want)):
		hint = ": write it in quotes"
	case isString && want.Kind() == reflect.Slice:
		hint = ": put it in brackets"
	}
	return model.Invalidf(path, "%s where %s belongs%s", got, expected(want), hint)
}

func describe(token json.Token) string {
	switch t := token.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(t)
	case json.Number:
		return "the number " + shorten(t.String())
	case string:
		return fmt.Sprintf("the string %q", shorten(t))
	}
	if token == json.Delim('[') {
		return "a list"
	}
	return "an object"
}

func expected(t reflect.Type) string {
	switch {
	case isText(t), t.Kind() == reflect.String:
		return "a string"
	case isInteger(t):
		return "a whole number"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "an object"
}
