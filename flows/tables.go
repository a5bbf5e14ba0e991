package flows

import "github.com/weft-sdn/weft/openflow"

// The tables of br-weft. A packet only ever goes forward; the gaps are for
// what later stands between (from_host, policy, route, neighbour, mtu, nat).
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
const (
	TableClassify   = 0
	TableSecurity   = 10
	TableSecurityND = 11
	TableResponder  = 20
	TableNDReply    = 21
	TableForward    = 60
	TablePath       = 65
	TableDeliver    = 80
)

// TableNames are written into OVSDB, so that `ovs-ofctl --names dump-flows`
// reads like prose.
var TableNames = map[int]string{
	TableClassify:   "classify",
	TableSecurity:   "security",
	TableSecurityND: "security_nd",
	TableResponder:  "responder",
	TableNDReply:    "nd_reply",
	TableForward:    "forward",
	TablePath:       "path",
	TableDeliver:    "deliver",
}

// What is known of a packet on its way stands in registers. Only classify
// and deliver speak of port numbers, which differ from host to host; all
// that stands between is the same everywhere.
//
//	metadata  the VNI of the network, set by classify
//	reg0      where the packet goes: an endpoint's number, or a tunnel (bit 24)
//	reg1[0]   1 when it came through a tunnel
//	reg3      the endpoint that sent it, by number; 0 from a tunnel
//	reg5      the host it goes to, by number
var (
	regOut    = openflow.Reg[0]
	regOrigin = openflow.Reg[1]
	regFrom   = openflow.Reg[3]
	regHost   = openflow.Reg[5]
)

// fromTunnel is the value of regOrigin for a packet out of a tunnel.
const fromTunnel = 1

// outVXLAN in regOut means the flow-based VXLAN port. Endpoints' numbers have
// 24 bits, so tunnels are told from them by bit 24.
const outVXLAN = 1<<24 | 1

// Groups are named by kind and VNI, so there is no allocator to leak.
const (
	groupLocal  = 1 << 24 // the endpoints of a network on this host
	groupRemote = 2 << 24 // the other hosts that take part in it
)

// Version is part of the cookie of every base flow. It changes with the
// meaning of the pipeline, so that a dump tells which program is installed.
const Version = 1
