package rest

import (
	"net/http"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// A route is one call of the API.
type route struct {
	method, path string
	operation    string // its id in the document and in metrics
	summary      string
	check        func(field, value string) *model.Error // of the path's variables
	parameters   []parameter
	body         any // a value of the type that requests carry, nil for none
	answers      []answer
	serve        func(*Server, http.ResponseWriter, *request) error
}

// An answer is one way in which a call succeeds; every other is a problem.
type answer struct {
	status int
	about  string
	media  string // default application/json
	body   any    // a value of the type that it carries, nil for none
}

// routes is the API. The router and the document are made from it.
func routes() []route {
	return slices.Concat(networkRoutes(), endpointRoutes(), routerRoutes(), forwardRoutes(), hostRoutes(), nicRoutes(), underlayRoutes(), gossipRoutes(), otherRoutes())
}

func networkRoutes() []route {
	const all, one = "/networks", "/networks/{name}"
	return []route{
		{http.MethodGet, all, "listNetworks", "List the networks", nil, nil, nil,
			[]answer{{status: 200, about: "the networks by name", body: []model.Network{}}}, (*Server).listNetworks},
		{http.MethodPost, all, "createNetwork", "Create a network; the same again is no change", nil, onWrite, model.Network{},
			[]answer{
				{status: 201, about: "created", body: networkAnswer{}},
				{status: 200, about: "it was there already, or this was a dry run", body: networkAnswer{}},
			}, (*Server).createNetwork},
		{http.MethodGet, one, "getNetwork", "Show a network", model.CheckName, nil, nil,
			[]answer{{status: 200, about: "the network", body: model.Network{}}}, (*Server).getNetwork},
		{http.MethodPut, one, "putNetwork", "Create or change a network; what is left out keeps its chosen value", model.CheckName, onWrite, model.Network{},
			[]answer{
				{status: 200, about: "changed, or this was a dry run", body: networkAnswer{}},
				{status: 201, about: "created", body: networkAnswer{}},
			}, (*Server).putNetwork},
		{http.MethodDelete, one, "deleteNetwork", "Delete a network", model.CheckName, append([]parameter{force}, onWrite...), nil,
			deleteAnswers, (*Server).deleteNetwork},
	}
}

func endpointRoutes() []route {
	const all, ofNetwork, one = "/endpoints", "/networks/{name}/endpoints", "/endpoints/{id}"
	return []route{
		{http.MethodGet, all, "listEndpoints", "List the endpoints of all networks", nil, nil, nil,
			[]answer{{status: 200, about: "the endpoints", body: []model.Endpoint{}}}, (*Server).listEndpoints},
		{http.MethodGet, ofNetwork, "listNetworkEndpoints", "List the endpoints of a network", model.CheckName, nil, nil,
			[]answer{{status: 200, about: "the endpoints", body: []model.Endpoint{}}}, (*Server).listEndpoints},
		{http.MethodPost, ofNetwork, "createEndpoint", "Create an endpoint; what is left out is chosen", model.CheckName, onWrite, model.Endpoint{},
			[]answer{
				{status: 201, about: "created", body: endpointAnswer{}},
				{status: 200, about: "it was there already, or this was a dry run", body: endpointAnswer{}},
			}, (*Server).createEndpoint},
		{http.MethodGet, one, "getEndpoint", "Show an endpoint", model.CheckID, nil, nil,
			[]answer{{status: 200, about: "the endpoint", body: model.Endpoint{}}}, (*Server).getEndpoint},
		{http.MethodPut, one, "putEndpoint", "Create or change an endpoint; another host moves it at once", model.CheckID, onWrite, model.Endpoint{},
			[]answer{
				{status: 200, about: "changed, or this was a dry run", body: endpointAnswer{}},
				{status: 201, about: "created", body: endpointAnswer{}},
			}, (*Server).putEndpoint},
		{http.MethodDelete, one, "deleteEndpoint", "Delete an endpoint", model.CheckID, onWrite, nil,
			deleteAnswers, (*Server).deleteEndpoint},
	}
}

func hostRoutes() []route {
	const all, one = "/hosts", "/hosts/{name}"
	return []route{
		{http.MethodGet, all, "listHosts", "List the hosts", nil, nil, nil,
			[]answer{{status: 200, about: "the hosts", body: []model.Host{}}}, (*Server).listHosts},
		{http.MethodGet, one, "getHost", "Show a host", checkHostName, nil, nil,
			[]answer{{status: 200, about: "the host", body: model.Host{}}}, (*Server).getHost},
		{http.MethodDelete, one, "deleteHost", "Forget a host, with what was last known of it and its links to others", checkHostName, onWrite, nil,
			deleteAnswers, (*Server).deleteHost},
		{http.MethodPost, one + "/adopt", "adoptHost", "Take over a host that bears another cluster's mark", checkHostName, onWrite, nil,
			[]answer{{status: 204, about: "it is being taken over; with ?wait=installed, it is"}, {status: 200, about: "this was a dry run", body: deleteAnswer{}}}, (*Server).adoptHost},
		{http.MethodPost, one + "/drain", "drainHost", "Take a host out as a gateway: others get the new connections, those that it has stay", checkHostName, append([]parameter{forceDrain}, onWrite...), nil,
			drainAnswers, (*Server).drainHost},
		{http.MethodDelete, one + "/drain", "undrainHost", "Let a host be a gateway again", checkHostName, onWrite, nil,
			drainAnswers, (*Server).undrainHost},
		{http.MethodGet, one + "/ports", "listHostPorts", "List the ports of a host's br-weft, also those that match no endpoint", checkHostName, nil, nil,
			[]answer{{status: 200, about: "the ports", body: []model.Port{}}}, (*Server).listHostPorts},
		{http.MethodGet, one + "/flows", "listHostFlows", "List the flows that a host should have, each with its owner", checkHostName, []parameter{installed, difference}, nil,
			[]answer{
				{status: 200, about: "the flows and groups", body: []model.HostFlow{}},
				{status: 200, about: "the same as lines for ovs-ofctl", media: plainText, body: ""},
			}, (*Server).listHostFlows},
	}
}

func gossipRoutes() []route {
	return []route{
		{http.MethodGet, "/gossip", "getGossip", "Show what the controller hears in the gossip: members, and who is not let in", nil, nil, nil,
			[]answer{{status: 200, about: "what is heard", body: model.Gossip{}}}, (*Server).getGossip},
		{http.MethodPost, "/gossip/rotate", "rotateKey", "Go one step further in replacing the gossip's key; again and again, until it is done", nil, []parameter{forceRotation}, nil,
			[]answer{{status: 200, about: "how far it is", body: model.Rotation{}}}, (*Server).rotateKey},
		{http.MethodGet, "/gossip/keys/{key}", "getSealedKeys", "Get the gossip's keys, encrypted with the one of that name", checkWord, nil, nil,
			[]answer{{status: 200, about: "the keys", body: model.SealedKeys{}}}, (*Server).getSealedKeys},
	}
}

func otherRoutes() []route {
	return []route{
		{http.MethodPost, "/apply", "apply", "Declare networks, endpoints, routers, forwards and the underlay together: all of them or none", nil, append([]parameter{prune}, onWrite...), model.Document{},
			[]answer{{status: 200, about: "what is declared now, as stored", body: documentAnswer{}}}, (*Server).apply},
		{http.MethodPost, "/trace", "trace", "Say what becomes of a packet from one endpoint to another", nil, nil, model.TraceRequest{},
			[]answer{{status: 200, about: "its way, and where it ends", body: model.TraceResult{}}}, (*Server).trace},
		{http.MethodGet, "/watch", "watch", "Follow changes as server-sent events", nil, []parameter{since}, nil,
			[]answer{{status: 200, about: "events; the data of each is an Event", media: eventStream, body: model.Event{}}}, (*Server).watch},
		{http.MethodGet, "/cookies/{cookie}", "explainCookie", "Say what a flow's cookie means", checkWord, nil, nil,
			[]answer{{status: 200, about: "the explanation", body: model.Explanation{}}}, (*Server).explainCookie},
		{http.MethodGet, "/verify", "verify", "Prove from the flows on the switches that networks are kept apart and endpoints reached, or show a packet for which that is not so", nil, nil, nil,
			[]answer{{status: 200, about: "proved, or findings", body: model.Verification{}}}, (*Server).verifyFlows},
		{http.MethodGet, "/metrics", "metrics", "Metrics for Prometheus", nil, nil, nil,
			[]answer{{status: 200, about: "the metrics", media: plainText, body: ""}}, (*Server).showMetrics},
		{http.MethodGet, "/healthz", "health", "Whether the controller lives", nil, nil, nil,
			[]answer{{status: 200, about: "it does", media: plainText, body: ""}}, (*Server).health},
		{http.MethodGet, "/readyz", "readiness", "Whether every known host is as wanted, or named as away", nil, nil, nil,
			[]answer{
				{status: 200, about: "ready", body: model.Readiness{}},
				{status: 503, about: "not ready, and why", body: model.Readiness{}},
			}, (*Server).readiness},
		{http.MethodGet, "/openapi.json", "openapi", "This document", nil, nil, nil,
			[]answer{{status: 200, about: "OpenAPI 3.0", body: map[string]any{}}}, (*Server).showDocument},
		{http.MethodGet, "/problems/{sort}", "describeProblem", "Say what a type of problem means", checkWord, nil, nil,
			[]answer{{status: 200, about: "the explanation", media: plainText, body: ""}}, (*Server).describeProblem},
	}
}

const (
	plainText   = "text/plain"
	eventStream = "text/event-stream"
)

var (
	deleteAnswers = []answer{
		{status: 204, about: "deleted"},
		{status: 200, about: "what would change; this was a dry run", body: deleteAnswer{}},
	}
	drainAnswers = []answer{
		{status: 204, about: "done, or it was so already"},
		{status: 200, about: "what would change; this was a dry run", body: deleteAnswer{}},
	}
)

// methods are those that a route serves: HEAD is GET without the body.
func (r *route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}

// limit is the largest body that the call takes.
func (r *route) limit() int64 {
	if _, whole := r.body.(model.Document); whole {
		return maxDocument
	}
	return maxObject
}
