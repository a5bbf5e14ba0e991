package flows

import (
	"fmt"

	"github.com/weft-sdn/weft/model"
)

// A cookie explains its flow:
//
//	63    56 55           32 31            8 7      0
//	┌───────┬───────────────┬───────────────┬────────┐
//	│ kind  │ owner         │ VNI           │ reason │
//	└───────┴───────────────┴───────────────┴────────┘
//
// The upper half of kind says what sort of thing the owner is, so one
// cookie/mask selects everything of one owner, whatever its role:
//
//	ovs-ofctl dump-flows br-weft cookie=0x4000000700000000/0xf0ffffff00000000
type Kind uint8

// The kinds: whose a flow is, and in which role.
const (
	KindBase   Kind = 0x10 // of the pipeline itself; owner is its version
	KindTunnel Kind = 0x11 // a tunnel port of this host; owner is the encapsulation

	KindGatewayBase Kind = 0x12 // of the pipeline of networks with a gateway; owner is its version
	KindHostPort    Kind = 0x13 // the port that leads to this host's kernel
	KindNICBase     Kind = 0x14 // of the pipeline of networks with a NIC; owner is its version
	KindRelayBase   Kind = 0x15 // of the pipeline where not all hosts see each other; owner is its version

	KindNetwork   Kind = 0x20 // of a network as a whole
	KindGroups    Kind = 0x21 // whom its broadcasts reach
	KindGateway   Kind = 0x22 // its gateway's addresses, and which networks it leads to
	KindSteer     Kind = 0x23 // the way out of it
	KindLimit     Kind = 0x24 // how large its packets may be
	KindSegment   Kind = 0x25 // machines behind NICs are learned
	KindNICs      Kind = 0x26 // where such machines may be
	KindEncap     Kind = 0x27 // its tunnel port, unless that is VXLAN's
	KindStrangers Kind = 0x28 // machines behind NICs told from endpoints, where others relay their frames

	KindMember Kind = 0x30 // another host's frames of a network are accepted
	KindPath   Kind = 0x31 // the way to another host
	KindLink   Kind = 0x32 // what another host sends is relayed
	KindRelay  Kind = 0x33 // what is for another host is relayed

	KindLocal  Kind = 0x40 // an endpoint on this host
	KindPort   Kind = 0x41 // the port that it is behind
	KindRemote Kind = 0x42 // an endpoint on another host
	KindAnswer Kind = 0x43 // ARP and ND answered for an endpoint
	KindAdopt  Kind = 0x44 // an endpoint whose MAC is still to be learned

	KindNeighbour Kind = 0x45 // its MAC address, for what was routed to it
	KindTransit   Kind = 0x46 // its translation on a gateway host
	KindForward   Kind = 0x47 // ports of gateway hosts that lead to it
	KindGuard     Kind = 0x48 // machines behind a NIC do not pretend to be it
	KindKnown     Kind = 0x49 // its frames, relayed, are no machine's behind a NIC
	KindLearned   Kind = 0x4c // a machine behind a NIC: a flow that a switch made itself
	KindNIC       Kind = 0x4d // a NIC that is in a network; its number is as an endpoint's
)

// OwnerMask selects everything of one owner.
const OwnerMask = 0xf0ffffff00000000

var roles = map[Kind]string{
	KindBase:    "part of the pipeline itself",
	KindTunnel:  "this host's tunnel port",
	KindNetwork: "the network as a whole",
	KindGroups:  "whom the network's broadcasts reach",
	KindMember:  "accepts the network's frames from another host",
	KindPath:    "the way to another host",
	KindLink:    "relays what another host sends",
	KindRelay:   "relays what is for another host",
	KindLocal:   "an endpoint on this host",
	KindPort:    "the port that an endpoint on this host is behind",
	KindRemote:  "the way to an endpoint on another host",
	KindAnswer:  "answers ARP and neighbour discovery for an endpoint",
	KindAdopt:   "an endpoint whose MAC address is learned from its first frame",

	KindGatewayBase: "part of the pipeline of networks that have a gateway",
	KindHostPort:    "the port that leads to this host's own kernel",
	KindGateway:     "the network's gateway: its addresses, and the networks that it leads to",
	KindSteer:       "the way out of the network",
	KindLimit:       "how large the network's packets may be",
	KindNeighbour:   "the MAC address of an endpoint, for what was routed to it",
	KindTransit:     "the translation between an endpoint and its transit address",
	KindForward:     "ports of the gateway hosts that lead to an endpoint",
	KindNICBase:     "part of the pipeline of networks that a NIC is in",
	KindRelayBase:   "part of the pipeline of hosts that do not reach all others directly",
	KindSegment:     "machines behind the NICs of the network are learned",
	KindEncap:       "the tunnel port of the network's encapsulation",
	KindNICs:        "where machines behind the NICs of the network may be",
	KindStrangers:   "tells machines behind NICs from endpoints, where others relay their frames",
	KindKnown:       "its frames, when others relay them, are told from those of machines behind NICs",
	KindGuard:       "no machine behind a NIC pretends to be an endpoint",
	KindLearned:     "a machine behind a NIC, as the switch learned it itself",
	KindNIC:         "a NIC that is in a network",
}

// Cookie builds a cookie; owner and vni are cut to 24 bits.
func Cookie(kind Kind, owner, vni uint32, reason Reason) uint64 {
	return uint64(kind)<<56 | uint64(owner&0xffffff)<<32 | uint64(vni&0xffffff)<<8 | uint64(reason)
}

// SplitCookie takes a cookie apart.
func SplitCookie(cookie uint64) (kind Kind, owner, vni uint32, reason Reason) {
	return Kind(cookie >> 56), uint32(cookie>>32) & 0xffffff, uint32(cookie>>8) & 0xffffff, Reason(cookie)
}

// IsEndpoint reports whether owners of this kind are endpoints.
func (k Kind) IsEndpoint() bool { return k&0xf0 == 0x40 }

// IsHost reports whether owners of this kind are hosts.
func (k Kind) IsHost() bool { return k&0xf0 == 0x30 }

// OwnerNames says the names behind a cookie's numbers; an empty answer means
// not known. Both functions may be nil.
type OwnerNames struct {
	Owner   func(kind Kind, owner uint32) string
	Network func(vni uint32) string
}

// ExplainCookie says in words what a cookie says in bits.
func ExplainCookie(cookie uint64) model.Explanation {
	return ExplainCookieWith(cookie, OwnerNames{})
}

// ExplainCookieWith is [ExplainCookie] with the names of what it speaks of.
func ExplainCookieWith(cookie uint64, names OwnerNames) model.Explanation {
	kind, owner, vni, reason := SplitCookie(cookie)
	out := model.Explanation{Cookie: fmt.Sprintf("0x%x", cookie), VNI: vni}
	role, known := roles[kind]
	if !known {
		out.Role = "not Weft's"
		out.Text = fmt.Sprintf("cookie 0x%x is none of Weft's: somebody else added this flow", cookie)
		return out
	}
	out.Role = role
	switch {
	case kind == KindLearned:
	case kind == KindTunnel && owner != 0:
		out.Owner = Encap(owner).String()
	case kind == KindNIC:
		out.Owner = fmt.Sprintf("NIC number %d", owner)
	case kind.IsEndpoint():
		out.Owner = fmt.Sprintf("endpoint number %d", owner)
	case kind.IsHost() || kind == KindHostPort:
		out.Owner = fmt.Sprintf("host number %d", owner)
	case kind == KindBase || kind == KindGatewayBase || kind == KindNICBase || kind == KindRelayBase:
		out.Owner = fmt.Sprintf("pipeline version %d", owner)
	}
	if names.Owner != nil {
		if name := names.Owner(kind, owner); name != "" {
			out.Owner = name
		}
	}
	if vni != 0 && names.Network != nil {
		out.Network = names.Network(vni)
	}
	out.Text = role
	if out.Owner != "" {
		out.Text += ": " + out.Owner
	}
	switch {
	case out.Network != "":
		out.Text += fmt.Sprintf(", in network %s (VNI %d)", out.Network, vni)
	case vni != 0:
		out.Text += fmt.Sprintf(", in VNI %d", vni)
	}
	if reason != NoDrop {
		out.Reason = reasons[reason]
		if out.Reason == "" {
			out.Reason = fmt.Sprintf("reason %d, which this version does not know", reason)
		}
		if reason.Asks() {
			out.Text += "; given to the controller because " + out.Reason
		} else {
			out.Text += "; dropped because " + out.Reason
		}
	}
	return out
}
