package rest

import "net/http"

// verifyFlows answers 200 whether the proof holds or not: the question was
// answered.
func (s *Server) verifyFlows(w http.ResponseWriter, r *request) error {
	verification, err := s.controller.Verify(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, verification)
}
