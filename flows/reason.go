package flows

// Reason says why a flow does not pass a packet on.
type Reason uint8

// The reasons.
const (
	NoDrop Reason = iota
	UnknownPort
	NotAMember
	VLANTag
	SpoofedMAC
	SpoofedAddress
	SpoofedND
	RogueRouter
	UnknownTarget
	UnknownMAC
	LinkLocalProtocol
	TunnelToTunnel
	UnknownHost
	NoPort
	NotND
	NoIPv6
	GatewayAddress
	NoRoute
	NoNeighbour
	TTLExceeded
	PacketTooBig
	FrameTooBig
	FakedTransit
	FakedEndpoint
	NotIP
	NoTransit
	InvalidConnection
	NotForwarded
	NotTranslated
	NoGatewayPort
	OtherVLAN
	NotLearned
	SegmentProbe
	BetweenSegments
	NoTunnelPort
	NoWay
	TooManyRelays
	NotRelayable
	TagLikeLabel
)

// Asks reports whether it is the controller that gets the packet.
func (r Reason) Asks() bool { return r == TTLExceeded || r == PacketTooBig || r == SegmentProbe }

var reasons = map[Reason]string{
	UnknownPort:       "the port belongs to no endpoint (see the ports of the host: is its iface-id right?)",
	NotAMember:        "the sender's VTEP is not known to take part in this network, or the VNI is not known here",
	VLANTag:           "endpoints send untagged frames only",
	SpoofedMAC:        "the source MAC is not the endpoint's own",
	SpoofedAddress:    "the source address is not the endpoint's own, or not of a kind that it may send",
	SpoofedND:         "the neighbour discovery message speaks for somebody else, or its hop limit is not 255",
	RogueRouter:       "router advertisements and redirects are not taken from endpoints",
	UnknownTarget:     "nobody in the network is known to have the address that was asked for (the network says unknown: drop)",
	UnknownMAC:        "nobody in the network has the destination MAC",
	LinkLocalProtocol: "protocols of a single link (STP, LLDP, …) are not forwarded (IEEE 802.1Q, 8.6.3)",
	TunnelToTunnel:    "what came out of a tunnel does not go into one",
	UnknownHost:       "the host is not known, or has no VTEP",
	NoPort:            "the endpoint has no port on this host",
	NotND:             "only answers to neighbour solicitations pass here",
	NoIPv6:            "the endpoint has no IPv6 address (every Linux interface tries IPv6 when it comes up, so some of these are normal)",
	GatewayAddress:    "the gateway's address is the gateway's, and nobody else answers for it",
	NoRoute:           "it is addressed to the gateway, and the network has no way there: no router leads to such a network, nothing leaves this network, or what came through a tunnel was to leave on a host that is no gateway of the network",
	NoNeighbour:       "nobody in the network that it was routed to is known to have the destination address",
	TTLExceeded:       "its TTL or hop limit ran out",
	PacketTooBig:      "it is larger than the tunnels between the hosts carry",
	FrameTooBig:       "it is larger than the tunnels between the hosts carry, and no IP packet whose sender could be told",
	FakedTransit:      "only this host itself may use transit addresses as a source",
	FakedEndpoint:     "it comes from outside and says that it comes from an endpoint, or it was to go from one network to another through the host's kernel",
	NotIP:             "only IP passes between the host and the networks",
	NoTransit:         "no endpoint here has that address: it is unknown, or this host is no gateway of its network",
	InvalidConnection: "it belongs to no connection that is known here, and begins none",
	NotForwarded:      "connections from outside come in by a forward, or where the network has hostAccess or is routed",
	NotTranslated:     "the source has no transit address: it is no address of an endpoint in this network",
	OtherVLAN:         "the frames of the network have another VLAN tag on this NIC, or none",
	BetweenSegments:   "from one NIC of a network to another: if both are in one segment, frames would go round for ever",
	NotLearned:        "no machine behind a NIC was seen with that address",
	SegmentProbe:      "it is a probe that shows whether two interfaces in one network lead to one segment",
	NoWay:             "no path of working links leads to that host now (weft underlay show)",
	TooManyRelays:     "it was relayed as often as it may be: there is no shorter way, or the relays are just changing theirs",
	NotRelayable:      "other hosts would have to relay it, and the network's VNI leaves no room for that (it has to be less than 2097151)",
	TagLikeLabel:      "it has a VLAN tag of its own, and the network's VNI leaves no room for telling that from the label of a relayed frame (it has to be less than 2097151)",
	NoTunnelPort:      "this host has no tunnel port of the network's encapsulation (see the conditions of the host)",
	NoGatewayPort:     "this host has no port weft-gw yet",
}
