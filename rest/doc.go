// Package rest is the controller's HTTP door: it turns requests into calls of
// the controller and its answers into JSON, problems (RFC 9457) and events.
//
// Only cmd/weft imports it; what speaks to it from Go is rest/client. It
// knows the controller and the model's nouns. It decides nothing about
// networks: what a request may say is checked here only as far as form goes
// (JSON, names of fields, types of values, where the request comes from), and
// everything else is the model's and the controller's word.
//
// One table, routes, makes both the router and the document at
// /openapi.json, so that neither can say what the other does not.
package rest
