package rest

import (
	"net/http"

	"github.com/weft-sdn/weft/model"
)

// trace changes nothing. It is a POST because its question is an object.
func (s *Server) trace(w http.ResponseWriter, r *request) error {
	var question model.TraceRequest
	if err := r.decode(w, &question); err != nil {
		return err
	}
	result, err := s.controller.Trace(r.Context(), question)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, result)
}
