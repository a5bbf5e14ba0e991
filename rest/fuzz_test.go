package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/internal/mutate"
	"github.com/weft-sdn/weft/model"
)

// checkDecode holds decode to encoding/json: it never panics, it accepts only
// what that accepts, and reads the same from it.
func checkDecode(t testing.TB, body []byte) {
	var ours, theirs model.Document
	if err := decode(body, &ours); err != nil {
		if err.Kind != model.Invalid || err.Detail == "" {
			t.Fatalf("refused without a reason: %#v", err)
		}
		return
	}
	strict := json.NewDecoder(bytes.NewReader(body))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&theirs); err != nil {
		// What is ignored may hold anything, as long as it is JSON.
		if json.Valid(body) && strings.Contains(err.Error(), "json:") {
			return
		}
		t.Fatalf("accepted %q: %v", body, err)
	}
	forgetReadOnly(&theirs)
	if a, b := mustJSON(t, ours), mustJSON(t, theirs); a != b {
		t.Fatalf("%q: %s, encoding/json reads %s", body, a, b)
	}
}

func forgetReadOnly(d *model.Document) {
	for i := range d.Networks {
		n := &d.Networks[i]
		n.Endpoints, n.MTULimit, n.Conditions, n.Revision = 0, nil, nil, 0
	}
	for i := range d.Endpoints {
		e := &d.Endpoints[i]
		e.Prefixes, e.Gateway, e.MTU, e.Location, e.State, e.Conditions, e.Revision = nil, nil, 0, "", "", nil, 0
	}
	for i := range d.Routers {
		d.Routers[i].Conditions, d.Routers[i].Revision = nil, 0
	}
	for i := range d.Forwards {
		d.Forwards[i].Conditions, d.Forwards[i].Revision = nil, 0
	}
}

func mustJSON(t testing.TB, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func bodies() mutate.Corpus {
	return mutate.Corpus{
		[]byte(`{"networks":[{"name":"net1","subnets":["10.0.1.0/24"],"vni":5000,"gateway":{"mode":"snat","hosts":["h"],"hostAccess":true}}]}`),
		[]byte(`{"endpoints":[{"id":"A","mac":"02:42:0a:00:01:0a","addresses":["10.0.1.10","2001:db8::1"],"revision":7,"conditions":[{"type":"x"}]}]}`),
		[]byte(`{"routers":[{"name":"r","networks":null},{"name":"r2","networks":["net1","net2"],"revision":7,"conditions":[{}]}]}`),
		[]byte(`{"forwards":[{"id":"web","network":"net1","address":"192.0.2.1","port":8080,"protocol":"udp","endpoint":"A","endpointPort":80,"revision":7},{"address":"x","port":0}]}`),
		[]byte(`{"networks":[{"mtuLimit":{"mtu":"x"}}]}`), []byte(`{}{}`), []byte(`[[[[`), []byte(`{"a":{"a":{"a":`),
		[]byte(`{"networks":[{"vni":1e99}]}`), []byte("\"\\ud800\""), []byte("{\"\x00\":1}"),
	}
}

// requests are whole requests: method, path and query in the first line, then
// the body.
func requests() mutate.Corpus {
	var c mutate.Corpus
	for _, text := range []string{
		"POST /networks\n" + `{"name":"net1","subnets":["10.0.1.0/24","2001:db8:1::/64"],"vni":5000,"gateway":{"addresses":["10.0.1.1"],"mode":"none"},"mtu":1450,"encap":"vxlan"}`,
		"POST /networks\n" + `{"name":"net2","subnet":"10.0.1.0/24","unknown":"flood"}`,
		"PUT /networks/net1?dryRun=true\n" + `{"subnets":["10.0.1.0/25"]}`,
		"POST /networks/net1/endpoints\n" + `{"id":"e1","name":"doc1","addresses":["10.0.1.10"],"mac":"02:42:0a:00:01:0a","container":"doc1","interface":"eth0","host":"host1"}`,
		"POST /networks/net1/endpoints?wait=installed&timeout=1s\n{}",
		"PUT /endpoints/e1\n" + `{"network":"net1","addresses":["10.0.1.11","2001:db8:1::11"]}`,
		"POST /apply?prune=here\n" + `{"networks":[{"name":"a","subnets":["10.1.0.0/16"]},{"name":"b"}],"endpoints":[{"id":"x","network":"a","name":"n"},{"network":"b","mac":"02:00:00:00:00:01"}]}`,
		"POST /networks\n" + `{"name":"net3","subnets":["10.0.3.0/24","2001:db8:3::/64"],"gateway":{"addresses":["10.0.3.1"],"mode":"snat","hosts":["h","g"],"hostAccess":true}}`,
		"POST /networks/net3/endpoints\n" + `{"id":"e3"}`,
		"POST /routers\n" + `{"name":"r1","networks":["net3"]}`, "PUT /routers/r1\n" + `{"networks":["net3","net1"]}`, "DELETE /routers/r1\n", "GET /routers\n",
		"POST /networks/net3/forwards\n" + `{"port":8080,"endpoint":"e3","endpointPort":80}`,
		"PUT /networks/net3/forwards/web\n" + `{"address":"2001:db8::1","port":53,"protocol":"udp","endpoint":"e3"}`, "DELETE /networks/net3/forwards/web\n", "GET /forwards\n",
		"POST /apply?prune=there\n" + `{"networks":[{"name":"a","subnet":"10.1.0.0/16","gateway":{"mode":"routed"}}],"endpoints":[{"id":"x","network":"a"}],"routers":[{"name":"r2","networks":["a"]}],"forwards":[{"network":"a","port":80,"endpoint":"x"}]}`,
		"PUT /hosts/h/ports/eth1\n" + `{"network":"net1","vlan":7}`, "DELETE /hosts/h/ports/eth1\n", "POST /hosts/h/drain?force=true\n", "DELETE /hosts/h/drain\n",
		"DELETE /networks/net2?force=true\n", "DELETE /endpoints/e1\n", "DELETE /hosts/h\n", "POST /hosts/h/adopt\n",
		"POST /trace\n" + `{"from":"doc1","to":"10.0.1.11","network":"net1","proto":"tcp","port":80}`,
		"GET /networks/net1\n", "GET /endpoints\n", "GET /hosts/h/flows?diff=true\n", "GET /cookies/0x4000000700000000\n", "GET /openapi.json\n",
	} {
		c = append(c, []byte(text))
	}
	return c
}

// checkRequest sends a request to a controller: whatever it is, it is answered,
// and with no mistake of ours. It returns the status, or 0 of what is no request.
func (a *api) checkRequest(t testing.TB, text []byte) int {
	line, body, _ := bytes.Cut(text, []byte("\n"))
	method, target, _ := strings.Cut(string(line), " ")
	r, err := http.NewRequest(method, "http://localhost", bytes.NewReader(body))
	if err != nil {
		return 0
	}
	if r.URL, err = r.URL.Parse(target); err != nil || r.URL.Host != "localhost" {
		return 0
	}
	// A watch lasts as long as its reader likes, who goes away here as clients do.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	defer time.AfterFunc(time.Second, cancel).Stop()
	w := httptest.NewRecorder()
	a.server.Handler().ServeHTTP(w, r.WithContext(ctx))
	if w.Code >= http.StatusInternalServerError && r.URL.Path != "/readyz" {
		t.Errorf("%q: %d %s", text, w.Code, w.Body)
	}
	if w.Code >= http.StatusBadRequest && method != http.MethodHead && !json.Valid(w.Body.Bytes()) {
		t.Errorf("%q: %d with a problem that is not JSON: %q", text, w.Code, w.Body)
	}
	return w.Code
}

// checkBody sends a body to where it may belong.
func (a *api) checkBody(t testing.TB, body []byte) int {
	to := "POST /networks/net1/endpoints"
	switch {
	case bytes.Contains(body, []byte(`"networks":["`)):
		to = "PUT /routers/r9"
	case bytes.Contains(body, []byte(`"networks"`)), bytes.Contains(body, []byte(`"endpoints"`)), bytes.Contains(body, []byte(`"forwards"`)):
		to = "POST /apply?prune=mutants"
	case bytes.Contains(body, []byte(`"vlan"`)):
		to = "PUT /hosts/h/ports/eth9"
	case bytes.Contains(body, []byte(`"endpoint"`)):
		to = "PUT /networks/net1/forwards/f9"
	case bytes.Contains(body, []byte(`"subnet`)):
		to = "PUT /networks/net9"
	case bytes.Contains(body, []byte(`"from"`)):
		to = "POST /trace"
	case bytes.Contains(body, []byte(`"network"`)):
		to = "PUT /endpoints/e9"
	}
	return a.checkRequest(t, append([]byte(to+"\n"), body...))
}

func requestBodies() mutate.Corpus {
	c := bodies()
	for _, text := range requests() {
		_, body, _ := bytes.Cut(text, []byte("\n"))
		c = append(c, body)
	}
	return c
}

func FuzzDecode(f *testing.F) {
	bodies().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkDecode(t, b) })
}

func FuzzRequest(f *testing.F) {
	requests().Seed(f)
	a := newAPI(f)
	f.Fuzz(func(t *testing.T, b []byte) { a.checkRequest(t, b) })
}

func FuzzBody(f *testing.F) {
	requestBodies().Seed(f)
	a := newAPI(f)
	a.must(201, "POST", "/networks", `{"name":"net1","subnets":["10.0.1.0/24"],"gateway":{"mode":"snat"}}`)
	f.Fuzz(func(t *testing.T, b []byte) { a.checkBody(t, b) })
}

func TestMutants(t *testing.T) {
	t.Run("FuzzDecode", func(t *testing.T) { bodies().Saved(t, "FuzzDecode").Check(t, checkDecode) })
	for target, c := range map[string]struct {
		corpus mutate.Corpus
		check  func(*api, testing.TB, []byte) int
	}{
		"FuzzRequest": {requests(), (*api).checkRequest},
		"FuzzBody":    {requestBodies(), (*api).checkBody},
	} {
		t.Run(target, func(t *testing.T) {
			a := newAPI(t)
			a.must(201, "POST", "/networks", `{"name":"net1","subnets":["10.0.1.0/24"]}`)
			answers := map[int]int{}
			c.corpus.Saved(t, target).CheckPart(t, 2, func(t testing.TB, b []byte) { answers[c.check(a, t, b)/100]++ })
			t.Logf("answers by hundreds of their status: %v", answers)
			if answers[2] < 10 || answers[4] < 10 {
				t.Error("nearly all go one way")
			}
			a.must(201, "PUT", "/networks/after", `{}`) // nothing broke
		})
	}
}

// What a body may make us allocate is in proportion to its length, also where
// all of it is wrong.
func TestMemoryIsInProportionToWhatIsSent(t *testing.T) {
	const factor, fixed = 400, 64 << 10 // counted while slices grow, and before anything is freed
	many := func(before, piece, after string) []byte {
		return []byte(before + strings.Repeat(piece+",", 5000) + piece + after)
	}
	corpus := append(bodies(),
		many(`{"networks":[`, `{}`, `]}`), many(`{"networks":[{"subnets":[`, `""`, `]}]}`), many(`{"endpoints":[`, `{"id":""}`, `]}`),
		many(`{"endpoints":[{"conditions":[`, `1`, `]}]}`), many(`{`, `"a":1`, `}`),
		[]byte(strings.Repeat(`[`, 20_000)), []byte(strings.Repeat(`{"a":`, 9_000)))
	corpus.Bounded(t, factor, fixed, func(b []byte) {
		var d model.Document
		_ = decode(b, &d)
	})
}

func TestALongListOfNothingIsRefusedBeforeItFillsTheMemory(t *testing.T) {
	text := func(n int) []byte { return []byte(`{"networks":[{}` + strings.Repeat(`,{}`, n-1) + `]}`) }
	var d model.Document
	if err := decode(text(maxElements), &d); err != nil || len(d.Networks) != maxElements {
		t.Errorf("%d networks, %v", len(d.Networks), err)
	}
	if err := decode(text(maxElements+1), &d); err == nil || err.Field != "networks" {
		t.Errorf("one more: %v", err)
	}
}

// heap is what is in use when nothing is garbage.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Requests that are refused, or only tried, leave nothing behind.
func TestRefusedRequestsLeaveNothingInMemory(t *testing.T) {
	a := newAPI(t)
	a.must(201, "POST", "/networks", `{"name":"net1","subnets":["10.0.0.0/8"]}`)
	ask := func(n int) {
		for range n {
			a.checkRequest(t, []byte("POST /networks/net1/endpoints?dryRun=true\n{}"))
			a.checkRequest(t, []byte("POST /apply?dryRun=true\n"+`{"networks":[{"name":"a","subnets":["10.1.0.0/16"]}],"endpoints":[{"network":"a"},{"network":"net1"}]}`))
			a.checkRequest(t, []byte("POST /networks/net1/endpoints\n"+`{"addresses":["11.0.0.1"]}`))
			a.checkRequest(t, []byte("POST /networks/nowhere/endpoints\n{}"))
		}
	}
	ask(200)
	before, goroutines := heap(), runtime.NumGoroutine()
	ask(1000)
	if after := heap(); after > before+1<<20 {
		t.Errorf("%d bytes before 4000 requests, %d after", before, after)
	}
	if n := runtime.NumGoroutine(); n > goroutines+5 {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
}
