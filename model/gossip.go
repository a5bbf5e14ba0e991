package model

import "time"

// Gossip is what the controller hears in its cluster's gossip.
type Gossip struct {
	Cluster  string          `json:"cluster"`
	Self     string          `json:"self"`
	Keys     []string        `json:"keys"` // names of those in use, the first is written with
	Members  []Member        `json:"members"`
	Problems []GossipProblem `json:"problems,omitempty"`
}

// Member is an agent or a controller.
type Member struct {
	Name    string    `json:"name"`           // of an agent: the system-id of its host
	Host    string    `json:"host,omitempty"` // the host's name
	Role    string    `json:"role"`
	Address string    `json:"address"` // where it gossips
	State   string    `json:"state"`   // alive, suspect, dead or left
	Since   time.Time `json:"since"`
	Version string    `json:"version,omitempty"`
	Keys    []string  `json:"keys"` // names of those that it can read, the first is the one that it writes with
}

// GossipProblem is what keeps somebody from being a member.
type GossipProblem struct {
	Kind   string    `json:"kind"`
	Who    string    `json:"who"`
	Detail string    `json:"detail"` // a sentence with what to do
	Last   time.Time `json:"last"`
}

// Steps of the rotation of the gossip's key, in order.
const (
	RotationAdds    = "adding"   // all members learn the new key
	RotationUses    = "using"    // all begin to write with it
	RotationRemoves = "removing" // all forget the old one
	RotationDone    = "done"
)

// Rotation is how far the gossip has come from one key to the next.
type Rotation struct {
	Key        string   `json:"key"`                  // name of the new one
	Step       string   `json:"step"`                 // one of the constants above
	WaitingFor []string `json:"waitingFor,omitempty"` // members that are not through with the step
}

// SealedKeys are the keys of the gossip, encrypted for who has one of them.
type SealedKeys struct {
	Sealed string `json:"sealed"`
}
