package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/mux"
)

func document(t *testing.T, a *api) map[string]any {
	t.Helper()
	return a.must(200, "GET", "/openapi.json", "").json(t)
}

func TestDocumentAndRouterAreEqual(t *testing.T) {
	a := newAPI(t)
	documented := map[string]bool{}
	for path, item := range document(t, a)["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			documented[strings.ToUpper(method)+" "+path] = true
		}
	}
	routed := map[string]bool{}
	pass := func(_ string, h http.Handler) http.Handler { return h }
	err := a.server.newRouter(routes(), pass).Walk(func(r *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := r.GetPathTemplate()
		if err != nil {
			return err
		}
		methods, err := r.GetMethods()
		for _, method := range methods {
			if method != http.MethodHead {
				routed[method+" "+path] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(documented, routed) {
		t.Errorf("documented %v\nrouted %v", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(routed)))
	}
	if len(routed) < 20 {
		t.Errorf("only %d calls", len(routed))
	}
}

func TestEveryDocumentedCallAnswers(t *testing.T) {
	const routed = `{"name":"net1","subnets":["10.0.1.0/24"],"gateway":{"mode":"snat"}}`
	const forward = `{"port":8080,"endpoint":"first"}`
	a := newAPI(t)
	fill := strings.NewReplacer("{name}", "net1", "{id}", "first", "{cookie}", "0x10", "{sort}", "conflict", "{interface}", "eth1")
	for i := range routes() {
		r := &routes()[i]
		a.do("PUT", "/networks/net1", routed)
		a.do("POST", "/networks/net1/endpoints", `{"id":"first","addresses":["10.0.1.10"]}`)
		a.do("PUT", "/routers/net1", `{}`)
		a.do("PUT", "/networks/net1/forwards/first", forward)
		body := ""
		if r.body != nil {
			body = "{}"
		}
		method, query := r.method, ""
		switch r.operation {
		case "createNetwork", "putNetwork":
			body = routed
		case "createRouter":
			body = `{"name":"r2","networks":["net1"]}`
		case "createForward", "putForward":
			body = forward
		case "deleteNetwork":
			query = "?force=true"
		case "trace":
			body = `{"from":"first","to":"10.0.1.1"}`
		case "watch":
			method = http.MethodHead // a GET has no end
		}
		got := a.do(method, fill.Replace(r.path)+query, body)
		// There is no host in this test; that is an answer of the call, too.
		if strings.HasPrefix(r.path, "/hosts/") && got.status == 404 && strings.Contains(got.problem.Detail, "host") {
			continue
		}
		// Nor does it gossip.
		if strings.HasPrefix(r.path, "/gossip") && got.status == 409 && strings.Contains(got.problem.Detail, "gossip") {
			continue
		}
		if r.operation == "trace" && got.status == 409 && strings.Contains(got.problem.Detail, "on no host") {
			continue
		}
		if r.path == "/underlay" && (got.status == 404 || got.status == 400) {
			continue // nor links, which are between hosts
		}
		if !r.has(got.status) {
			t.Errorf("%s: %d %s is not documented", r.operation, got.status, got.body)
		}
	}
}

func TestDocumentIsWholeAndUnambiguous(t *testing.T) {
	a := newAPI(t)
	d := document(t, a)
	schemas := d["components"].(map[string]any)["schemas"].(map[string]any)
	operations := map[string]bool{}
	for path, item := range d["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			id := o.(map[string]any)["operationId"].(string)
			if operations[id] {
				t.Errorf("operationId %s twice", id)
			}
			operations[id] = true
			if variables := strings.Count(path, "{"); variables > 0 {
				text, _ := json.Marshal(o)
				if strings.Count(string(text), `"in":"path"`) != variables {
					t.Errorf("%s %s: its variables are not documented", method, path)
				}
			}
		}
	}
	everyReference(d, func(name string) {
		if schemas[name] == nil {
			t.Errorf("reference to %s, which is not there", name)
		}
	})
	network := schemas["Network"].(map[string]any)
	if fmt.Sprint(network["required"]) != "[name endpoints]" {
		t.Errorf("required of a network: %v", network["required"])
	}
	properties := network["properties"].(map[string]any)
	if properties["revision"].(map[string]any)["readOnly"] != true || properties["vni"].(map[string]any)["readOnly"] != nil {
		t.Errorf("readOnly: %v", properties)
	}
	if properties["subnets"].(map[string]any)["items"].(map[string]any)["format"] != "cidr" {
		t.Errorf("subnets: %v", properties["subnets"])
	}
}

func everyReference(v any, visit func(name string)) {
	switch v := v.(type) {
	case map[string]any:
		if to, ok := v["$ref"].(string); ok {
			visit(strings.TrimPrefix(to, "#/components/schemas/"))
		}
		for _, child := range v {
			everyReference(child, visit)
		}
	case []any:
		for _, child := range v {
			everyReference(child, visit)
		}
	}
}

func TestMetricsTellOfRequestsByOperation(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", net1)
	a.must(409, "POST", "/networks", `{"name":"net1","vni":7}`)
	body := a.must(200, "GET", "/metrics", "").body
	for _, want := range []string{
		`weft_rest_request_duration_seconds_count{code="201",method="post",operation="createNetwork"} 1`,
		`weft_rest_request_duration_seconds_count{code="409",method="post",operation="createNetwork"} 1`,
		"go_goroutines", "process_open_fds",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
}
