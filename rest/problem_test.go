package rest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func TestEveryKindOfErrorSurvivesTheTripToTheClient(t *testing.T) {
	for kind := model.Invalid; kind <= model.Timeout; kind++ {
		want := &model.Error{Kind: kind, Field: "endpoints[3].mac", Detail: "a sentence"}
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fail(w, r, slog.New(slog.DiscardHandler), fmt.Errorf("wrapped: %w", want))
		}))
		c, err := client.New(client.Config{Server: h.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Network(t.Context(), "net1")
		h.Close()
		var got *model.Error
		if !errors.As(err, &got) || *got != *want {
			t.Errorf("kind %d: got %#v", kind, err)
		}
	}
}

func TestTheTextOfUnexpectedErrorsStaysInTheLog(t *testing.T) {
	var log strings.Builder
	w := httptest.NewRecorder()
	fail(w, httptest.NewRequest("GET", "/networks", nil), slog.New(slog.NewTextHandler(&log, nil)), errors.New("open /var/lib/weft: secret"))
	if w.Code != 500 || strings.Contains(w.Body.String(), "secret") || !strings.Contains(log.String(), "secret") {
		t.Errorf("%d %s, logged %s", w.Code, w.Body, log.String())
	}
}

func TestAPanicIsAProblemAndEndsOneRequestOnly(t *testing.T) {
	a := newAPI(t)
	var log strings.Builder
	a.server.log = slog.New(slog.NewTextHandler(&log, nil))
	h := httptest.NewServer(a.server.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a mistake") })))
	defer h.Close()
	broken := &api{t, h.URL, a.server}
	broken.refused(500, "", "GET", "/networks", "")
	broken.refused(500, "", "GET", "/networks", "")
	if !strings.Contains(log.String(), "a mistake") || !strings.Contains(log.String(), "problem_test.go") {
		t.Errorf("logged without what or where: %s", log.String())
	}
}

func TestTypesOfProblemsLeadSomewhere(t *testing.T) {
	a := newAPI(t)
	for _, sort := range sorts {
		if r := a.must(200, "GET", sort.problem("", "").Type, ""); !strings.Contains(r.body, sort.title) {
			t.Errorf("%s: %s", sort.slug, r.body)
		}
	}
}

func TestAWriteThatIsNotConfirmedInTimeStands(t *testing.T) {
	w := httptest.NewRecorder()
	r := &request{Request: httptest.NewRequest("POST", "/networks", nil)}
	done := write{location: "/networks/net1", revision: 7}
	done.outcome.Created, done.outcome.Revision = true, 7
	if err := r.finish(w, done, model.Errorf(model.Timeout, "", "not confirmed by host1")); err != nil {
		t.Fatal(err)
	}
	if w.Code != 504 || w.Header().Get("ETag") != `"7"` || w.Header().Get("Location") != "/networks/net1" {
		t.Errorf("%d, %v", w.Code, w.Header())
	}
	if body := w.Body.String(); !strings.Contains(body, `"revision":7`) || !strings.Contains(body, "host1") {
		t.Errorf("body %s", body)
	}
}
