package model

// Protocols that a trace can be asked for.
const (
	TraceICMP = "icmp"
	TraceTCP  = "tcp"
	TraceUDP  = "udp"
	TraceARP  = "arp" // the question for the address alone
	TraceND   = "nd"  // the same in IPv6
)

// DefaultTracePort is the port that is tried when a trace of TCP or UDP names
// none.
const DefaultTracePort = 80

// TraceRequest asks what becomes of a packet.
type TraceRequest struct {
	From    string `json:"from"`              // an endpoint: its id, name or address
	To      string `json:"to"`                // an endpoint, or any address in From's network
	Network string `json:"network,omitempty"` // in which From and To are looked for; else in all
	Proto   string `json:"proto,omitempty"`   // TraceICMP is the default
	Port    int    `json:"port,omitempty"`    // of TCP and UDP
}

// Check says what is wrong with a request whatever objects there are.
func (r *TraceRequest) Check() *Error {
	switch r.Proto {
	case "", TraceICMP, TraceARP, TraceND:
		if r.Port != 0 {
			return Invalidf("port", "only tcp and udp have ports: give proto too")
		}
	case TraceTCP, TraceUDP:
		if r.Port < 0 || r.Port > 65535 {
			return Invalidf("port", "%d is not a port: 1 to 65535", r.Port)
		}
	default:
		return Invalidf("proto", "%q is not a protocol that can be traced: icmp, tcp, udp, arp or nd", shorten(r.Proto))
	}
	if r.From == "" {
		return Invalidf("from", "say which endpoint sends: its id, name or address")
	}
	if r.To == "" {
		return Invalidf("to", "say who is to receive: an endpoint's id, name or address")
	}
	return nil
}

// TraceResult is what becomes of a packet, and of the question that comes
// before it.
type TraceResult struct {
	From      TracedEndpoint `json:"from"`
	To        TracedEndpoint `json:"to"`
	Delivered bool           `json:"delivered"` // by the programs that are wanted
	// Differs is set where a switch does something else than is wanted.
	Differs bool           `json:"differs"`
	Verdict string         `json:"verdict"` // in a sentence
	Packets []TracedPacket `json:"packets"` // in the order in which they are sent
}

// TracedEndpoint is an end of a trace. Of an address that no endpoint has only
// the address is there.
type TracedEndpoint struct {
	ID      string `json:"id,omitempty"`
	Name    string `json:"name,omitempty"`
	Network string `json:"network,omitempty"`
	MAC     MAC    `json:"mac,omitzero"`
	Address Addr   `json:"address,omitzero"`
	Host    string `json:"host,omitempty"`
	Port    uint32 `json:"port,omitempty"` // OpenFlow's number
}

// TracedPacket is one packet and what becomes of it.
type TracedPacket struct {
	What   string `json:"what"`   // in words
	Packet string `json:"packet"` // in the syntax of ovs-ofctl
	Wanted Walk   `json:"wanted"` // through the flows that hosts should have
	// Installed is the way through the flows that a fresh dump shows. It is
	// absent where that cannot be said, and Note says why.
	Installed *Walk  `json:"installed,omitempty"`
	Note      string `json:"note,omitempty"`
	// Difference says where the two ways part, if they do.
	Difference string `json:"difference,omitempty"`
}

// Walk is the way of a packet through switches.
type Walk struct {
	Steps []WalkStep `json:"steps"`
	Ends  []string   `json:"ends"` // what became of the packet and its copies, each in a sentence
}

// WalkStep is a switch at work: a packet comes in, a flow takes it, a group
// copies it.
type WalkStep struct {
	Host  string `json:"host"`
	Depth int    `json:"depth,omitempty"` // of tables within tables
	Text  string `json:"text"`            // a flow in the syntax of ovs-ofctl, or a packet, or a remark
	Owner string `json:"owner,omitempty"` // of a flow: what it is for
	End   bool   `json:"end,omitempty"`   // Text says how the packet, or a copy, ends
}
