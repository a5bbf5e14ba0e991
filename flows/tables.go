package flows

import (
	"fmt"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
)

// The tables of br-weft. A packet only ever goes forward; the gaps are for what
// later stands between.
//
//	        ┌──────────┐ local port ┌──────────┐ IPv6 ┌─────────────┐
//	frame → │ classify │ ─────────→ │ security │ ───→ │ security_nd │
//	        └──────────┘            └──────────┘      └─────────────┘
//	             │ tunnel                 │ the endpoint's own │
//	             │                        ▼                    ▼
//	             │                  ┌───────────┐  NS  ┌──────────┐
//	             │                  │ responder │ ───→ │ nd_reply │
//	             │                  └───────────┘      └──────────┘
//	             │      everything else │   │ ARP reply       │
//	             ▼                      ▼   │                 │
//	        ┌─────────────────────────────┐ │                 │
//	        │           forward           │ │                 │
//	        └─────────────────────────────┘ │                 │
//	      local MAC │  remote MAC │         │                 │
//	                │        ┌──────┐       │                 │
//	                │        │ path │       │                 │
//	                ▼        └──────┘       ▼                 ▼
//	        ┌──────────────────────────────────────────────────┐
//	        │                     deliver                      │ → port
//	        └──────────────────────────────────────────────────┘
//
// Frames to the gateway's MAC address, in networks that have one, pass these
// tables between responder (or classify, from a tunnel) and forward:
//
//	from the host's kernel
//	from_host → un_nat → nat_in ─────────────┐
//	                       └→ forward_in ──┐ │
//	                                       ▼ ▼   to a network
//	from an endpoint, or a tunnel ──────→ route ───────────────────────→ ttl → next_network → neighbour → forward
//	                                       │ │                            ▲         │
//	              out, of several gateways │ │ out, by the only one       │         │ out, here
//	  ┌────────────────────────────────────┘ └─────────────┬──────────────┤         ▼
//	  ▼                                       another host │    this host │      nat_out → nat_done → deliver
//	gw_pinned → gw_select → group → gw_pin → gw_steer ─────┴──────────────┘
//	                                                       ▼
//	                             forward, to a host ────→ mtu → too_big → path → deliver
//
// gw_note is a detour on the way in, in which a host learns through which
// gateway a connection came. Where machines are behind NICs, their frames pass
// nic instead of security and are learned there, and in learn on the hosts they
// go to; learned and learned_ip hold what was learned, and unknown_mac is where
// forward goes for all that is nobody's it knows.
//
// Where hosts do not all see each other, some go by others:
//
//	path → label → deliver              on the host that sends
//	classify → hops → relay → deliver   on those that relay
const (
	TableClassify    = 0
	TableHops        = 1
	TableRelay       = 2
	TableFromHost    = 5
	TableUnNAT       = 6
	TableNATIn       = 7
	TableForwardIn   = 8
	TableSecurity    = 10
	TableSecurityND  = 11
	TableNIC         = 15
	TableLearn       = 16
	TableResponder   = 20
	TableNDReply     = 21
	TableRoute       = 40
	TableGWPinned    = 41
	TableGWSelect    = 42
	TableGWPin       = 43
	TableGWSteer     = 44
	TableGWNote      = 45
	TableTTL         = 46
	TableNextNetwork = 47
	TableNeighbour   = 50
	TableLearnedIP   = 51
	TableForward     = 60
	TableLearned     = 61
	TableUnknownMAC  = 62
	TableMTU         = 63
	TableTooBig      = 64
	TablePath        = 65
	TableLabel       = 66
	TableNATOut      = 77
	TableNATDone     = 78
	TableDeliver     = 80
)

// TableNames are written into OVSDB, so that `ovs-ofctl --names dump-flows`
// reads like prose.
var TableNames = map[int]string{
	TableClassify:    "classify",
	TableHops:        "hops",
	TableRelay:       "relay",
	TableFromHost:    "from_host",
	TableUnNAT:       "un_nat",
	TableNATIn:       "nat_in",
	TableForwardIn:   "forward_in",
	TableSecurity:    "security",
	TableSecurityND:  "security_nd",
	TableNIC:         "nic",
	TableLearn:       "learn",
	TableResponder:   "responder",
	TableNDReply:     "nd_reply",
	TableRoute:       "route",
	TableGWPinned:    "gw_pinned",
	TableGWSelect:    "gw_select",
	TableGWPin:       "gw_pin",
	TableGWSteer:     "gw_steer",
	TableGWNote:      "gw_note",
	TableTTL:         "ttl",
	TableNextNetwork: "next_network",
	TableNeighbour:   "neighbour",
	TableLearnedIP:   "learned_ip",
	TableForward:     "forward",
	TableLearned:     "learned",
	TableUnknownMAC:  "unknown_mac",
	TableMTU:         "mtu",
	TableTooBig:      "too_big",
	TablePath:        "path",
	TableLabel:       "label",
	TableNATOut:      "nat_out",
	TableNATDone:     "nat_done",
	TableDeliver:     "deliver",
}

// What is known of a packet on its way stands in registers. Only classify
// and deliver speak of port numbers, which differ from host to host; all
// that stands between is the same everywhere.
//
//	metadata  the VNI of the network, set by classify
//	reg0      where the packet goes: an endpoint's number, a tunnel port or the host's kernel (bit 24)
//	reg1[0]   1 when it came through a tunnel
//	reg2      the gateway host that is chosen for it, by number
//	reg3      the endpoint that sent it, by number; 0 from a tunnel and from the host
//	reg5      the host it goes to, by number
//	reg6      which of several gateways, by its place among them
//	reg7      the host whose tunnel it came through, by number, if machines behind a NIC are there
//	reg8      the network into which a machine behind a NIC sent it, by VNI
//	reg10[0]  1 when it is too large for a tunnel
var (
	regOut     = openflow.Reg[0]
	regOrigin  = openflow.Reg[1]
	regGateway = openflow.Reg[2]
	regFrom    = openflow.Reg[3]
	regHost    = openflow.Reg[5]
	regPlace   = openflow.Reg[6]
	regVia     = openflow.Reg[7]
	regSegment = openflow.Reg[8]
	regTooBig  = openflow.Reg[10]
)

// fromTunnel is the value of regOrigin for a packet out of a tunnel, and
// fromHere for any other.
const (
	fromHere   = 0
	fromTunnel = 1
)

// What regOut holds beside the numbers of endpoints, which have 24 bits.
const (
	outTunnel = 1<<24 | 1     // the tunnel port of the network's encapsulation
	outBack   = 1<<24 | 2     // the tunnel port that it came in by
	outHost   = 1<<24 | 0x100 // the port that leads to this host's kernel
)

// Groups are named by kind and VNI, so there is no allocator to leak.
const (
	groupLocal  = 1 << 24 // the endpoints of a network on this host
	groupRemote = 2 << 24 // the other hosts that take part in it

	// Where machines are behind NICs: the NICs here, and the hosts that have some.
	groupNICs     = 3 << 24
	groupNICHosts = 4 << 24

	// The first of groupGateways groups: in each, another of the network's
	// gateways comes first, and the others follow in rotation.
	groupGateway  = 0x10 << 24
	groupGateways = 16
)

// GroupRole says in words what a group of a network is for.
func GroupRole(id uint32) string {
	switch kind := id &^ model.MaxVNI; {
	case kind == groupNICs || kind == groupNICHosts:
		return "where machines behind interfaces of hosts may be"
	case kind >= groupGateway && kind < groupGateway+groupGateways<<24:
		return fmt.Sprintf("the gateways in the order in which they are tried, from place %d", (kind-groupGateway)>>24)
	}
	return "whom broadcasts reach"
}

// Version is part of the cookie of every base flow. It changes with the
// meaning of the pipeline, so that a dump tells which program is installed.
const Version = 2
