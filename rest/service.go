package rest

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weft-sdn/weft/model"
)

// newMetrics gathers the controller's metrics, those of the process, and one
// of ours: how long requests take. It returns what wraps the handler of an
// operation to measure it.
func (s *Server) newMetrics() (func(string, http.Handler) http.Handler, error) {
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "weft_rest_request_duration_seconds",
		Help:    "How long REST requests took, by operation, method and status.",
		Buckets: []float64{.001, .005, .025, .1, .5, 2.5, 10, 60},
	}, []string{"operation", "method", "code"})
	s.metrics = prometheus.NewRegistry()
	all := append(s.controller.Collectors(), durations, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, collector := range all {
		if err := s.metrics.Register(collector); err != nil {
			return nil, err
		}
	}
	return func(operation string, h http.Handler) http.Handler {
		if operation == "watch" {
			return h // lasts as long as its reader likes
		}
		return promhttp.InstrumentHandlerDuration(durations.MustCurryWith(prometheus.Labels{"operation": operation}), h)
	}, nil
}

func (s *Server) showMetrics(w http.ResponseWriter, r *request) error {
	promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}).ServeHTTP(w, r.Request)
	return nil
}

func (s *Server) health(w http.ResponseWriter, r *request) error {
	w.Header().Set("Content-Type", plainText+"; charset=utf-8")
	w.Write([]byte("ok\n"))
	return nil
}

func (s *Server) readiness(w http.ResponseWriter, r *request) error {
	readiness := s.controller.Ready()
	status := http.StatusOK
	if !readiness.Ready {
		status = http.StatusServiceUnavailable
	}
	return writeJSON(w, status, readiness)
}

func (s *Server) showDocument(w http.ResponseWriter, r *request) error {
	w.Header().Set("Content-Type", "application/json")
	w.Write(s.document)
	return nil
}

func (s *Server) explainCookie(w http.ResponseWriter, r *request) error {
	text := r.vars["cookie"]
	cookie, err := parseCookie(text)
	if err != nil {
		return model.Invalidf("cookie", "%q is not a cookie: use what ovs-ofctl prints after cookie=, such as 0x1000000038801", shorten(text))
	}
	return writeJSON(w, http.StatusOK, s.controller.Explain(cookie))
}

// parseCookie reads a cookie as ovs-ofctl prints it; without 0x it is decimal.
func parseCookie(text string) (uint64, error) {
	if digits, ok := strings.CutPrefix(strings.ToLower(text), "0x"); ok {
		return strconv.ParseUint(digits, 16, 64)
	}
	return strconv.ParseUint(text, 10, 64)
}

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }
