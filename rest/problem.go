package rest

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/weft-sdn/weft/model"
)

// Problem is the body of every refusal, in the form of RFC 9457. Revision is
// an extension member: what a write reached that was not confirmed in time.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Field    string `json:"field,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
}

// A sort of problem; the problem's type is a relative URI that GET explains.
type sort struct {
	slug    string
	title   string
	status  int
	meaning string
}

var (
	sortInvalid      = sort{"invalid", "The request is wrong", http.StatusBadRequest, "The request can never succeed as it is. The member named by field, where there is one, is what to change."}
	sortNotFound     = sort{"not-found", "No such object", http.StatusNotFound, "Nothing has that name or id, or the path is not one of the API's."}
	sortConflict     = sort{"conflict", "It contradicts what exists", http.StatusConflict, "Something else has the name, VNI, address or MAC already, or depends on what was to be deleted."}
	sortExhausted    = sort{"exhausted", "Nothing is left to give out", http.StatusConflict, "Every address or number of the range is in use. Free one, or widen the range."}
	sortPrecondition = sort{"precondition-failed", "The object has changed", http.StatusPreconditionFailed, "The object does not have the revision that If-Match demands. GET it again, apply the change to that, and send it with the new ETag."}
	sortGone         = sort{"gone", "The revision is too old", http.StatusGone, "The events after that revision are no longer kept. GET the objects, then watch from the revision in the Weft-Revision header."}
	sortUnavailable  = sort{"unavailable", "Not possible now", http.StatusServiceUnavailable, "The controller cannot do it at the moment. Nothing was changed; try again."}
	sortStorageFull  = sort{"storage-full", "The disk is full", http.StatusInsufficientStorage, "The controller could not store the change, and changed nothing. Make room in its data directory."}
	sortTimeout      = sort{"timeout", "Not confirmed in time", http.StatusGatewayTimeout, "The write stands and will be installed, but the hosts named in detail have not confirmed it within the timeout."}
	sortUnauthorized = sort{"unauthorized", "The token is missing or wrong", http.StatusUnauthorized, "Send the controller's token: Authorization: Bearer TOKEN."}
	sortForbidden    = sort{"forbidden", "Requests from other sites are refused", http.StatusForbidden, "A browser sent this for a page of another site. Any page that somebody opens could do that, so it is refused."}
	sortMisdirected  = sort{"misdirected", "Unknown host name", http.StatusMisdirectedRequest, "The Host header holds a name that is not the controller's, as after DNS rebinding. Use its address or localhost, or start it with --rest-name NAME."}
	sortNoMethod     = sort{"method-not-allowed", "Not possible on this path", http.StatusMethodNotAllowed, "The path exists, and the Allow header lists what can be done with it."}
	sortTooLarge     = sort{"too-large", "The body is too large", http.StatusRequestEntityTooLarge, "The body exceeds the limit that detail names."}
	sortMedia        = sort{"unsupported-media-type", "The body is not sent as JSON", http.StatusUnsupportedMediaType, "Bodies are JSON: send Content-Type: application/json, or none."}
	sortInternal     = sort{"internal", "The controller failed", http.StatusInternalServerError, "A mistake in the controller. Its log has the details."}
)

var sorts = []sort{
	sortInvalid, sortNotFound, sortConflict, sortExhausted, sortPrecondition, sortGone, sortUnavailable,
	sortStorageFull, sortTimeout, sortUnauthorized, sortForbidden, sortMisdirected, sortNoMethod,
	sortTooLarge, sortMedia, sortInternal,
}

var sortOf = map[model.Kind]sort{
	model.Invalid:            sortInvalid,
	model.NotFound:           sortNotFound,
	model.Conflict:           sortConflict,
	model.Exhausted:          sortExhausted,
	model.PreconditionFailed: sortPrecondition,
	model.Gone:               sortGone,
	model.Unavailable:        sortUnavailable,
	model.OutOfDisk:          sortStorageFull,
	model.Timeout:            sortTimeout,
}

// refusal is an error of HTTP's own, which the model has no word for.
type refusal struct {
	sort   sort
	field  string
	detail string
}

func (r *refusal) Error() string { return r.detail }

// problemOf words an error for the one who sent the request. It reports false
// when the error is none of ours, so that its text belongs into the log only.
func problemOf(err error) (Problem, bool) {
	var refused *refusal
	if errors.As(err, &refused) {
		return refused.sort.problem(refused.field, refused.detail), true
	}
	var known *model.Error
	if errors.As(err, &known) {
		if sort, ok := sortOf[known.Kind]; ok {
			return sort.problem(known.Field, known.Detail), true
		}
	}
	return sortInternal.problem("", "an unexpected error; the controller's log has it"), false
}

func (s sort) problem(field, detail string) Problem {
	return Problem{Type: "/problems/" + s.slug, Title: s.title, Status: s.status, Detail: detail, Field: field}
}

// fail answers a request with what went wrong.
func fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // nobody is there to read it
	}
	problem, ours := problemOf(err)
	if !ours {
		log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	writeProblem(w, problem)
}

func writeProblem(w http.ResponseWriter, p Problem) {
	body, _ := json.Marshal(p)
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	w.Write(append(body, '\n'))
}

// describeProblem is GET /problems/{sort}, where the types of problems lead.
func (s *Server) describeProblem(w http.ResponseWriter, r *request) error {
	for _, sort := range sorts {
		if sort.slug == r.vars["sort"] {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, err := w.Write([]byte(sort.title + " (" + http.StatusText(sort.status) + ")\n\n" + sort.meaning + "\n"))
			return err
		}
	}
	var known []string
	for _, sort := range sorts {
		known = append(known, sort.slug)
	}
	return model.Errorf(model.NotFound, "sort", "no such problem; there are %s", strings.Join(known, ", "))
}
