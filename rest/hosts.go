package rest

import (
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
)

func (s *Server) listHosts(w http.ResponseWriter, r *request) error {
	revision := s.controller.Revision() // before the list, which may be newer
	return s.writeList(w, revision, orEmpty(s.controller.Hosts()))
}

func (s *Server) getHost(w http.ResponseWriter, r *request) error {
	host, err := s.controller.Host(r.vars["name"])
	if err != nil {
		return err
	}
	w.Header().Set("ETag", etag(host.Revision))
	return writeJSON(w, http.StatusOK, host)
}

func (s *Server) deleteHost(w http.ResponseWriter, r *request) error {
	name := r.vars["name"]
	revision, err := ifMatch(r.Request, s.hostRevision(name))
	if err != nil {
		return err
	}
	outcome, err := s.controller.DeleteHost(r.Context(), name, r.options(revision))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) adoptHost(w http.ResponseWriter, r *request) error {
	outcome, err := s.controller.AdoptHost(r.Context(), r.vars["name"], r.options(0))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) drainHost(w http.ResponseWriter, r *request) error {
	outcome, err := s.controller.DrainHost(r.Context(), r.vars["name"], r.options(0))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) undrainHost(w http.ResponseWriter, r *request) error {
	name := r.vars["name"]
	revision, err := ifMatch(r.Request, s.hostRevision(name))
	if err != nil {
		return err
	}
	outcome, err := s.controller.UndrainHost(r.Context(), name, r.options(revision))
	return r.finishDelete(w, outcome, err)
}

func (s *Server) hostRevision(name string) func() (uint64, error) {
	return func() (uint64, error) {
		host, err := s.controller.Host(name)
		return host.Revision, err
	}
}

func (s *Server) listHostPorts(w http.ResponseWriter, r *request) error {
	ports, err := s.controller.HostPorts(r.vars["name"])
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, orEmpty(ports))
}

// listHostFlows answers in JSON with each flow's owner, or, to who asks for
// plain text, with lines that ovs-ofctl prints and takes.
func (s *Server) listHostFlows(w http.ResponseWriter, r *request) error {
	view := controller.FlowsWanted
	switch {
	case r.query.installed:
		view = controller.FlowsInstalled
	case r.query.difference:
		view = controller.FlowsDifference
	}
	flows, err := s.controller.HostFlows(r.Context(), r.vars["name"], view)
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept")
	if !prefersText(r.Header.Values("Accept")) {
		return writeJSON(w, http.StatusOK, orEmpty(flows))
	}
	w.Header().Set("Content-Type", plainText+"; charset=utf-8")
	for _, flow := range flows {
		if _, err := w.Write([]byte(line(flow))); err != nil {
			return nil // nobody reads any more
		}
	}
	return nil
}

func line(flow model.HostFlow) string {
	if flow.Sign == "" {
		return flow.Text + "\n"
	}
	return flow.Sign + " " + flow.Text + "\n"
}

// prefersText reports whether an Accept header puts plain text before JSON
// (RFC 9110 section 12.5.1). Who has no preference gets JSON.
func prefersText(accept []string) bool {
	text, json := 0.0, 0.0
	exact := false // of JSON: a range says less than the type itself
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		weight := 1.0
		if q, given := parameters["q"]; given {
			if weight, err = strconv.ParseFloat(q, 64); err != nil {
				continue
			}
		}
		switch media {
		case plainText:
			text = weight
		case "application/json":
			json, exact = weight, true
		case "*/*", "application/*":
			if !exact {
				json = weight
			}
		}
	}
	if text == json {
		return text > 0 && !exact
	}
	return text > json
}
