package controller

import (
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow/program"
)

// Records are what the state consists of. A record is never changed once a
// transaction with it is committed: a change is a new record.

// networkRecord is a network as wanted, with what was chosen for it.
type networkRecord struct {
	model.Network
	Source string `json:"source,omitempty"` // of the document that declared it
	// Zone is the conntrack zone of its translations, cluster-wide; 0 until a
	// gateway of it leads out for the first time.
	Zone uint16 `json:"zone,omitempty"`
	// Automatic are those of its slices that were chosen, by name of the host.
	Automatic map[string]model.Ranges `json:"automatic,omitempty"`
}

// endpointRecord is an endpoint as wanted, with what was chosen for it.
type endpointRecord struct {
	model.Endpoint
	Number uint32 `json:"number"` // names it in flows
	// Adopted is the row of the port from whose first frame the MAC was
	// learned. Another port, of a container that was started anew, say, has
	// another MAC, which is learned again.
	Adopted string `json:"adopted,omitempty"`
	Source  string `json:"source,omitempty"`
}

// routerRecord is a router as wanted.
type routerRecord struct {
	model.Router
	Source string `json:"source,omitempty"`
}

// forwardRecord is a forward as wanted. Its Endpoint is always an id.
type forwardRecord struct {
	model.Forward
	Source string `json:"source,omitempty"`
}

// nicRecord is a NIC as wanted, of the host that has the system-id by whatever
// name: Host is only filled in for the API.
type nicRecord struct {
	model.NIC
	SystemID string `json:"systemID"`
	Number   uint32 `json:"number"` // names it in flows; endpoints have others
	// StandBy: it does not take part (yet); see segments.go. Twin is the number
	// of the NIC because of which it does not.
	StandBy bool   `json:"standBy,omitempty"`
	Twin    uint32 `json:"twin,omitempty"`
}

// placeRecord is where an endpoint is. Only Host is durable.
type placeRecord struct {
	Endpoint string `json:"-"`
	Host     string `json:"host"` // system-id

	Port       string            `json:"-"` // name of the port there
	Number     uint32            `json:"-"` // of the port; 0 while not known
	Generation uint64            `json:"-"` // of the host's program that has it as it is
	Conditions []model.Condition `json:"-"`
	Mismatch   bool              `json:"-"` // its port sends, and only with another MAC
}

// hostRecord is what is known of a host, also while it is away.
type hostRecord struct {
	SystemID    string     `json:"systemID"`
	Name        string     `json:"name"`
	Number      uint32     `json:"number"`
	DatapathID  uint64     `json:"datapathID"`
	VTEP        netip.Addr `json:"vtep,omitzero"` // none: it gets no tunnels
	Address     netip.Addr `json:"address,omitzero"`
	Datapath    string     `json:"datapath,omitempty"`
	OVSVersion  string     `json:"ovsVersion,omitempty"`
	UnderlayMTU int        `json:"underlayMTU,omitempty"`
	// Superseded is the generation id that the host's switch had seen from the
	// controller of another cluster when it was adopted. Ours count from there.
	Superseded uint64    `json:"superseded,omitempty"`
	Draining   bool      `json:"draining,omitempty"` // it gets no new connections as a gateway
	FirstSeen  time.Time `json:"firstSeen"`
	// What the gossip last said of its agent, empty if there was none ever.
	Gossip   string         `json:"gossip,omitempty"`
	GossipAt netip.AddrPort `json:"gossipAt,omitzero"`
	Revision uint64         `json:"-"`
}

// presenceRecord says that a host's switch may have flows of a VNI. It is
// stored before the first is sent and goes when the switch has confirmed that
// none is left, so a VNI is never given to another network too early. Nor is
// the zone, of which the host's conntrack is flushed before.
type presenceRecord struct {
	Host string // system-id
	VNI  uint32
	Zone uint16 `json:",omitempty"`
}

// linkRecord is how a host is connected right now, and what it shows.
type linkRecord struct {
	SystemID    string
	OVSDB       bool
	OpenFlow    bool
	LastSeen    time.Time
	SwitchAway  time.Time // since when there is no OpenFlow connection, while there is one to its database
	LastError   string
	Conditions  []model.Condition // of the host as such
	TunnelPorts flows.TunnelPorts
	GatewayPort uint32            // the port that leads to its kernel
	WatchPorts  map[uint32]uint32 // host number → the port that watches it by BFD
	Watches     map[uint32]watch  // host number → what is seen of it through that port
	Agent       string            // what the host's agent says of the host's side of gateways
	Wanted      uint64            // generation of the program that is wanted
	Confirmed   uint64            // generation that the switch confirmed; 0: not read back yet
	Flows       int
	Repairs     uint64
	Foreign     bool                   // another cluster's, or another controller's
	Tampered    bool                   // it has foreign changes that are not repaired
	Refused     map[program.Key]string // fragment → what the switch said of it
}

func (l *linkRecord) synchronized() bool {
	return l != nil && l.OpenFlow && l.Confirmed > 0 && l.Confirmed >= l.Wanted && len(l.Refused) == 0 && !l.Tampered
}

// portFact is a port of br-weft as a host's OVSDB shows it, with its number
// from OpenFlow.
type portFact struct {
	Host           string // system-id
	Row            string // UUID of its Interface row: another port of that name has another
	Name           string
	Number         uint32 // 0: OpenFlow does not show it (yet)
	IfaceID        string
	ContainerID    string
	ContainerIface string
	Internal       bool // br-weft's own
	Ours           bool // a tunnel port
	NoDevice       bool // its row is there, its device is gone
	Error          string
}
