package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/gorilla/mux"

	"github.com/weft-sdn/weft/model"
)

// newRouter makes the router from the table. observe wraps each handler with
// the measuring of its operation.
func (s *Server) newRouter(table []route, observe func(operation string, h http.Handler) http.Handler) *mux.Router {
	// Paths are matched as they came: a %2F is part of a name, which the name
	// is refused for, and never a redirect to another object.
	router := mux.NewRouter().UseEncodedPath().SkipClean(true)
	for i := range table {
		call := &table[i]
		router.Handle(call.path, observe(call.operation, s.serve(call))).Methods(call.methods()...).Name(call.operation)
	}
	router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, s.log, model.Errorf(model.NotFound, "", "no such path; GET /openapi.json lists what there is"))
	})
	router.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := strings.Join(allowedMethods(router, r), ", ")
		w.Header().Set("Allow", allowed)
		fail(w, r, s.log, &refusal{sortNoMethod, "", fmt.Sprintf("%s is not possible on this path; possible: %s", shorten(r.Method), allowed)})
	})
	return router
}

// allowedMethods lists what the path of a request can be asked for, which the
// Allow header must name with 405 (RFC 9110 section 15.5.6).
func allowedMethods(router *mux.Router, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		as := *r
		as.Method = method
		var match mux.RouteMatch
		if router.Match(&as, &match) && match.MatchErr == nil {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// A request is one that the router has found the call for, with its variable
// and query string read.
type request struct {
	*http.Request
	call  *route
	vars  map[string]string
	query query
}

// serve makes the handler of a call.
func (s *Server) serve(call *route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := read(call, r)
		if err == nil {
			err = call.serve(s, w, in)
		}
		if err != nil {
			fail(w, r, s.log, err)
		}
	})
}

func read(call *route, r *http.Request) (*request, error) {
	in := &request{Request: r, call: call, vars: map[string]string{}}
	for name, encoded := range mux.Vars(r) {
		value, err := url.PathUnescape(encoded)
		if err != nil {
			return nil, model.Invalidf(name, "cannot be read: %s", err)
		}
		if wrong := call.check(name, value); wrong != nil {
			return nil, wrong
		}
		in.vars[name] = value
	}
	var wrong *model.Error
	if in.query, wrong = parseQuery(r.URL.RawQuery, call.parameters); wrong != nil {
		return nil, wrong
	}
	switch r.Method {
	case http.MethodPost:
		return in, refuseConditions(r.Header, "If-Match", "If-None-Match")
	case http.MethodPut, http.MethodDelete:
		return in, refuseConditions(r.Header, "If-None-Match")
	}
	return in, nil
}

// checkHostName says whether name can be a host's. Hosts name themselves, so
// that only what cannot be in a path is refused.
func checkHostName(field, name string) *model.Error {
	if strings.Contains(name, "/") || strings.ContainsFunc(name, unicode.IsControl) || len(name) > 253 {
		return model.Invalidf(field, "%q is not the name of a host: it holds a slash or a control character, or is longer than 253", shorten(name))
	}
	return nil
}

// checkWord is for variables whose values the call itself looks up.
func checkWord(string, string) *model.Error { return nil }

// guard lets requests in and catches what goes wrong behind it: one request's
// panic must not end the others.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch reason := recover(); reason {
			case nil:
			case http.ErrAbortHandler:
				panic(reason)
			default:
				s.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", reason, "stack", string(debug.Stack()))
				writeProblem(w, sortInternal.problem("", "the controller made a mistake with this request; its log has the details"))
			}
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if err := s.doors.check(r); err != nil {
			if problem, _ := problemOf(err); problem.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="weft"`)
			}
			fail(w, r, s.log, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
