package model

import "strings"

// Document is what POST /apply takes: objects that are to exist together.
type Document struct {
	Networks  []Network  `json:"networks,omitempty"`
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	Routers   []Router   `json:"routers,omitempty"`
	Forwards  []Forward  `json:"forwards,omitempty"`
	Underlay  *Underlay  `json:"underlay,omitempty"` // left out: it stays as it is
}

// CheckSource says whether source may name where applied documents come from.
func CheckSource(field, source string) *Error {
	return CheckName(field, strings.ToLower(source))
}

// HostDifference is what a change does, or would do, to one host's switch.
type HostDifference struct {
	Host  string   `json:"host"`
	Lines []string `json:"lines"` // "+ flow" and "- flow" in ovs-ofctl's syntax
}

// HostFlow is one flow or group of a host in ovs-ofctl's syntax, and whose it is.
type HostFlow struct {
	Text  string `json:"text"`
	Owner string `json:"owner"`          // a sentence: what it is for
	Sign  string `json:"sign,omitempty"` // in differences: "+" is missing on the switch, "-" should not be there
}

// Event is one change that a watcher sees.
type Event struct {
	Revision uint64 `json:"revision"`
	Type     string `json:"type"`             // put or delete
	Kind     string `json:"kind"`             // network, endpoint, router, forward, nic, host or underlay
	Name     string `json:"name"`             // name or id; network/id of a forward, host/interface of a NIC
	Object   any    `json:"object,omitempty"` // as GET shows it; absent on delete
	// More says that further events of this revision follow: who watches again
	// after a break begins after a revision of which it has seen all.
	More bool `json:"more,omitempty"`
}
