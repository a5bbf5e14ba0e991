package rest

import (
	"net/http"
	"net/url"

	"github.com/weft-sdn/weft/model"
)

// listEndpoints lists those of the network in the path, or all.
func (s *Server) listEndpoints(w http.ResponseWriter, r *request) error {
	revision := s.controller.Revision() // before the list, which may be newer
	endpoints, err := s.controller.Endpoints(r.vars["name"])
	if err != nil {
		return err
	}
	return s.writeList(w, revision, orEmpty(endpoints))
}

func (s *Server) getEndpoint(w http.ResponseWriter, r *request) error {
	endpoint, err := s.controller.Endpoint(r.vars["id"])
	if err != nil {
		return err
	}
	if done, err := notModified(w, r.Request, endpoint.Revision); done || err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, endpoint)
}

func (s *Server) createEndpoint(w http.ResponseWriter, r *request) error {
	network := r.vars["name"]
	var wanted model.Endpoint
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	if wanted.Network != "" && wanted.Network != network {
		return model.Invalidf("network", "%q is not the network in the path, %q", shorten(wanted.Network), network)
	}
	if _, err := s.controller.Network(network); err != nil {
		return err // the path leads nowhere; in a body it would be a wrong member
	}
	wanted.Network = network
	stored, outcome, err := s.controller.CreateEndpoint(r.Context(), wanted, r.options(w, 0))
	return r.finish(w, write{
		location: endpointPath(stored.ID),
		revision: stored.Revision,
		outcome:  outcome,
		body:     endpointAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) putEndpoint(w http.ResponseWriter, r *request) error {
	id := r.vars["id"]
	var wanted model.Endpoint
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	if wanted.ID != "" && wanted.ID != id {
		return model.Invalidf("id", "%q is not the id in the path, %q: an endpoint's id cannot be changed", shorten(wanted.ID), id)
	}
	wanted.ID = id
	revision, err := ifMatch(r.Request, s.endpointRevision(id))
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.PutEndpoint(r.Context(), wanted, r.options(w, revision))
	return r.finish(w, write{
		location: endpointPath(id),
		revision: stored.Revision,
		outcome:  outcome,
		body:     endpointAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) deleteEndpoint(w http.ResponseWriter, r *request) error {
	id := r.vars["id"]
	revision, err := ifMatch(r.Request, s.endpointRevision(id))
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteEndpoint(r.Context(), id, r.options(w, revision))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) endpointRevision(id string) func() (uint64, error) {
	return func() (uint64, error) {
		endpoint, err := s.controller.Endpoint(id)
		return endpoint.Revision, err
	}
}

func endpointPath(id string) string { return "/endpoints/" + url.PathEscape(id) }
