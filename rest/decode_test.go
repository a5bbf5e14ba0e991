package rest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
)

func TestDecodeRefusesAndNamesTheField(t *testing.T) {
	for name, test := range map[string]struct {
		body, field, detail string
	}{
		"nothing":              {``, "", "empty"},
		"only space":           {" \n\t", "", "empty"},
		"cut off":              {`{"name":"a"`, "", "ends in the middle, at line 1, column 12"},
		"no JSON":              {`name=a`, "", "line 1, column 2"},
		"comma at the end":     {"{\"name\":\"a\",\n}", "", "line 2, column 1"},
		"single quotes":        {`{'name':'a'}`, "", "not JSON"},
		"two documents":        {`{"name":"a"} {"name":"b"}`, "", "one document"},
		"text after it":        {`{"name":"a"}x`, "", "line 1, column 13"},
		"no UTF-8":             {"{\"name\":\"a\xff\"}", "", "UTF-8"},
		"byte order mark":      {"\ufeff{}", "", "not JSON"},
		"a list":               {`[]`, "", "a list where an object belongs"},
		"null":                 {`null`, "", "null where an object belongs"},
		"a string":             {`"net1"`, "", "an object belongs"},
		"NUL in the text":      {"{\"name\":\"a\x00\"}", "", "not JSON"},
		"unknown":              {`{"networks":[{"name":"a","colour":"red"}]}`, "networks[0].colour", "no such field"},
		"nearly known":         {`{"endpoints":[{},{"macc":"x"}]}`, "endpoints[1].macc", "did you mean mac?"},
		"other letter case":    {`{"networks":[{"Name":"a"}]}`, "networks[0].Name", "did you mean name?"},
		"unknown with newline": {"{\"a\\nb\":1}", `"a\nb"`, "no such field"},
		"twice":                {`{"networks":[{"name":"a","name":"b"}]}`, "networks[0].name", "twice"},
		"twice, escaped":       {`{"networks":[{"name":"a","\u006eame":"b"}]}`, "networks[0].name", "twice"},
		"string for number":    {`{"networks":[{"mtu":"1450"}]}`, "networks[0].mtu", "without quotes"},
		"number for string":    {`{"networks":[{"name":100}]}`, "networks[0].name", "in quotes"},
		"number for address":   {`{"endpoints":[{"addresses":[10]}]}`, "endpoints[0].addresses[0]", "a string belongs"},
		"string for list":      {`{"networks":[{"subnets":"10.0.0.0/8"}]}`, "networks[0].subnets", "in brackets"},
		"string for bool":      {`{"networks":[{"gateway":{"hostAccess":"yes"}}]}`, "networks[0].gateway.hostAccess", "true or false belongs"},
		"object for list":      {`{"networks":{}}`, "networks", "a list belongs"},
		"list for object":      {`{"networks":[{"gateway":[]}]}`, "networks[0].gateway", "an object belongs"},
		"null in a list":       {`{"networks":[null]}`, "networks[0]", "null where an object belongs"},
		"fraction":             {`{"networks":[{"vni":5000.5}]}`, "networks[0].vni", "whole number"},
		"whole fraction":       {`{"networks":[{"vni":5000.0}]}`, "networks[0].vni", "whole number"},
		"exponent":             {`{"networks":[{"vni":5e3}]}`, "networks[0].vni", "whole number"},
		"negative":             {`{"networks":[{"vni":-1}]}`, "networks[0].vni", "negative"},
		"zero":                 {`{"networks":[{"vni":0}]}`, "networks[0].vni", "leave it out"},
		"zero MTU":             {`{"networks":[{"mtu":0}]}`, "networks[0].mtu", "leave it out"},
		"above 32 bits":        {`{"networks":[{"vni":4294967296}]}`, "networks[0].vni", "too large"},
		"above 64 bits":        {`{"networks":[{"mtu":99999999999999999999999}]}`, "networks[0].mtu", "too large"},
		"NUL":                  {`{"networks":[{"name":"a\u0000b"}]}`, "networks[0].name", "U+0000"},
		"escape character":     {`{"networks":[{"name":"\u001b[31m"}]}`, "networks[0].name", "U+001B"},
		"NUL in an address":    {`{"endpoints":[{"addresses":["10.0.0.1\u0000"]}]}`, "endpoints[0].addresses[0]", "U+0000"},
		"half a surrogate":     {`{"networks":[{"name":"\ud800"}]}`, "networks[0].name", "surrogate"},
	} {
		t.Run(name, func(t *testing.T) {
			err := decode([]byte(test.body), &model.Document{})
			if err == nil {
				t.Fatal("accepted")
			}
			if err.Kind != model.Invalid || err.Field != test.field || !strings.Contains(err.Detail, test.detail) {
				t.Errorf("field %q, %q; want field %q, %q", err.Field, err.Detail, test.field, test.detail)
			}
			if strings.ContainsAny(err.Error(), "\n\x00\x1b") {
				t.Errorf("%q is not a line that can be printed", err.Error())
			}
		})
	}
}

func TestDecodeReadsWhatTheModelWrites(t *testing.T) {
	want := model.Network{
		Name: "net1", VNI: 5000, MTU: 1450, Encap: model.VXLAN, Unknown: model.Drop,
		Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24"), model.MustPrefix("2001:db8:1::/64")},
		Gateway: &model.Gateway{
			Addresses: []model.Addr{model.MustAddr("10.0.1.1")}, Mode: model.GatewaySNAT,
			Hosts: []string{"host1"}, HostAccess: true,
		},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got model.Network
	if err := decode(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestDecodeIgnoresReadOnlyFieldsWhateverTheyHold(t *testing.T) {
	var e model.Endpoint
	err := decode([]byte(`{"id":"a","revision":0,"mtu":"x","state":7,"conditions":[{"type":{"deep":[1,[2]]}},null],"gateway":null,"prefixes":{},"location":"h","host":"host1"}`), &e)
	if err != nil {
		t.Fatal(err)
	}
	if want := (model.Endpoint{ID: "a", Host: "host1"}); !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, want %+v", e, want)
	}
}

func TestDecodeTakesNullAsLeftOut(t *testing.T) {
	var n model.Network
	if err := decode([]byte(`{"name":"a","vni":null,"gateway":null,"subnets":null}`), &n); err != nil {
		t.Fatal(err)
	}
	if want := (model.Network{Name: "a"}); !reflect.DeepEqual(n, want) {
		t.Errorf("%+v, want %+v", n, want)
	}
}

func TestReadOnlyFieldsExist(t *testing.T) {
	for owner, names := range readOnly {
		found := 0
		for _, f := range fieldsOf(owner) {
			if f.readOnly {
				found++
			}
		}
		if found != len(names) {
			t.Errorf("%v: %d of the fields %v exist", owner, found, names)
		}
	}
}
