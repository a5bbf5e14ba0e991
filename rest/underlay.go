package rest

import (
	"net/http"

	"github.com/weft-sdn/weft/model"
)

func underlayRoutes() []route {
	const one = "/underlay"
	return []route{
		{http.MethodGet, one, "getUnderlay", "Show which hosts reach each other directly, and which of these links work", nil, nil, nil,
			[]answer{{status: 200, about: "the links as declared and as seen", body: model.Underlay{}}}, (*Server).getUnderlay},
		{http.MethodPut, one, "putUnderlay", "Say which hosts reach each other directly; all others are reached through these", nil, onWrite, model.Underlay{},
			[]answer{
				{status: 200, about: "changed, or this was a dry run", body: underlayAnswer{}},
				{status: 201, about: "declared", body: underlayAnswer{}},
			}, (*Server).putUnderlay},
		{http.MethodDelete, one, "deleteUnderlay", "Have all hosts reach each other directly again", nil, onWrite, nil,
			deleteAnswers, (*Server).deleteUnderlay},
	}
}

func (s *Server) getUnderlay(w http.ResponseWriter, r *request) error {
	u, err := s.controller.Underlay()
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(u.Revision))
	return writeJSON(w, http.StatusOK, u)
}

func (s *Server) putUnderlay(w http.ResponseWriter, r *request) error {
	var wanted model.Underlay
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	revision, err := ifMatch(r.Request, s.underlayRevision)
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.PutUnderlay(r.Context(), wanted, r.options(revision))
	return r.finish(w, write{
		location: "/underlay",
		revision: stored.Revision,
		outcome:  outcome,
		body:     underlayAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) deleteUnderlay(w http.ResponseWriter, r *request) error {
	revision, err := ifMatch(r.Request, s.underlayRevision)
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteUnderlay(r.Context(), r.options(revision))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) underlayRevision() (uint64, error) {
	u, err := s.controller.Underlay()
	return u.Revision, err
}
