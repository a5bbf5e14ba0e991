package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/weft-sdn/weft/internal/mutate"
	"github.com/weft-sdn/weft/model"
)

// answering returns a client of a server that always answers the same, and
// what it was asked last.
func answering(t *testing.T, status int, header http.Header, body string) (*Client, *http.Request) {
	t.Helper()
	last := &http.Request{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*last = *r.Clone(context.Background())
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{Server: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c, last
}

func TestAddressesOfControllers(t *testing.T) {
	for given, want := range map[string]string{
		"":                          DefaultServer,
		"192.0.2.1:8181":            "http://192.0.2.1:8181",
		"http://weft.example/":      "http://weft.example",
		"https://weft.example/base": "https://weft.example/base",
	} {
		c, err := New(Config{Server: given})
		if err != nil || c.base.String() != want {
			t.Errorf("%q: %v, %v, want %s", given, c, err, want)
		}
	}
	for _, given := range []string{"ftp://weft.example", "http://", "://", "http://a b"} {
		if _, err := New(Config{Server: given}); err == nil {
			t.Errorf("%q is accepted", given)
		}
	}
}

func TestNamesStaySegmentsOfTheirPath(t *testing.T) {
	c, last := answering(t, 200, nil, `{"name":"x"}`)
	if _, err := c.Host(t.Context(), "a/b?c#d%41 é"); err != nil {
		t.Fatal(err)
	}
	if got, want := last.URL.EscapedPath(), "/hosts/a%2Fb%3Fc%23d%2541%20%C3%A9"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	for _, name := range []string{"", ".", ".."} {
		if _, err := c.DeleteNetwork(t.Context(), name, WriteOptions{}); model.KindOf(err) != model.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestWriteOptionsAreAskedFor(t *testing.T) {
	c, last := answering(t, 204, nil, "")
	_, err := c.DeleteNetwork(t.Context(), "net1", WriteOptions{Wait: true, Timeout: 1500 * time.Millisecond, IfMatch: 7, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := last.URL.RawQuery, "force=true&timeout=1.5s&wait=installed"; got != want {
		t.Errorf("query %s, want %s", got, want)
	}
	if got := last.Header.Get("If-Match"); got != `"7"` {
		t.Errorf("If-Match %s", got)
	}
}

func TestAnUnconfirmedWriteHasItsOutcome(t *testing.T) {
	c, _ := answering(t, 504, http.Header{"Location": {"/networks/net1"}},
		`{"type":"/problems/timeout","status":504,"detail":"host1 does not answer","revision":7}`)
	_, outcome, err := c.CreateNetwork(t.Context(), model.Network{Name: "net1"}, WriteOptions{Wait: true})
	if model.KindOf(err) != model.Timeout || err.Error() != "host1 does not answer" {
		t.Errorf("error %v", err)
	}
	if !outcome.Created || outcome.Revision != 7 {
		t.Errorf("outcome %+v", outcome)
	}
}

func TestADryRunTellsItsDifferences(t *testing.T) {
	c, last := answering(t, 200, nil, `{"name":"net1","vni":9,"endpoints":0,"differences":[{"host":"host1","lines":["+ x"]}]}`)
	network, outcome, err := c.PutNetwork(t.Context(), model.Network{Name: "net1"}, WriteOptions{DryRun: true})
	if err != nil || network.VNI != 9 || len(outcome.Differences) != 1 || outcome.Differences[0].Host != "host1" {
		t.Errorf("%+v, %+v, %v", network, outcome, err)
	}
	if last.URL.RawQuery != "dryRun=true" {
		t.Errorf("query %s", last.URL.RawQuery)
	}
}

func TestNotReadyIsAnAnswer(t *testing.T) {
	c, _ := answering(t, 503, nil, `{"ready":false,"hosts":["host1 is away"]}`)
	readiness, err := c.Ready(t.Context())
	if err != nil || readiness.Ready || len(readiness.Hosts) != 1 {
		t.Errorf("%+v, %v", readiness, err)
	}
}

func TestAnswersOfOtherServersAreSaidToBeThat(t *testing.T) {
	for _, status := range []int{200, 404, 502} {
		c, _ := answering(t, status, nil, "<html>")
		if _, err := c.Networks(t.Context()); err == nil || !strings.Contains(err.Error(), "Weft controller") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	c, err := New(Config{Server: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Networks(t.Context()); !errors.Is(err, ErrUnreachable) || strings.Count(err.Error(), "127.0.0.1:1") != 2 {
		t.Errorf("%v", err)
	}
}

func TestEventsAreReadHoweverTheyArrive(t *testing.T) {
	stream := ": a comment\n\n" +
		"id: 4\nevent: put\ndata: {\"revision\":4,\"type\":\"put\",\"kind\":\"network\",\ndata: \"name\":\"net1\",\"object\":{\"name\":\"net1\"}}\n\n" +
		"id: 5\r\nevent: delete\r\ndata:{\"revision\":5,\"type\":\"delete\",\"kind\":\"host\",\"name\":\"h\"}\r\n\r\n" +
		"\n: cut off\ndata: {\"revision\":6"
	var got []model.Event
	err := readEvents(iotest.OneByteReader(strings.NewReader(stream)), func(e model.Event) bool { got = append(got, e); return true })
	if !errors.Is(err, ErrWatchEnded) {
		t.Errorf("ends with %v", err)
	}
	if len(got) != 2 || got[0].Revision != 4 || got[1].Name != "h" || got[1].Object != nil {
		t.Fatalf("%+v", got)
	}
	if n, ok := got[0].Object.(model.Network); !ok || n.Name != "net1" {
		t.Errorf("object %#v", got[0].Object)
	}
}

func checkEvents(t testing.TB, stream []byte) {
	n := 0
	err := readEvents(bytes.NewReader(stream), func(e model.Event) bool {
		n++
		return n < 3
	})
	if (err == nil) != (n == 3) {
		t.Errorf("%d events, then %v", n, err)
	}
}

func events() mutate.Corpus {
	return mutate.Corpus{
		[]byte("id: 4\nevent: put\ndata: {\"revision\":4,\"kind\":\"endpoint\",\"object\":{\"mac\":\"x\"}}\n\n"),
		[]byte("data: {\"revision\":5,\ndata:  \"kind\":\"network\",\"object\":{\"name\":\"net1\",\"subnets\":[\"10.0.1.0/24\"]}}\r\n\r\n: heartbeat\n\n"),
		[]byte("data\ndata:\n\n\r\n:"),
	}
}

func FuzzReadEvents(f *testing.F) {
	events().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkEvents(t, b) })
}

func TestMutants(t *testing.T) { events().Saved(t, "FuzzReadEvents").Check(t, checkEvents) }

func TestAnEventHasAnEnd(t *testing.T) {
	for name, piece := range map[string]string{"a line": "x", "many lines": "data: x\n"} {
		endless := io.MultiReader(strings.NewReader("data: "), &repeating{text: piece})
		if err := readEvents(endless, func(model.Event) bool { return true }); err == nil || errors.Is(err, ErrWatchEnded) {
			t.Errorf("%s without end: %v", name, err)
		}
	}
}

// repeating is a stream that says the same for ever.
type repeating struct {
	text string
	at   int
}

func (r *repeating) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = r.text[r.at%len(r.text)]
		r.at++
	}
	return len(b), nil
}
