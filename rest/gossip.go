package rest

import "net/http"

func (s *Server) getGossip(w http.ResponseWriter, _ *request) error {
	gossip, err := s.controller.Gossip()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, gossip)
}

func (s *Server) rotateKey(w http.ResponseWriter, r *request) error {
	rotation, err := s.controller.RotateKey(r.query.force)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, rotation)
}

func (s *Server) getSealedKeys(w http.ResponseWriter, r *request) error {
	sealed, err := s.controller.SealedKeys(r.vars["key"])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, sealed)
}
