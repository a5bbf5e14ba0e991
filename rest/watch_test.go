package rest

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// watching opens a watch and returns its lines, which end when it does.
func (a *api) watching(path string, headers ...string) *bufio.Scanner {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 20*time.Second)
	a.t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, "GET", a.url+path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		a.t.Fatalf("%s: %s, %s", path, response.Status, response.Header.Get("Content-Type"))
	}
	return bufio.NewScanner(response.Body)
}

// event reads up to the next event's end and returns its lines.
func event(t *testing.T, lines *bufio.Scanner) []string {
	t.Helper()
	var event []string
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, ":"):
		case line != "":
			event = append(event, line)
		case len(event) > 0:
			return event
		}
	}
	t.Fatalf("the watch ended: %v", lines.Err())
	return nil
}

func TestWatchTellsChangesAsServerSentEvents(t *testing.T) {
	a := newAPI(t)
	lines := a.watching("/watch")
	tag := a.must(201, "POST", "/networks", net1).header.Get("ETag")
	revision := strings.Trim(tag, `"`)
	got := event(t, lines)
	if len(got) != 3 || got[0] != "id: "+revision || got[1] != "event: put" ||
		!strings.HasPrefix(got[2], `data: {"revision":`+revision+`,"type":"put","kind":"network","name":"net1","object":{"name":"net1"`) {
		t.Errorf("%q", got)
	}
	a.must(204, "DELETE", "/networks/net1", "")
	if got := event(t, lines); len(got) != 3 || got[1] != "event: delete" || !strings.Contains(got[2], `"name":"net1"`) {
		t.Errorf("%q", got)
	}
}

func TestWatchGoesOnFromARevision(t *testing.T) {
	a := newAPI(t)
	first := strings.Trim(a.must(201, "POST", "/networks", `{"name":"one"}`).header.Get("ETag"), `"`)
	second := strings.Trim(a.must(201, "POST", "/networks", `{"name":"two"}`).header.Get("ETag"), `"`)
	if got := event(t, a.watching("/watch?since="+first)); got[0] != "id: "+second {
		t.Errorf("since %s: %q", first, got)
	}
	// What the header says is newer than the address, which stays the same
	// when a browser comes back.
	a.must(201, "POST", "/networks", `{"name":"three"}`)
	if got := event(t, a.watching("/watch?since="+first, "Last-Event-ID", second)); !strings.Contains(got[2], "three") {
		t.Errorf("Last-Event-ID %s: %q", second, got)
	}
	a.refused(400, "Last-Event-ID", "GET", "/watch", "", "Last-Event-ID", "x")
}

func TestASilentWatchHasHeartbeats(t *testing.T) {
	a := newAPI(t, func(c *Config) { c.Heartbeat = 5 * time.Millisecond })
	lines := a.watching("/watch")
	for beats := 0; beats < 3; {
		if !lines.Scan() {
			t.Fatal("the watch ended")
		}
		if lines.Text() == ": heartbeat" {
			beats++
		}
	}
}

func TestAWatchOutlastsTheLimitsOfOtherAnswers(t *testing.T) {
	const limit = 50 * time.Millisecond
	a := newAPI(t, func(c *Config) { c.Heartbeat = limit })
	h := httptest.NewUnstartedServer(a.server.Handler())
	h.Config.ReadTimeout, h.Config.WriteTimeout = limit, limit
	h.Start()
	t.Cleanup(h.Close)
	a.url = h.URL
	lines := a.watching("/watch")
	for beats := 0; beats < 4; {
		if !lines.Scan() {
			t.Fatalf("cut off after %d heartbeats: %v", beats, lines.Err())
		}
		if lines.Text() == ": heartbeat" {
			beats++
		}
	}
	a.server.stop()
}

func TestWatchesEndWhenTheServerStops(t *testing.T) {
	a := newAPI(t)
	lines := a.watching("/watch")
	a.server.stop()
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Errorf("not ended but cut off: %v", lines.Err())
	}
}

func TestTheClientWatchesAndKnowsTheObjects(t *testing.T) {
	a := newAPI(t)
	c, err := client.New(client.Config{Server: a.url})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	a.must(201, "POST", "/networks", net1)
	a.must(201, "POST", "/networks/net1/endpoints", `{"id":"first"}`)
	var seen []string
	for event, err := range c.Watch(ctx, 0) {
		if err != nil {
			t.Fatal(err)
		}
		switch o := event.Object.(type) {
		case model.Network:
			seen = append(seen, "network "+o.Name)
		case model.Endpoint:
			seen = append(seen, "endpoint "+o.ID)
			a.must(204, "DELETE", "/endpoints/first", "")
		case nil:
			seen = append(seen, event.Type+" "+event.Name)
		}
		if event.Type == "delete" {
			break
		}
	}
	for _, want := range []string{"network net1", "endpoint first", "delete first"} {
		if !slices.Contains(seen, want) {
			t.Errorf("no %q in %q", want, seen)
		}
	}
	a.server.stop()
	for _, err = range c.Watch(ctx, 0) {
	}
	if !errors.Is(err, client.ErrWatchEnded) {
		t.Errorf("a watch that the server ends: %v", err)
	}
}

// stuck is a connection whose other end does not read.
type stuck struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stuck) SetWriteDeadline(at time.Time) error { s.deadline = at; return nil }
func (s *stuck) Write([]byte) (int, error)           { return 0, os.ErrDeadlineExceeded }

func TestAWatcherThatDoesNotReadIsDropped(t *testing.T) {
	a := newAPI(t)
	w := &stuck{ResponseRecorder: httptest.NewRecorder()}
	begun := time.Now()
	// It returns although events would go on for ever.
	a.server.stream(stream{w, http.NewResponseController(w)}, make(chan model.Event))
	if limit := w.deadline.Sub(begun); limit <= 0 || limit > time.Minute {
		t.Errorf("it may take %v to accept an event", limit)
	}
}
