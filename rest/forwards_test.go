package rest

import (
	"strings"
	"testing"
)

// reachable declares networks web and db with endpoints, both with the gateway
// host gw1, and far with another.
func reachable(t *testing.T) *api {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"web","subnet":"10.0.1.0/24","gateway":{"mode":"snat","hosts":["gw1"]}}`)
	a.must(201, "POST", "/networks", `{"name":"db","subnet":"10.0.2.0/24","gateway":{"mode":"snat","hosts":["gw0","gw1"]}}`)
	a.must(201, "POST", "/networks", `{"name":"far","subnet":"10.0.3.0/24","gateway":{"mode":"snat","hosts":["gw9"]}}`)
	a.must(201, "POST", "/networks/web/endpoints", `{"id":"e1","name":"shop"}`)
	a.must(201, "POST", "/networks/db/endpoints", `{"id":"e2","name":"store"}`)
	a.must(201, "POST", "/networks/far/endpoints", `{"id":"e3"}`)
	return a
}

func TestForwards(t *testing.T) {
	a := reachable(t)
	r := a.must(201, "POST", "/networks/web/forwards", `{"port":8080,"endpoint":"shop","endpointPort":80}`)
	tag := r.header.Get("ETag")
	if r.header.Get("Location") != "/networks/web/forwards/tcp-8080" || !strings.Contains(r.body, `{"id":"tcp-8080","network":"web","port":8080,"protocol":"tcp","endpoint":"e1","endpointPort":80,"revision":`) {
		t.Errorf("Location %q, body %s", r.header.Get("Location"), r.body)
	}
	for _, same := range []string{`{"port":8080,"endpoint":"e1","endpointPort":80}`, `{"id":"tcp-8080","port":8080,"protocol":"tcp","endpoint":"shop","endpointPort":80}`} {
		if again := a.must(200, "POST", "/networks/web/forwards", same); again.header.Get("ETag") != tag {
			t.Errorf("the same again made revision %s of %s", again.header.Get("ETag"), tag)
		}
	}
	a.refused(409, "endpointPort", "POST", "/networks/web/forwards", `{"port":8080,"endpoint":"shop"}`)
	got := a.must(200, "GET", "/networks/web/forwards/tcp-8080", "")
	if same := a.must(200, "PUT", "/networks/web/forwards/tcp-8080", got.body, "If-Match", tag); same.header.Get("ETag") != tag {
		t.Errorf("PUT of what GET gave made revision %s of %s", same.header.Get("ETag"), tag)
	}
	a.must(200, "PUT", "/networks/web/forwards/tcp-8080?dryRun=true", `{"port":8081,"endpoint":"shop"}`)
	a.must(200, "PUT", "/networks/web/forwards/tcp-8080", `{"port":8081,"endpoint":"shop"}`)
	a.refused(412, "If-Match", "PUT", "/networks/web/forwards/tcp-8080", got.body, "If-Match", tag)
	a.must(201, "POST", "/networks/web/forwards", `{"port":8080,"endpoint":"shop","address":"192.0.2.1"}`)
	a.must(201, "POST", "/networks/web/forwards", `{"port":8080,"endpoint":"shop","address":"192.0.2.2"}`)
	a.must(201, "POST", "/networks/web/forwards", `{"port":8080,"protocol":"udp","endpoint":"shop"}`)
	a.must(201, "PUT", "/networks/web/forwards/Mine", `{"port":9,"endpoint":"shop"}`)
	for path, want := range map[string]int{"/networks/web/forwards": 5, "/networks/db/forwards": 0, "/forwards": 5} {
		if list := a.must(200, "GET", path, ""); strings.Count(list.body, `"id"`) != want || list.header.Get("Weft-Revision") == "" {
			t.Errorf("%s: %s", path, list.body)
		}
	}
	a.refused(412, "If-Match", "DELETE", "/networks/web/forwards/Mine", "", "If-Match", tag)
	a.must(204, "DELETE", "/networks/web/forwards/Mine", "")
	a.refused(404, "", "DELETE", "/networks/web/forwards/Mine", "")
	a.refused(404, "", "GET", "/networks/nowhere/forwards", "")
	a.refused(404, "", "GET", "/networks/nowhere/forwards/x", "")
	a.refused(404, "", "DELETE", "/networks/nowhere/forwards/x", "")
}

func TestForwardsThatCannotBe(t *testing.T) {
	a := reachable(t)
	a.must(201, "POST", "/networks", `{"name":"closed","subnet":"10.0.4.0/24","gateway":{"mode":"local"}}`)
	a.must(201, "POST", "/networks/closed/endpoints", `{"id":"e4"}`)
	a.must(201, "PUT", "/networks/web/forwards/first", `{"port":8080,"endpoint":"shop"}`)
	const web, db = "/networks/web/forwards", "/networks/db/forwards"
	for name, test := range map[string]struct {
		path, body  string
		status      int
		field, says string
	}{
		"no port":                   {web, `{"endpoint":"shop"}`, 400, "port", ""},
		"port 0":                    {web, `{"port":0,"endpoint":"shop"}`, 400, "port", ""},
		"port of 2^16":              {web, `{"port":65536,"endpoint":"shop"}`, 400, "port", "65535"},
		"endpoint port of 2^16":     {web, `{"port":1,"endpoint":"shop","endpointPort":65536}`, 400, "endpointPort", "65535"},
		"no endpoint":               {web, `{"port":1}`, 400, "endpoint", ""},
		"unknown endpoint":          {web, `{"port":1,"endpoint":"x"}`, 400, "endpoint", "/networks/web/endpoints"},
		"endpoint elsewhere":        {web, `{"port":1,"endpoint":"e2"}`, 400, "endpoint", `"web"`},
		"protocol":                  {web, `{"port":1,"protocol":"sctp","endpoint":"shop"}`, 400, "protocol", "udp"},
		"no address":                {web, `{"port":1,"address":"here","endpoint":"shop"}`, 400, "address", ""},
		"unspecified address":       {web, `{"port":1,"address":"0.0.0.0","endpoint":"shop"}`, 400, "address", "leave it out"},
		"multicast address":         {web, `{"port":1,"address":"ff02::1","endpoint":"shop"}`, 400, "address", "multicast"},
		"address of another family": {web, `{"port":1,"address":"2001:db8::1","endpoint":"shop"}`, 409, "endpoint", "IPv6"},
		"another network":           {web, `{"network":"db","port":1,"endpoint":"shop"}`, 400, "network", ""},
		"unknown field":             {web, `{"prot":1}`, 400, "prot", "port"},
		"bad id":                    {web, `{"id":"a b","port":1,"endpoint":"shop"}`, 400, "id", ""},
		"port taken":                {web, `{"id":"x","port":8080,"endpoint":"shop"}`, 409, "port", `"first"`},
		"port taken on one address": {web, `{"port":8080,"address":"192.0.2.1","endpoint":"shop"}`, 409, "port", `"first"`},
		"port taken elsewhere":      {db, `{"port":8080,"endpoint":"store"}`, 409, "port", `"web"`},
		"no way in":                 {"/networks/closed/forwards", `{"port":1,"endpoint":"e4"}`, 409, "", "mode routed or snat"},
		"unknown network":           {"/networks/nowhere/forwards", `{"port":1,"endpoint":"shop"}`, 404, "", ""},
		"in a document":             {"/apply", `{"forwards":[{"network":"db","port":8080,"endpoint":"store"}]}`, 409, "forwards[0].port", `"web"`},
		"without network":           {"/apply", `{"forwards":[{"port":8080,"endpoint":"store"}]}`, 400, "forwards[0].network", ""},
		"of an unknown network":     {"/apply", `{"forwards":[{"network":"x","port":8080,"endpoint":"store"}]}`, 400, "forwards[0].network", ""},
		"twice in a document":       {"/apply", `{"forwards":[{"network":"db","port":1,"endpoint":"store"},{"network":"db","port":1,"endpoint":"e2"}]}`, 400, "forwards[1]", "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			if r := a.refused(test.status, test.field, "POST", test.path, test.body); !strings.Contains(r.problem.Detail, test.says) {
				t.Errorf("%q does not say %q", r.problem.Detail, test.says)
			}
		})
	}
	a.must(201, "POST", "/networks/far/forwards", `{"port":8080,"endpoint":"e3"}`) // on other hosts
	if r := a.must(200, "GET", "/forwards", ""); strings.Count(r.body, `"id"`) != 2 {
		t.Errorf("something of it was kept: %s", r.body)
	}
}

func TestNetworksAndEndpointsStayAsTheirForwardsNeedThem(t *testing.T) {
	a := reachable(t)
	a.must(201, "PUT", "/networks/web/forwards/first", `{"port":8080,"endpoint":"shop"}`)
	a.must(201, "PUT", "/networks/far/forwards/second", `{"port":8080,"endpoint":"e3"}`)
	a.must(201, "PUT", "/networks/web/forwards/third", `{"port":8081,"address":"192.0.2.1","endpoint":"shop"}`)
	for name, test := range map[string]struct{ path, body, field, says string }{
		"mode none":             {"/networks/web", `{"subnet":"10.0.1.0/24"}`, "gateway", `"first"`},
		"mode local":            {"/networks/web", `{"subnet":"10.0.1.0/24","gateway":{"mode":"local"}}`, "gateway", `"first"`},
		"a common gateway host": {"/networks/far", `{"subnet":"10.0.3.0/24","gateway":{"mode":"snat","hosts":["gw9","gw1"]}}`, "gateway", `"second"`},
		"every host a gateway":  {"/networks/far", `{"subnet":"10.0.3.0/24","gateway":{"mode":"snat"}}`, "gateway", `"first"`},
	} {
		t.Run(name, func(t *testing.T) {
			a := &api{t, a.url, a.server}
			if r := a.refused(409, test.field, "PUT", test.path, test.body); !strings.Contains(r.problem.Detail, test.says) {
				t.Errorf("%q does not say %q", r.problem.Detail, test.says)
			}
		})
	}
	a.must(200, "PUT", "/networks/web", `{"subnets":["10.0.1.0/24","2001:db8::/64"],"gateway":{"mode":"snat","hosts":["gw1"]}}`)
	if r := a.refused(409, "addresses", "PUT", "/endpoints/e1", `{"name":"shop","addresses":["2001:db8::10"]}`); !strings.Contains(r.problem.Detail, `"third"`) {
		t.Errorf("%s", r.body)
	}
	a.must(200, "PUT", "/endpoints/e1", `{"name":"shopping","addresses":["10.0.1.77"]}`)
	a.must(204, "DELETE", "/endpoints/e1", "")
	if r := a.must(200, "GET", "/forwards", ""); strings.Count(r.body, `"id"`) != 1 {
		t.Errorf("the forwards of a deleted endpoint: %s", r.body)
	}
	a.must(204, "DELETE", "/networks/far?force=true", "")
	if r := a.must(200, "GET", "/forwards", ""); r.body != "[]\n" {
		t.Errorf("the forwards of a deleted network: %s", r.body)
	}
}
