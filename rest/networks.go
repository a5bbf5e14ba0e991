package rest

import (
	"net/http"

	"github.com/weft-sdn/weft/model"
)

func (s *Server) listNetworks(w http.ResponseWriter, r *request) error {
	revision := s.controller.Revision() // before the list, which may be newer
	return s.writeList(w, revision, orEmpty(s.controller.Networks()))
}

func (s *Server) getNetwork(w http.ResponseWriter, r *request) error {
	network, err := s.controller.Network(r.vars["name"])
	if err != nil {
		return err
	}
	if done, err := notModified(w, r.Request, network.Revision); done || err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, network)
}

func (s *Server) createNetwork(w http.ResponseWriter, r *request) error {
	var wanted model.Network
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	stored, outcome, err := s.controller.CreateNetwork(r.Context(), wanted, r.options(w, 0))
	return r.finish(w, write{
		location: "/networks/" + stored.Name,
		revision: stored.Revision,
		outcome:  outcome,
		body:     networkAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) putNetwork(w http.ResponseWriter, r *request) error {
	name := r.vars["name"]
	var wanted model.Network
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	if wanted.Name != "" && wanted.Name != name {
		return model.Invalidf("name", "%q is not the name in the path, %q: a network's name cannot be changed", shorten(wanted.Name), name)
	}
	wanted.Name = name
	revision, err := ifMatch(r.Request, s.networkRevision(name))
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.PutNetwork(r.Context(), wanted, r.options(w, revision))
	return r.finish(w, write{
		location: "/networks/" + name,
		revision: stored.Revision,
		outcome:  outcome,
		body:     networkAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) deleteNetwork(w http.ResponseWriter, r *request) error {
	name := r.vars["name"]
	revision, err := ifMatch(r.Request, s.networkRevision(name))
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteNetwork(r.Context(), name, r.options(w, revision))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) networkRevision(name string) func() (uint64, error) {
	return func() (uint64, error) {
		network, err := s.controller.Network(name)
		return network.Revision, err
	}
}
