package rest

import (
	"net/http"

	"github.com/weft-sdn/weft/model"
)

func (s *Server) apply(w http.ResponseWriter, r *request) error {
	var wanted model.Document
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	stored, outcome, err := s.controller.Apply(r.Context(), wanted, r.options(w, 0))
	if err == nil {
		w.Header().Set(revisionHeader, decimal(outcome.Revision))
	}
	// A document has no path of its own: nothing is at any Location.
	outcome.Created = false
	return r.finish(w, write{
		outcome: outcome,
		body:    documentAnswer{stored, outcome.Revision, r.differences(outcome)},
	}, err)
}
