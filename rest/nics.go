package rest

import (
	"net/http"
	"net/url"

	"github.com/weft-sdn/weft/model"
)

func nicRoutes() []route {
	const one = "/hosts/{name}/ports/{interface}"
	return []route{
		{http.MethodGet, one, "getNIC", "Show an interface of a host that is in a network", checkNICVariable, nil, nil,
			[]answer{{status: 200, about: "the interface", body: model.NIC{}}}, (*Server).getNIC},
		{http.MethodPut, one, "putNIC", "Put an interface of a host into a network, with the machines behind it", checkNICVariable, onWrite, model.NIC{},
			[]answer{
				{status: 200, about: "changed, or this was a dry run", body: nicAnswer{}},
				{status: 201, about: "it is in the network", body: nicAnswer{}},
			}, (*Server).putNIC},
		{http.MethodDelete, one, "deleteNIC", "Take an interface of a host out of its network", checkNICVariable, onWrite, nil,
			deleteAnswers, (*Server).deleteNIC},
	}
}

func checkNICVariable(field, value string) *model.Error {
	if field == "interface" {
		return model.CheckInterface(field, value)
	}
	return checkHostName(field, value)
}

func (s *Server) getNIC(w http.ResponseWriter, r *request) error {
	nic, err := s.controller.NIC(r.vars["name"], r.vars["interface"])
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(nic.Revision))
	return writeJSON(w, http.StatusOK, nic)
}

func (s *Server) putNIC(w http.ResponseWriter, r *request) error {
	host, iface := r.vars["name"], r.vars["interface"]
	var wanted model.NIC
	if err := r.decode(w, &wanted); err != nil {
		return err
	}
	switch {
	case wanted.Host != "" && wanted.Host != host:
		return model.Invalidf("host", "%q is not the host in the path, %q", shorten(wanted.Host), host)
	case wanted.Interface != "" && wanted.Interface != iface:
		return model.Invalidf("interface", "%q is not the interface in the path, %q", shorten(wanted.Interface), iface)
	}
	wanted.Host, wanted.Interface = host, iface
	revision, err := ifMatch(r.Request, s.nicRevision(host, iface))
	if err != nil {
		return err
	}
	stored, outcome, err := s.controller.PutNIC(r.Context(), wanted, r.options(revision))
	return r.finish(w, write{
		location: "/hosts/" + url.PathEscape(host) + "/ports/" + url.PathEscape(iface),
		revision: stored.Revision,
		outcome:  outcome,
		body:     nicAnswer{stored, r.differences(outcome)},
	}, err)
}

func (s *Server) deleteNIC(w http.ResponseWriter, r *request) error {
	host, iface := r.vars["name"], r.vars["interface"]
	revision, err := ifMatch(r.Request, s.nicRevision(host, iface))
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteNIC(r.Context(), host, iface, r.options(revision))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) nicRevision(host, iface string) func() (uint64, error) {
	return func() (uint64, error) {
		nic, err := s.controller.NIC(host, iface)
		return nic.Revision, err
	}
}
