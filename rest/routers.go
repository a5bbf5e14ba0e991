package rest

import (
	"net/http"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

func routerRoutes() []route {
	const all, one = "/routers", "/routers/{name}"
	return []route{
		{http.MethodGet, all, "listRouters", "List the routers", nil, nil, nil,
			[]answer{{status: 200, about: "the routers by name", body: []model.Router{}}}, (*Server).listRouters},
		{http.MethodPost, all, "createRouter", "Let networks reach each other; the same again is no change", nil, onWrite, model.Router{},
			[]answer{
				{status: 201, about: "created", body: routerAnswer{}},
				{status: 200, about: "it was there already, or this was a dry run", body: routerAnswer{}},
			}, (*Server).createRouter},
		{http.MethodGet, one, "getRouter", "Show a router", model.CheckName, nil, nil,
			[]answer{{status: 200, about: "the router", body: model.Router{}}}, (*Server).getRouter},
		{http.MethodPut, one, "putRouter", "Create a router, or change which networks are on it", model.CheckName, onWrite, model.Router{},
			[]answer{
				{status: 200, about: "changed, or this was a dry run", body: routerAnswer{}},
				{status: 201, about: "created", body: routerAnswer{}},
			}, (*Server).putRouter},
		{http.MethodDelete, one, "deleteRouter", "Delete a router; its networks stay, and are apart", model.CheckName, onWrite, nil,
			deleteAnswers, (*Server).deleteRouter},
	}
}

func (s *Server) listRouters(w http.ResponseWriter, r *request) error {
	revision := s.controller.Revision() // before the list, which may be newer
	return s.writeList(w, revision, orEmpty(s.controller.Routers()))
}

func (s *Server) getRouter(w http.ResponseWriter, r *request) error {
	router, err := s.controller.Router(r.vars["name"])
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(router.Revision))
	return writeJSON(w, http.StatusOK, router)
}

func (s *Server) createRouter(w http.ResponseWriter, r *request) error {
	var wanted model.Router
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	stored, outcome, err := s.controller.CreateRouter(r.Context(), wanted, r.options(0))
	return r.finishRouter(w, stored, outcome, err)
}

func (s *Server) putRouter(w http.ResponseWriter, r *request) error {
	name := r.vars["name"]
	var wanted model.Router
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	if wanted.Name != "" && wanted.Name != name {
		return model.Invalidf("name", "%q is not the name in the path, %q: a router's name cannot be changed", shorten(wanted.Name), name)
	}
	wanted.Name = name
	revision, err := ifMatch(r.Request, s.routerRevision(name))
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.PutRouter(r.Context(), wanted, r.options(revision))
	return r.finishRouter(w, stored, outcome, err)
}

func (s *Server) deleteRouter(w http.ResponseWriter, r *request) error {
	name := r.vars["name"]
	revision, err := ifMatch(r.Request, s.routerRevision(name))
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteRouter(r.Context(), name, r.options(revision))
	return r.finishDelete(w, outcome, err)
}

func (r *request) finishRouter(w http.ResponseWriter, stored model.Router, outcome controller.Outcome, err error) error {
	return r.finish(w, write{
		location: "/routers/" + stored.Name,
		revision: stored.Revision,
		outcome:  outcome,
		body:     routerAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) routerRevision(name string) func() (uint64, error) {
	return func() (uint64, error) {
		router, err := s.controller.Router(name)
		return router.Revision, err
	}
}
