package rest

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/controller"
)

// api is a server with a real controller behind it.
type api struct {
	t      testing.TB
	url    string
	server *Server
}

func newAPI(t testing.TB, configure ...func(*Config)) *api {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	c, err := controller.Open(controller.Config{DataDir: filepath.Join(t.TempDir(), "data"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	config := Config{Controller: c, Log: quiet}
	for _, f := range configure {
		f(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.stop(); h.Close() })
	return &api{t, h.URL, s}
}

// reply is an answer, read to its end.
type reply struct {
	status  int
	header  http.Header
	body    string
	problem Problem
}

// do sends a request; headers are names and values in turn. A body is sent
// as curl -d sends it.
func (a *api) do(method, path, body string, headers ...string) reply {
	a.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	request, err := http.NewRequest(method, a.url+path, in)
	if err != nil {
		a.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			request.Host = headers[i+1]
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	// A redirect would be a mistake, and is not to be hidden.
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
	r := reply{status: response.StatusCode, header: response.Header, body: string(text)}
	if response.Header.Get("Content-Type") == "application/problem+json" && method != http.MethodHead {
		if err := json.Unmarshal(text, &r.problem); err != nil {
			a.t.Fatalf("%s %s: a problem that is not JSON: %v", method, path, err)
		}
	}
	return r
}

// must sends a request that has to be answered with a status.
func (a *api) must(status int, method, path, body string, headers ...string) reply {
	a.t.Helper()
	r := a.do(method, path, body, headers...)
	if r.status != status {
		a.t.Fatalf("%s %s %s: %d %s, want %d", method, path, body, r.status, r.body, status)
	}
	return r
}

// refused sends a request that has to be refused as a complete problem.
func (a *api) refused(status int, field, method, path, body string, headers ...string) reply {
	a.t.Helper()
	r := a.must(status, method, path, body, headers...)
	p := r.problem
	if p.Status != status || p.Title == "" || p.Detail == "" || !strings.HasPrefix(p.Type, "/problems/") {
		a.t.Errorf("%s %s: incomplete problem: %s", method, path, r.body)
	}
	if p.Field != field {
		a.t.Errorf("%s %s: field %q, want %q; detail: %s", method, path, p.Field, field, p.Detail)
	}
	return r
}

func (r reply) json(t *testing.T) map[string]any {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal([]byte(r.body), &object); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return object
}
