package rest

import (
	"strings"
	"testing"
)

func TestSlicesThatCannotBe(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"n","subnet":"10.0.1.0/24","slices":{"h1":"10.0.1.0/30","h2":["10.0.1.64/26","10.0.1.32/27"]}}`)
	network := func(rest string) string { return `{"name":"a","subnet":"10.0.1.0/24",` + rest + `}` }
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		field, says        string
	}{
		"a list":              {"POST", "/networks", network(`"slices":["10.0.1.0/26"]`), 400, "slices", "an object"},
		"a number":            {"POST", "/networks", network(`"slices":{"h1":26}`), 400, "slices.h1", "the number 26"},
		"an object":           {"POST", "/networks", network(`"slices":{"h1":{}}`), 400, "slices.h1", "an object"},
		"a number in a list":  {"POST", "/networks", network(`"slices":{"h1":[26]}`), 400, "slices.h1[0]", "quotes"},
		"one host twice":      {"POST", "/networks", network(`"slices":{"h1":"10.0.1.0/26","h1":"10.0.1.64/26"}`), 400, "slices.h1", "twice"},
		"a control character": {"POST", "/networks", network(`"slices":{"h\u0007":"10.0.1.0/26"}`), 400, "slices", "control character"},
		"no prefix":           {"POST", "/networks", network(`"slices":{"h1":"10.0.1.0"}`), 400, "slices.h1", "not a subnet"},
		"outside":             {"POST", "/networks", network(`"slices":{"h1":"10.0.2.0/26"}`), 400, "slices.h1", "10.0.1.0/24"},
		"overlapping":         {"POST", "/networks", network(`"slices":{"h1":"10.0.1.0/26","h2":["10.0.1.128/26","10.0.1.32/27"]}`), 400, "slices.h2[1]", "host h1"},
		"in a document":       {"POST", "/apply", `{"networks":[` + network(`"slices":{"h1":"10.0.2.0/26"}`) + `]}`, 400, "networks[0].slices.h1", "not inside"},
		"size in quotes":      {"POST", "/networks", network(`"sliceSize":"26"`), 400, "sliceSize", "without quotes"},
		"size 0":              {"POST", "/networks", network(`"sliceSize":0`), 400, "sliceSize", "0"},
		"size too large":      {"POST", "/networks", network(`"sliceSize":33`), 400, "sliceSize", "24 to 32"},
		"size wider":          {"POST", "/networks", network(`"sliceSize":20`), 400, "sliceSize", "do not fit"},
		"other ones by POST":  {"POST", "/networks", `{"name":"n","subnet":"10.0.1.0/24"}`, 409, "slices", "PUT it"},
		"another host's":      {"POST", "/networks/n/endpoints", `{"host":"h1","addresses":["10.0.1.65"]}`, 409, "addresses[0]", "host h2's slice"},
		"nobody's endpoint":   {"POST", "/networks/n/endpoints", `{"addresses":["10.0.1.65"]}`, 409, "addresses[0]", "pin it"},
		"applied":             {"POST", "/apply", `{"endpoints":[{"id":"e","network":"n","addresses":["10.0.1.2"]}]}`, 409, "endpoints[0].addresses[0]", "host h1's slice"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			if r := a.refused(test.status, test.field, test.method, test.path, test.body); !strings.Contains(r.problem.Detail, test.says) {
				t.Errorf("%q does not say %q", r.problem.Detail, test.says)
			}
		})
	}
}

func TestSlicesAreShownAsTheyWereGiven(t *testing.T) {
	a := newAPIWithHosts(t, "h1")
	r := a.must(201, "POST", "/networks", `{"name":"n","subnet":"10.0.1.0/24","slices":{"h1":"10.0.1.0/30","h2":["10.0.1.64/26","10.0.1.32/27"]},"sliceSize":28}`)
	if !strings.Contains(r.body, `"slices":{"h1":"10.0.1.0/30","h2":["10.0.1.64/26","10.0.1.32/27"]},"sliceSize":28`) {
		t.Error(r.body)
	}
	if strings.Count(r.body, "HostUnknown") != 1 || !strings.Contains(r.body, "a slice for host h2") {
		t.Error(r.body)
	}
	if r = a.must(201, "POST", "/networks/n/endpoints", `{"host":"h3"}`); !strings.Contains(r.body, `"addresses":["10.0.1.16"]`) {
		t.Error(r.body)
	}
	if r = a.must(200, "GET", "/networks/n", ""); !strings.Contains(r.body, `"h3":"10.0.1.16/28"`) {
		t.Error(r.body)
	}
	for range 3 {
		a.must(201, "POST", "/networks/n/endpoints", `{"host":"h1"}`)
	}
	if r := a.refused(409, "addresses", "POST", "/networks/n/endpoints", `{"host":"h1"}`); !strings.Contains(r.problem.Detail, "3 of the 3 addresses of host h1's slice 10.0.1.0/30") {
		t.Error(r.problem.Detail)
	}
}
