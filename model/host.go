package model

import "time"

// States of a host's two connections.
const (
	Connected = "connected"
	Away      = "away"
)

// States of a host's agent in the gossip.
const (
	GossipAlive   = "alive"
	GossipSuspect = "suspect" // does not answer at the moment
	GossipDead    = "dead"
	GossipLeft    = "left" // said goodbye
	GossipNone    = "none" // never heard
)

// Host is a machine whose Open vSwitch points at the controller.
type Host struct {
	Name         string      `json:"name"`
	SystemID     string      `json:"systemID"`
	Number       uint32      `json:"number"` // durable, names the host in flows
	VTEP         string      `json:"vtep,omitempty"`
	Address      string      `json:"address,omitempty"`    // where its OVSDB connection comes from
	OVSDB        string      `json:"ovsdb"`                // Connected or Away
	OpenFlow     string      `json:"openflow"`             // Connected or Away
	Gossip       string      `json:"gossip,omitempty"`     // of its agent: one of the constants above
	DatapathID   string      `json:"datapathID,omitempty"` // 16 hexadecimal digits
	Datapath     string      `json:"datapath,omitempty"`   // system or netdev
	OVSVersion   string      `json:"ovsVersion,omitempty"`
	UnderlayMTU  int         `json:"underlayMTU,omitempty"`
	Endpoints    int         `json:"endpoints"`    // located there
	Networks     int         `json:"networks"`     // that it takes part in
	Flows        int         `json:"flows"`        // wanted on its bridge
	Draining     bool        `json:"draining"`     // a gateway that gets no new connections
	Synchronized bool        `json:"synchronized"` // the switch confirmed all that is wanted
	Repairs      uint64      `json:"repairs"`      // foreign changes undone since the controller started
	LastSeen     time.Time   `json:"lastSeen,omitzero"`
	LastError    string      `json:"lastError,omitempty"`
	Conditions   []Condition `json:"conditions,omitempty"`
	Revision     uint64      `json:"revision,omitempty"`
}

// Port is a port of a host's br-weft, as its Open vSwitch shows it.
type Port struct {
	Name           string      `json:"name"`
	Number         uint32      `json:"number,omitempty"` // OpenFlow's, from the OpenFlow session
	Kind           string      `json:"kind"`             // one of the constants below
	IfaceID        string      `json:"ifaceID,omitempty"`
	ContainerID    string      `json:"containerID,omitempty"`
	ContainerIface string      `json:"containerIface,omitempty"`
	Endpoint       string      `json:"endpoint,omitempty"` // the id of the endpoint that it has
	Network        string      `json:"network,omitempty"`  // of a NIC
	VLAN           int         `json:"vlan,omitempty"`     // of a NIC
	Error          string      `json:"error,omitempty"`    // of its Interface row
	Conditions     []Condition `json:"conditions,omitempty"`
}

// Kinds of port.
const (
	PortEndpoint  = "endpoint"  // has an endpoint
	PortNIC       = "nic"       // a physical interface that is in a network
	PortTunnel    = "tunnel"    // Weft's own
	PortBridge    = "bridge"    // br-weft's own internal port
	PortUnmatched = "unmatched" // fits no endpoint: often a mistyped iface-id
)
