package rest

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

// What writes answer: the object as it is now, or in a dry run as it would
// be, and then also what would change on the hosts.
type (
	networkAnswer struct {
		model.Network
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	endpointAnswer struct {
		model.Endpoint
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	routerAnswer struct {
		model.Router
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	forwardAnswer struct {
		model.Forward
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	nicAnswer struct {
		model.NIC
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	underlayAnswer struct {
		model.Underlay
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	documentAnswer struct {
		model.Document
		Revision    uint64                 `json:"revision,omitempty"`
		Differences []model.HostDifference `json:"differences,omitzero"`
	}
	deleteAnswer struct {
		Differences []model.HostDifference `json:"differences"`
	}
)

// revisionHeader is on lists, with the revision that the list includes at
// least, so that a watch can begin there without missing anything.
const revisionHeader = "Weft-Revision"

// A write is what became of one, ready to be answered.
type write struct {
	location string // the path of the object, "" when it is gone
	revision uint64 // of the object
	outcome  controller.Outcome
	body     any // nil: there is nothing to show
}

// differences returns what a dry run found, never nil for one.
func (r *request) differences(o controller.Outcome) []model.HostDifference {
	if r.query.dryRun && o.Differences == nil {
		return []model.HostDifference{}
	}
	return o.Differences
}

// finish answers a write. One that was not confirmed in time stands all the
// same, so its 504 says where the object is and which revision it has.
func (r *request) finish(w http.ResponseWriter, done write, err error) error {
	late := model.KindOf(err) == model.Timeout
	if err != nil && !late {
		return err
	}
	if done.location != "" && !r.query.dryRun {
		revision := done.revision
		if revision == 0 {
			revision = done.outcome.Revision
		}
		w.Header().Set("ETag", etag(revision))
		if done.outcome.Created {
			w.Header().Set("Location", done.location)
		}
	}
	switch {
	case late:
		problem, _ := problemOf(err)
		problem.Revision = done.outcome.Revision
		writeProblem(w, problem)
	case done.body == nil:
		w.WriteHeader(http.StatusNoContent)
	case done.outcome.Created && !r.query.dryRun:
		return writeJSON(w, http.StatusCreated, done.body)
	default:
		return writeJSON(w, http.StatusOK, done.body)
	}
	return nil
}

// finishDelete answers a DELETE.
func (r *request) finishDelete(w http.ResponseWriter, outcome controller.Outcome, err error) error {
	done := write{outcome: outcome}
	if r.query.dryRun {
		done.body = deleteAnswer{r.differences(outcome)}
	}
	return r.finish(w, done, err)
}

// options says to the controller what the request asks of its write.
func (r *request) options(ifMatch uint64) controller.WriteOptions {
	options := r.query.writeOptions()
	options.IfMatch = ifMatch
	return options
}

func (s *Server) writeList(w http.ResponseWriter, revision uint64, list any) error {
	w.Header().Set(revisionHeader, strconv.FormatUint(revision, 10))
	return writeJSON(w, http.StatusOK, list)
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	// An ETag is an object's revision, which counts what is wanted of it. What
	// is seen of it changes more often, so no cache may answer from an ETag.
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
	return nil
}

// orEmpty keeps a list without elements from becoming null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
