package model

// Readiness says whether every known host was read back as wanted.
type Readiness struct {
	Ready bool     `json:"ready"`
	Hosts []string `json:"hosts,omitempty"` // one sentence for each host that is away or not as wanted
}

// Explanation is what a flow's cookie says, in words.
type Explanation struct {
	Cookie  string `json:"cookie"` // as ovs-ofctl prints it, 0x…
	Role    string `json:"role"`   // what such flows do
	Owner   string `json:"owner,omitempty"`
	Network string `json:"network,omitempty"`
	VNI     uint32 `json:"vni,omitempty"`
	Reason  string `json:"reason,omitempty"` // why such a flow drops
	Text    string `json:"text"`             // all of that in a sentence
}
