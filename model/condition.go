package model

// Condition is something about an object that a person should know: it works
// less well than it could, or not yet, and why.
type Condition struct {
	Type    string `json:"type"`    // one of the constants below
	Message string `json:"message"` // a sentence, with the way out
}

// The types of condition, in the words that the API shows.
const (
	MTUTooLarge        = "MTUTooLarge"        // the underlay cannot carry it
	MACMismatch        = "MACMismatch"        // the port sends, but only with another MAC
	MACUnknown         = "MACUnknown"         // no frame seen yet from which to adopt the MAC
	ClaimRefused       = "ClaimRefused"       // a second port claims the endpoint
	AmbiguousContainer = "AmbiguousContainer" // a container of that name is on several hosts
	DatapathFailed     = "DatapathFailed"     // no datapath works on the host
	BadSetting         = "BadSetting"         // a setting in the host's external_ids cannot be used
	PortFailed         = "PortFailed"         // Open vSwitch reports an error on the port
	NoEncap            = "NoEncap"            // a host has no tunnels of the network's encapsulation
	NotRelayed         = "NotRelayed"         // the VNI leaves no room for relaying
	NoLink             = "NoLink"             // hosts of which the underlay declares no link
	NoTunnels          = "NoTunnels"          // the host gets no tunnels, and why
	NameTaken          = "NameTaken"          // another host had the hostname first
	ForeignCluster     = "ForeignCluster"     // another Weft's mark is on the host
	ForeignController  = "ForeignController"  // br-weft has a controller of its own
	LockHeld           = "LockHeld"           // another controller holds the host's OVSDB lock
	DuplicateSystemID  = "DuplicateSystemID"  // a second host speaks under this system-id
	FlowRefused        = "FlowRefused"        // the switch refused a flow of this object
	Tampered           = "Tampered"           // somebody else changed flows; repaired
	OpenDoor           = "OpenDoor"           // any host may join: no --admit was given
	HostUnknown        = "HostUnknown"        // names a host that has never been seen
	GatewayDown        = "GatewayDown"        // no gateway host of the network can be reached
	GatewayNotReady    = "GatewayNotReady"    // a gateway host's side is not set up
	CutOff             = "CutOff"             // its agent gossips, its Open vSwitch is not connected
	StandsBy           = "StandsBy"           // a second NIC that leads to one segment, or may
	HostAway           = "HostAway"           // last known state is used
)
