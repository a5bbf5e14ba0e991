package rest

import (
	"strings"
	"testing"
)

// routable declares networks a, b and c that can be on a router, and none that
// cannot.
func routable(t *testing.T) *api {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"a","subnet":"10.0.1.0/24","gateway":{"mode":"local"}}`)
	a.must(201, "POST", "/networks", `{"name":"b","subnet":"10.0.2.0/24","gateway":{"mode":"snat"}}`)
	a.must(201, "POST", "/networks", `{"name":"c","subnet":"10.0.2.128/25","gateway":{"mode":"local"}}`)
	a.must(201, "POST", "/networks", `{"name":"none","subnet":"10.0.4.0/24"}`)
	return a
}

func TestRouters(t *testing.T) {
	a := routable(t)
	r := a.must(201, "POST", "/routers", `{"name":"r1","networks":["a","b"]}`)
	tag := r.header.Get("ETag")
	if r.header.Get("Location") != "/routers/r1" || r.json(t)["revision"] == nil || r.json(t)["differences"] != nil {
		t.Errorf("Location %q, body %s", r.header.Get("Location"), r.body)
	}
	if again := a.must(200, "POST", "/routers", `{"name":"r1","networks":["b","a"]}`); again.header.Get("ETag") != tag {
		t.Errorf("the same again made revision %s of %s", again.header.Get("ETag"), tag)
	}
	a.refused(409, "networks", "POST", "/routers", `{"name":"r1","networks":["a"]}`)

	got := a.must(200, "GET", "/routers/r1", "")
	if same := a.must(200, "PUT", "/routers/r1", got.body, "If-Match", tag); same.header.Get("ETag") != tag {
		t.Errorf("PUT of what GET gave made revision %s of %s", same.header.Get("ETag"), tag)
	}
	if dry := a.must(200, "PUT", "/routers/r1?dryRun=true", `{"networks":["a"]}`); dry.json(t)["differences"] == nil {
		t.Errorf("a dry run answers %s", dry.body)
	}
	if now := a.must(200, "PUT", "/routers/r1", `{"networks":["a"]}`); now.header.Get("ETag") == tag {
		t.Error("a change left the ETag as it was")
	}
	a.refused(412, "If-Match", "PUT", "/routers/r1", got.body, "If-Match", tag)
	a.refused(412, "If-Match", "DELETE", "/routers/r1", "", "If-Match", tag)
	a.must(201, "PUT", "/routers/r2?wait=installed", `{}`)
	if list := a.must(200, "GET", "/routers", ""); strings.Count(list.body, `"name"`) != 2 || list.header.Get("Weft-Revision") == "" {
		t.Errorf("%s, %v", list.body, list.header)
	}
	a.must(204, "DELETE", "/routers/r2", "")
	a.refused(404, "", "GET", "/routers/r2", "")
	a.refused(404, "", "DELETE", "/routers/r2", "")
}

func TestRoutersThatCannotBe(t *testing.T) {
	a := routable(t)
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		field, says        string
	}{
		"no name":                  {"POST", "/routers", `{"networks":["a"]}`, 400, "name", ""},
		"another name":             {"PUT", "/routers/r1", `{"name":"r2"}`, 400, "name", ""},
		"unknown field":            {"POST", "/routers", `{"name":"r1","network":["a"]}`, 400, "network", "networks"},
		"unknown network":          {"POST", "/routers", `{"name":"r1","networks":["a","x"]}`, 400, "networks[1]", `"x"`},
		"network twice":            {"POST", "/routers", `{"name":"r1","networks":["a","a"]}`, 400, "networks[1]", "twice"},
		"network without gateway":  {"POST", "/routers", `{"name":"r1","networks":["a","none"]}`, 400, "networks[1]", "mode local"},
		"overlapping subnets":      {"POST", "/routers", `{"name":"r1","networks":["a","b","c"]}`, 409, "networks[2]", "10.0.2.128/25"},
		"network name with spaces": {"POST", "/routers", `{"name":"r1","networks":["a b"]}`, 400, "networks[0]", ""},
		"in a document":            {"POST", "/apply", `{"routers":[{"name":"r1","networks":["none"]}]}`, 400, "routers[0].networks[0]", ""},
		"twice in a document":      {"POST", "/apply", `{"routers":[{"name":"r1"},{"name":"r1"}]}`, 400, "routers[1].name", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			if r := a.refused(test.status, test.field, test.method, test.path, test.body); !strings.Contains(r.problem.Detail, test.says) {
				t.Errorf("%q does not say %q", r.problem.Detail, test.says)
			}
			a.must(404, "GET", "/routers/r1", "")
		})
	}
}

// Two routers that are right each for itself may still lead a network to two
// networks with the same addresses.
func TestOverlapsAcrossRoutersAreRefused(t *testing.T) {
	a := routable(t)
	a.must(201, "POST", "/routers", `{"name":"r1","networks":["a","b"]}`)
	a.must(201, "POST", "/routers", `{"name":"r2","networks":["c"]}`)
	r := a.refused(409, "networks[1]", "PUT", "/routers/r2", `{"networks":["c","a"]}`)
	for _, name := range []string{`"a"`, `"b"`, `"c"`} {
		if !strings.Contains(r.problem.Detail, name) {
			t.Errorf("%q does not name %s", r.problem.Detail, name)
		}
	}
	// Both in one document are looked at when both are in.
	a.must(200, "POST", "/apply", `{"routers":[{"name":"r2","networks":["c","a"]},{"name":"r1","networks":["a"]}]}`)
}

func TestNetworksStayAsTheirRoutersNeedThem(t *testing.T) {
	a := routable(t)
	a.must(201, "POST", "/routers", `{"name":"r1","networks":["a","b"]}`)
	if r := a.refused(409, "gateway", "PUT", "/networks/a", `{"subnet":"10.0.1.0/24"}`); !strings.Contains(r.problem.Detail, `"r1"`) {
		t.Errorf("%s", r.body)
	}
	if r := a.refused(409, "subnets", "PUT", "/networks/a", `{"subnet":"10.0.0.0/16","gateway":{"mode":"local"}}`); !strings.Contains(r.problem.Detail, `"r1"`) {
		t.Errorf("%s", r.body)
	}
	if r := a.refused(409, "networks[0].subnets", "POST", "/apply", `{"networks":[{"name":"a","subnet":"10.0.0.0/16","gateway":{"mode":"local"}}]}`); !strings.Contains(r.problem.Detail, `"r1"`) {
		t.Errorf("%s", r.body)
	}
	a.must(200, "PUT", "/networks/a", `{"subnet":"10.0.9.0/24","gateway":{"mode":"routed"}}`)

	if r := a.refused(409, "", "DELETE", "/networks/a", ""); !strings.Contains(r.problem.Detail, `"r1"`) {
		t.Errorf("%s", r.body)
	}
	a.must(204, "DELETE", "/networks/a?force=true", "")
	if r := a.must(200, "GET", "/routers/r1", ""); !strings.Contains(r.body, `"networks":["b"]`) {
		t.Errorf("the router of a deleted network: %s", r.body)
	}
}

func TestPruneTakesRoutersAndForwards(t *testing.T) {
	a := newAPI(t)
	const rest = `"networks":[{"name":"a","subnet":"10.0.1.0/24","gateway":{"mode":"snat"}}],"endpoints":[{"name":"web","network":"a"}]`
	r := a.must(200, "POST", "/apply?prune=shop", `{`+rest+`,"routers":[{"name":"r1","networks":["a"]}],"forwards":[{"network":"a","port":8080,"endpoint":"web"}]}`)
	if o := r.json(t); len(o["routers"].([]any)) != 1 || len(o["forwards"].([]any)) != 1 {
		t.Errorf("%s", r.body)
	}
	again := a.must(200, "POST", "/apply?prune=shop", `{`+rest+`,"routers":[{"name":"r1","networks":["a"]}],"forwards":[{"network":"a","port":8080,"endpoint":"web"}]}`)
	if again.header.Get("Weft-Revision") != r.header.Get("Weft-Revision") {
		t.Error("the same document again made a change")
	}
	a.must(201, "POST", "/routers", `{"name":"theirs","networks":["a"]}`)
	a.must(200, "POST", "/apply?prune=shop", `{`+rest+`}`)
	a.must(404, "GET", "/routers/r1", "")
	a.must(404, "GET", "/networks/a/forwards/tcp-8080", "")
	if r := a.refused(409, "networks", "POST", "/apply?prune=shop", `{}`); !strings.Contains(r.problem.Detail, `"theirs"`) {
		t.Errorf("%s", r.body)
	}
	a.must(200, "GET", "/networks/a", "")
}
