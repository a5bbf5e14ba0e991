package rest

import (
	"net/http"
	"net/url"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

func forwardRoutes() []route {
	const all, ofNetwork, one = "/forwards", "/networks/{name}/forwards", "/networks/{name}/forwards/{id}"
	return []route{
		{http.MethodGet, all, "listForwards", "List the forwards of all networks", nil, nil, nil,
			[]answer{{status: 200, about: "the forwards", body: []model.Forward{}}}, (*Server).listForwards},
		{http.MethodGet, ofNetwork, "listNetworkForwards", "List the forwards of a network", model.CheckName, nil, nil,
			[]answer{{status: 200, about: "the forwards", body: []model.Forward{}}}, (*Server).listForwards},
		{http.MethodPost, ofNetwork, "createForward", "Lead a port of the network's gateway hosts to an endpoint; the same again is no change", model.CheckName, onWrite, model.Forward{},
			[]answer{
				{status: 201, about: "created", body: forwardAnswer{}},
				{status: 200, about: "it was there already, or this was a dry run", body: forwardAnswer{}},
			}, (*Server).createForward},
		{http.MethodGet, one, "getForward", "Show a forward", checkForwardVariable, nil, nil,
			[]answer{{status: 200, about: "the forward", body: model.Forward{}}}, (*Server).getForward},
		{http.MethodPut, one, "putForward", "Create or change a forward", checkForwardVariable, onWrite, model.Forward{},
			[]answer{
				{status: 200, about: "changed, or this was a dry run", body: forwardAnswer{}},
				{status: 201, about: "created", body: forwardAnswer{}},
			}, (*Server).putForward},
		{http.MethodDelete, one, "deleteForward", "Delete a forward", checkForwardVariable, onWrite, nil,
			deleteAnswers, (*Server).deleteForward},
	}
}

func checkForwardVariable(field, value string) *model.Error {
	if field == "id" {
		return model.CheckID(field, value)
	}
	return model.CheckName(field, value)
}

// listForwards lists those of the network in the path, or all.
func (s *Server) listForwards(w http.ResponseWriter, r *request) error {
	revision := s.controller.Revision() // before the list, which may be newer
	forwards, err := s.controller.Forwards(r.vars["name"])
	if err != nil {
		return err
	}
	return s.writeList(w, revision, orEmpty(forwards))
}

func (s *Server) getForward(w http.ResponseWriter, r *request) error {
	forward, err := s.controller.Forward(r.vars["name"], r.vars["id"])
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(forward.Revision))
	return writeJSON(w, http.StatusOK, forward)
}

func (s *Server) createForward(w http.ResponseWriter, r *request) error {
	wanted, err := s.decodeForward(w, r)
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.CreateForward(r.Context(), wanted, r.options(0))
	return r.finishForward(w, stored, outcome, err)
}

func (s *Server) putForward(w http.ResponseWriter, r *request) error {
	id := r.vars["id"]
	wanted, err := s.decodeForward(w, r)
	if err != nil {
		return err
	}
	if wanted.ID != "" && wanted.ID != id {
		return model.Invalidf("id", "%q is not the id in the path, %q: a forward's id cannot be changed", shorten(wanted.ID), id)
	}
	wanted.ID = id
	revision, err := ifMatch(r.Request, s.forwardRevision(wanted.Network, id))
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.PutForward(r.Context(), wanted, r.options(revision))
	return r.finishForward(w, stored, outcome, err)
}

// decodeForward reads a forward of the network in the path.
func (s *Server) decodeForward(w http.ResponseWriter, r *request) (model.Forward, error) {
	network := r.vars["name"]
	var wanted model.Forward
	if err := r.decode(w, &wanted); err != nil {
		return wanted, err
	}
	if wanted.Network != "" && wanted.Network != network {
		return wanted, model.Invalidf("network", "%q is not the network in the path, %q", shorten(wanted.Network), network)
	}
	wanted.Network = network
	_, err := s.controller.Network(network) // the path leads nowhere; in a body it would be a wrong member
	return wanted, err
}

func (s *Server) deleteForward(w http.ResponseWriter, r *request) error {
	network, id := r.vars["name"], r.vars["id"]
	revision, err := ifMatch(r.Request, s.forwardRevision(network, id))
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteForward(r.Context(), network, id, r.options(revision))
	return r.finishDelete(w, outcome, err)
}

func (r *request) finishForward(w http.ResponseWriter, stored model.Forward, outcome controller.Outcome, err error) error {
	return r.finish(w, write{
		location: "/networks/" + stored.Network + "/forwards/" + url.PathEscape(stored.ID),
		revision: stored.Revision,
		outcome:  outcome,
		body:     forwardAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) forwardRevision(network, id string) func() (uint64, error) {
	return func() (uint64, error) {
		forward, err := s.controller.Forward(network, id)
		return forward.Revision, err
	}
}
