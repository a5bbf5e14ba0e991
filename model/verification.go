package model

// Verification is whether what is on the switches keeps networks apart and
// connects who is in them, and what shows the contrary.
type Verification struct {
	// Proved: no packet from an endpoint comes out in another network or at a
	// port that is nobody's, and everybody reaches whom they should.
	Proved   bool      `json:"proved"`
	Findings []Finding `json:"findings,omitempty"`
	// More says that there may be more findings, which were not looked for.
	More bool `json:"more,omitempty"`

	Flows     int `json:"flows"`     // that were examined, of all hosts
	Endpoints int `json:"endpoints"` // whose packets were followed
	Pairs     int `json:"pairs"`     // that must reach each other
	// Assumed has one sentence for each host whose switch could not be read: it
	// was taken at the flows that it should have.
	Assumed []string `json:"assumed,omitempty"`
}

// Finding is a packet that goes where it must not, or does not arrive.
type Finding struct {
	Kind   string `json:"kind"` // leak, lost or unproved
	Text   string `json:"text"` // a sentence
	From   string `json:"from"` // id of the endpoint that sends it
	To     string `json:"to,omitempty"`
	Host   string `json:"host"`           // where it comes out, or is lost
	Port   uint32 `json:"port,omitempty"` // where it comes out
	Packet string `json:"packet"`         // for ovs-appctl ofproto/trace on the sender's host
	Way    []Hop  `json:"way"`            // the flows that it takes
}

// Hop is a flow that a packet takes, in ovs-ofctl's syntax.
type Hop struct {
	Host  string `json:"host"`
	Text  string `json:"text"`
	Owner string `json:"owner"`
}
