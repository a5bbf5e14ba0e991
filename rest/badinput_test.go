package rest

import (
	"net/http"
	"strings"
	"testing"
)

// TestBadInputIsRefusedAndLeavesTheRestWorking sends what can be wrong with a
// request, and looks after each whether the API still does its work.
func TestBadInputIsRefusedAndLeavesTheRestWorking(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"blue","subnets":["10.0.1.0/24"],"vni":5000,"gateway":{"addresses":["10.0.1.1"]}}`)
	a.must(201, "POST", "/networks/blue/endpoints", `{"id":"first","addresses":["10.0.1.10"]}`)
	a.must(201, "POST", "/networks", `{"name":"tiny","subnets":["10.0.3.0/30"]}`)
	a.must(201, "POST", "/networks/tiny/endpoints", `{}`)
	a.must(201, "POST", "/networks/tiny/endpoints", `{}`)
	const networks, endpoints, tiny = "/networks", "/networks/blue/endpoints", "/networks/tiny/endpoints"
	for name, test := range map[string]struct {
		path, body string
		status     int
		field      string
	}{
		"malformed JSON":              {networks, `{"name":`, 400, ""},
		"two documents":               {networks, `{"name":"a"}{"name":"b"}`, 400, ""},
		"unknown field":               {networks, `{"name":"a","color":"red"}`, 400, "color"},
		"10 MB":                       {networks, `{"name":"` + strings.Repeat("a", 10<<20) + `"}`, 413, ""},
		"name with a slash":           {networks, `{"name":"a/b"}`, 400, "name"},
		"name with a control char":    {networks, `{"name":"a\u0007b"}`, 400, "name"},
		"name too long":               {networks, `{"name":"` + strings.Repeat("a", 64) + `"}`, 400, "name"},
		"no name":                     {networks, `{}`, 400, "name"},
		"VNI 0":                       {networks, `{"name":"a","vni":0}`, 400, "vni"},
		"VNI of 2^24":                 {networks, `{"name":"a","vni":16777216}`, 400, "vni"},
		"VNI with a fraction":         {networks, `{"name":"a","vni":1.5}`, 400, "vni"},
		"VNI taken":                   {networks, `{"name":"a","vni":5000}`, 409, "vni"},
		"subnet with host bits":       {networks, `{"name":"a","subnets":["10.0.1.1/24"]}`, 400, "subnets[0]"},
		"overlapping subnets":         {networks, `{"name":"a","subnets":["10.0.0.0/16","10.0.1.0/24"]}`, 400, "subnets[1]"},
		"no subnet at all":            {networks, `{"name":"a","subnets":[""]}`, 400, "subnets[0]"},
		"subnet and subnets":          {networks, `{"name":"a","subnet":"10.0.1.0/24","subnets":["10.0.1.0/24"]}`, 400, "subnet"},
		"MTU of 10":                   {networks, `{"name":"a","mtu":10}`, 400, "mtu"},
		"address outside":             {endpoints, `{"addresses":["10.0.2.10"]}`, 400, "addresses[0]"},
		"address taken":               {endpoints, `{"addresses":["10.0.1.10"]}`, 409, "addresses[0]"},
		"the gateway's address":       {endpoints, `{"addresses":["10.0.1.1"]}`, 400, "addresses[0]"},
		"the network address":         {endpoints, `{"addresses":["10.0.1.0"]}`, 400, "addresses[0]"},
		"the broadcast address":       {endpoints, `{"addresses":["10.0.1.255"]}`, 400, "addresses[0]"},
		"multicast MAC":               {endpoints, `{"mac":"01:00:5e:00:00:01"}`, 400, "mac"},
		"zero MAC":                    {endpoints, `{"mac":"00:00:00:00:00:00"}`, 400, "mac"},
		"unknown network":             {"/networks/nowhere/endpoints", `{}`, 404, ""},
		"unknown network in document": {"/apply", `{"endpoints":[{"name":"x","network":"nowhere"}]}`, 400, "endpoints[0].network"},
		"subnet exhausted":            {tiny, `{}`, 409, "addresses"},
		"path with a slash":           {"/networks/a%2Fb/endpoints", `{}`, 400, "name"},
		"path with a newline":         {"/networks/a%0Ab/endpoints", `{}`, 400, "name"},
		"path with NUL":               {"/networks/a%00b/endpoints", `{}`, 400, "name"},
		"path with dots":              {"/networks/../endpoints", `{}`, 400, "name"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			a.refused(test.status, test.field, "POST", test.path, test.body)
			a.must(200, "POST", endpoints, `{"id":"first","addresses":["10.0.1.10"]}`)
		})
	}
	if r := a.must(200, "GET", "/networks", ""); strings.Count(r.body, `"vni"`) != 2 {
		t.Errorf("something of it was kept: %s", r.body)
	}
}

func TestExhaustionSaysHowManyAreInUse(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"tiny","subnets":["10.0.3.0/30"]}`)
	a.must(201, "POST", "/networks/tiny/endpoints", `{}`)
	a.must(201, "POST", "/networks/tiny/endpoints", `{}`)
	r := a.refused(409, "addresses", "POST", "/networks/tiny/endpoints", `{}`)
	if r.problem.Type != "/problems/exhausted" || !strings.Contains(r.problem.Detail, "2") || !strings.Contains(r.problem.Detail, "10.0.3.0/30") {
		t.Errorf("%s", r.body)
	}
}

func TestQueryParametersAreChecked(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct{ query, field string }{
		{"dryrun=true", "dryrun"},
		{"dryRun=yes", "dryRun"},
		{"dryRun", "dryRun"},
		{"dryRun=true&dryRun=false", "dryRun"},
		{"wait=1", "wait"},
		{"wait=installed&timeout=soon", "timeout"},
		{"wait=installed&timeout=-1s", "timeout"},
		{"wait=installed&timeout=10", "timeout"},
		{"wait=installed&timeout=1h", "timeout"},
		{"timeout=10s", "timeout"},
		{"dryRun=true&wait=installed", "wait"},
		{"force=true", "force"},
		{"a%0Ab=1", `"a\nb"`},
		{"dryRun=%zz", ""},
	} {
		r := a.refused(400, test.field, "POST", "/networks?"+test.query, net1)
		if test.query == "dryrun=true" && !strings.Contains(r.problem.Detail, "did you mean dryRun?") {
			t.Errorf("no suggestion: %s", r.body)
		}
	}
	a.must(404, "GET", "/networks/net1", "")
	a.refused(400, "since", "GET", "/watch?since=-1", "")
	a.refused(400, "dryRun", "GET", "/networks?dryRun=true", "")
	a.refused(400, "cookie", "GET", "/cookies/0xzz", "")
}

func TestPathsThatAreNotThere(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/", "/network", "/networks/", "/networks/a/b", "//networks", "/networks/a%2Fb/c", "/networks//endpoints", "/a/../networks", "/problems/none"} {
		if r := a.must(404, "GET", path, ""); r.problem.Type != "/problems/not-found" {
			t.Errorf("%s: %s", path, r.body)
		}
	}
	for _, test := range []struct{ method, path, allow string }{
		{"PATCH", "/networks", "GET, HEAD, POST"},
		{"DELETE", "/networks", "GET, HEAD, POST"},
		{"POST", "/networks/net1", "GET, HEAD, PUT, DELETE"},
		{"OPTIONS", "/apply", "POST"},
		{"PUT", "/hosts/h", "GET, HEAD, DELETE"},
		{"GET", "/hosts/h/adopt", "POST"},
	} {
		if r := a.refused(http.StatusMethodNotAllowed, "", test.method, test.path, ""); r.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: Allow %q, want %q", test.method, test.path, r.header.Get("Allow"), test.allow)
		}
	}
}

func TestBodiesThatAreNotJSONByTheirHeader(t *testing.T) {
	a := newAPI(t)
	for _, media := range []string{"application/json", "application/json; charset=utf-8", "application/merge-patch+json", "application/x-www-form-urlencoded"} {
		a.must(200, "POST", "/networks?dryRun=true", net1, "Content-Type", media)
	}
	for _, media := range []string{"application/yaml", "text/plain", "multipart/form-data; boundary=x", ";"} {
		a.refused(415, "Content-Type", "POST", "/networks", net1, "Content-Type", media)
	}
	a.refused(415, "Content-Encoding", "POST", "/networks", net1, "Content-Encoding", "gzip")
}

func TestLargeDocumentsAreTakenByApplyOnly(t *testing.T) {
	a := newAPI(t)
	padding := strings.Repeat(" ", 2<<20)
	a.must(200, "POST", "/apply", `{"networks":[{"name":"a"}]`+padding+`}`)
	r := a.refused(413, "", "POST", "/networks", `{"name":"b"`+padding+`}`)
	if !strings.Contains(r.problem.Detail, "1 MiB") {
		t.Errorf("the limit is not said: %s", r.problem.Detail)
	}
}
