package model

import (
	"encoding/json"
	"testing"
)

func TestSlicesCheck(t *testing.T) {
	for _, c := range []struct{ body, field, says string }{
		{`{"name":"n","subnet":"172.17.0.0/16","slices":{"host1":"172.17.64.0/18"}}`, "", ""},
		{`{"name":"n","subnet":"172.17.0.0/16","slices":{"h":"172.17.0.0/16"}}`, "", ""},
		{`{"name":"n","subnets":["172.17.0.0/16","2001:db8::/64"],"slices":{"a":["172.17.64.0/18","2001:db8::/80"],"b":["172.17.128.0/18","172.17.0.0/24"]},"sliceSize":26}`, "", ""},
		{`{"name":"n","subnet":"2001:db8::/64","sliceSize":80}`, "", ""},
		{`{"name":"n","slices":{"a":"10.0.0.0/26"}}`, "slices.a", "layer 2"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":"10.0.1.0/26"}}`, "slices.a", "10.0.0.0/24"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":"10.0.0.0/23"}}`, "slices.a", "not inside"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":["10.0.0.0/26","10.0.0.1/26"]}}`, "slices.a[1]", "host bits"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":"x"}}`, "slices.a", "not a subnet"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":[]}}`, "slices.a", "no range"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"":"10.0.0.0/26"}}`, "slices", "name"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":"10.0.0.64/27","b":"10.0.0.0/25","c":"10.0.0.128/25"}}`, "slices.a", "host b"},
		{`{"name":"n","subnet":"10.0.0.0/24","slices":{"a":["10.0.0.64/27","10.0.0.64/27"]}}`, "slices.a[1]", "overlaps"},
		{`{"name":"n","sliceSize":26}`, "sliceSize", "none"},
		{`{"name":"n","subnet":"10.0.0.0/24","sliceSize":23}`, "sliceSize", "do not fit"},
		{`{"name":"n","subnet":"10.0.0.0/24","sliceSize":33}`, "sliceSize", "24 to 32"},
		{`{"name":"n","subnets":["10.0.0.0/24","2001:db8::/124"],"sliceSize":26}`, "sliceSize", "/122"},
	} {
		var n Network
		if err := json.Unmarshal([]byte(c.body), &n); err != nil {
			t.Errorf("%s: %v", c.body, err)
			continue
		}
		n.Normalize()
		verdict(t, c.body, n.Check(), c.field, c.says)
	}
}

func TestASingleRangeStandsWithoutBrackets(t *testing.T) {
	const body = `{"a":"10.0.0.0/26","b":["10.0.0.64/26","2001:db8::/80"]}`
	var s map[string]Ranges
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(s); err != nil || string(got) != body {
		t.Errorf("%s became %s: %v", body, got, err)
	}
}
