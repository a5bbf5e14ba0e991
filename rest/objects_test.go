package rest

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

const net1 = `{"name":"net1","subnets":["10.0.1.0/24"],"vni":5000}`

func TestPostCreatesOnce(t *testing.T) {
	a := newAPI(t)
	r := a.must(201, "POST", "/networks", net1)
	if r.header.Get("Location") != "/networks/net1" || !strings.HasPrefix(r.header.Get("ETag"), `"`) {
		t.Errorf("Location %q, ETag %q", r.header.Get("Location"), r.header.Get("ETag"))
	}
	if o := r.json(t); o["vni"] != 5000.0 || o["mtu"] == nil || o["differences"] != nil {
		t.Errorf("body %s", r.body)
	}
	again := a.must(200, "POST", "/networks", net1)
	if again.header.Get("ETag") != r.header.Get("ETag") || again.header.Get("Location") != "" {
		t.Errorf("the same again: ETag %q, Location %q", again.header.Get("ETag"), again.header.Get("Location"))
	}
	a.must(409, "POST", "/networks", `{"name":"net1","subnets":["10.0.2.0/24"]}`)
}

func TestOfSixDifferentPostsOfOneNameAtOnceOneIsCreated(t *testing.T) {
	a := newAPI(t)
	var group sync.WaitGroup
	codes := make([]int, 6)
	for i := range codes {
		group.Go(func() {
			codes[i] = a.do("POST", "/networks", `{"name":"one","subnets":["10.`+string(rune('1'+i))+`.0.0/16"]}`).status
		})
	}
	group.Wait()
	slices.Sort(codes)
	if want := []int{201, 409, 409, 409, 409, 409}; !slices.Equal(codes, want) {
		t.Errorf("answers %v, want %v", codes, want)
	}
}

func TestGetEditPut(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", net1)
	got := a.must(200, "GET", "/networks/net1", "")
	tag := got.header.Get("ETag")
	same := a.must(200, "PUT", "/networks/net1", got.body, "If-Match", tag)
	if same.header.Get("ETag") != tag {
		t.Errorf("PUT of what GET gave made revision %s of %s", same.header.Get("ETag"), tag)
	}
	edited := strings.Replace(got.body, `10.0.1.0/24"`, `10.0.1.0/24","10.0.9.0/24"`, 1)
	now := a.must(200, "PUT", "/networks/net1", edited, "If-Match", tag)
	if now.header.Get("ETag") == tag {
		t.Error("a change left the ETag as it was")
	}
	a.refused(412, "If-Match", "PUT", "/networks/net1", got.body, "If-Match", tag)
	a.must(200, "PUT", "/networks/net1", got.body, "If-Match", "*")
	a.must(200, "PUT", "/networks/net1", edited, "If-Match", `"999999", `+a.do("GET", "/networks/net1", "").header.Get("ETag"))
}

func TestPutIsAnUpsert(t *testing.T) {
	a := newAPI(t)
	r := a.must(201, "PUT", "/networks/net2", `{"subnet":"10.0.2.0/24"}`)
	if r.header.Get("Location") != "/networks/net2" || r.json(t)["name"] != "net2" {
		t.Errorf("Location %q, body %s", r.header.Get("Location"), r.body)
	}
	vni := r.json(t)["vni"]
	if r := a.must(200, "PUT", "/networks/net2", `{"subnet":"10.0.2.0/23","mtu":1400}`); r.json(t)["vni"] != vni {
		t.Errorf("the VNI %v was chosen anew: %s", vni, r.body)
	}
	a.refused(400, "name", "PUT", "/networks/net2", `{"name":"net3"}`)
	a.refused(412, "If-Match", "PUT", "/networks/other", `{}`, "If-Match", "*")
	a.refused(412, "If-Match", "PUT", "/networks/other", `{}`, "If-Match", `"0"`)
	a.must(404, "GET", "/networks/other", "")
}

func TestPreconditionsThatCannotBeKeptAreRefused(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", net1)
	a.refused(400, "If-Match", "POST", "/networks", net1, "If-Match", `"1"`)
	a.refused(400, "If-None-Match", "POST", "/networks", net1, "If-None-Match", "*")
	a.refused(400, "If-None-Match", "PUT", "/networks/net1", net1, "If-None-Match", "*")
	a.refused(400, "If-Match", "PUT", "/networks/net1", net1, "If-Match", "12")
	a.refused(400, "If-Match", "DELETE", "/networks/net1", "", "If-Match", `*, "1"`)
	a.refused(412, "If-Match", "DELETE", "/networks/net1", "", "If-Match", `"999999"`)
	tag := a.do("GET", "/networks/net1", "").header.Get("ETag")
	a.refused(412, "If-Match", "DELETE", "/networks/net1", "", "If-Match", "W/"+tag)
	a.must(204, "DELETE", "/networks/net1", "", "If-Match", tag)
}

func TestGetWithKnownTagIsNotModified(t *testing.T) {
	a := newAPI(t)
	tag := a.must(201, "POST", "/networks", net1).header.Get("ETag")
	for _, known := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		r := a.must(304, "GET", "/networks/net1", "", "If-None-Match", known)
		if r.body != "" || r.header.Get("ETag") != tag {
			t.Errorf("%s: body %q, ETag %q", known, r.body, r.header.Get("ETag"))
		}
	}
	a.must(200, "GET", "/networks/net1", "", "If-None-Match", `"999999"`)
	a.refused(400, "If-None-Match", "GET", "/networks/net1", "", "If-None-Match", "5")
}

func TestEndpoints(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", net1)
	r := a.must(201, "POST", "/networks/net1/endpoints", `{"id":"Doc1","name":"doc1","addresses":["10.0.1.10"]}`)
	if r.header.Get("Location") != "/endpoints/Doc1" || r.json(t)["network"] != "net1" || r.json(t)["state"] != "declared" {
		t.Errorf("Location %q, body %s", r.header.Get("Location"), r.body)
	}
	a.must(200, "POST", "/networks/net1/endpoints", `{"id":"Doc1","network":"net1","name":"doc1","addresses":["10.0.1.10"]}`)
	a.refused(400, "network", "POST", "/networks/net1/endpoints", `{"network":"net2"}`)
	a.refused(400, "id", "PUT", "/endpoints/Doc1", `{"id":"Doc2"}`)
	a.refused(404, "", "POST", "/networks/net9/endpoints", `{}`)
	a.must(200, "PUT", "/endpoints/Doc1", `{"network":"net1","name":"doc1","addresses":["10.0.1.11"]}`)
	a.must(201, "PUT", "/endpoints/Doc3", `{"network":"net1","addresses":["10.0.1.12"]}`)
	for _, path := range []string{"/endpoints", "/networks/net1/endpoints"} {
		if list := a.must(200, "GET", path, ""); strings.Count(list.body, `"id"`) != 2 || list.header.Get("Weft-Revision") == "" {
			t.Errorf("%s: %s, %v", path, list.body, list.header)
		}
	}
	a.refused(404, "", "GET", "/networks/net9/endpoints", "")
	a.refused(409, "", "DELETE", "/networks/net1", "")
	a.must(204, "DELETE", "/endpoints/Doc3", "")
	a.must(204, "DELETE", "/networks/net1?force=true", "")
	a.refused(404, "", "GET", "/endpoints/Doc1", "")
}

func TestListsAreNeverNull(t *testing.T) {
	a := newAPI(t)
	for _, path := range []string{"/networks", "/endpoints", "/hosts"} {
		if r := a.must(200, "GET", path, ""); r.body != "[]\n" {
			t.Errorf("%s: %q", path, r.body)
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	a := newAPI(t)
	r := a.must(200, "POST", "/networks?dryRun=true", net1)
	if o := r.json(t); o["name"] != "net1" || o["differences"] == nil {
		t.Errorf("body %s", r.body)
	}
	if r.header.Get("Location")+r.header.Get("ETag") != "" {
		t.Errorf("a dry run answers with Location %q and ETag %q", r.header.Get("Location"), r.header.Get("ETag"))
	}
	a.must(404, "GET", "/networks/net1", "")
	a.must(201, "POST", "/networks?dryRun=false", net1)
	if r := a.must(200, "DELETE", "/networks/net1?dryRun=true", ""); r.json(t)["differences"] == nil {
		t.Errorf("body %s", r.body)
	}
	if r := a.must(200, "PUT", "/networks/net1?dryRun=true", `{"mtu":1400}`); r.json(t)["differences"] == nil {
		t.Errorf("body %s", r.body)
	}
	a.must(200, "GET", "/networks/net1", "")
	a.refused(409, "vni", "POST", "/networks?dryRun=true", `{"name":"net2","vni":5000}`)
}

func TestWaitOnAWriteThatConcernsNoHost(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks?wait=installed&timeout=5s", net1)
	a.must(204, "DELETE", "/networks/net1?wait=installed", "")
}

func TestApplyIsAllOrNothing(t *testing.T) {
	a := newAPI(t)
	const good = `{"networks":[{"name":"red","subnet":"10.65.10.0/24"},{"name":"green","subnet":"10.65.10.0/24"}],"endpoints":[{"name":"one","network":"red"}]}`
	r := a.must(200, "POST", "/apply", good)
	if o := r.json(t); len(o["networks"].([]any)) != 2 || len(o["endpoints"].([]any)) != 1 || o["revision"] == nil || r.header.Get("Weft-Revision") == "" {
		t.Errorf("body %s, headers %v", r.body, r.header)
	}
	a.refused(400, "endpoints[1].network", "POST", "/apply", `{"networks":[{"name":"blue"}],"endpoints":[{"name":"two","network":"blue"},{"name":"three","network":"nowhere"}]}`)
	a.must(404, "GET", "/networks/blue", "")
	a.refused(400, "endpoints[0].addresses[0]", "POST", "/apply", `{"endpoints":[{"name":"two","network":"red","addresses":["10.65.11.1"]}]}`)
	a.refused(400, "prune", "POST", "/apply?prune=a%20b", good)
}

func TestHeadIsGetWithoutItsBody(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", net1)
	for _, path := range []string{"/networks", "/networks/net1", "/healthz", "/openapi.json", "/metrics", "/watch", "/networks/none"} {
		get := http.StatusOK
		if path == "/networks/none" {
			get = http.StatusNotFound
		}
		if r := a.must(get, "HEAD", path, ""); r.body != "" || r.header.Get("Content-Type") == "" {
			t.Errorf("%s: body %q, type %q", path, r.body, r.header.Get("Content-Type"))
		}
	}
}

func TestHostsThatAreNotThere(t *testing.T) {
	a := newAPI(t)
	for _, call := range []string{
		"GET /hosts/h", "DELETE /hosts/h", "POST /hosts/h/adopt", "GET /hosts/h/ports",
		"GET /hosts/h/flows", "GET /hosts/h/flows?installed=true", "GET /hosts/h/flows?diff=true",
	} {
		method, path, _ := strings.Cut(call, " ")
		a.refused(404, "", method, path, "")
	}
	a.refused(400, "diff", "GET", "/hosts/h/flows?installed=true&diff=true", "")
	a.refused(400, "name", "GET", "/hosts/a%2Fb", "")
}
