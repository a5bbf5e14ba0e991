package model

import (
	"fmt"
	"net/netip"
	"slices"
)

// Encapsulations of a network's frames between hosts.
const (
	VXLAN  = "vxlan" // RFC 7348
	Geneve = "geneve"
	GRE    = "gre"
)

// What becomes of a question for an address that nobody is known to have.
const (
	Drop  = "drop"
	Flood = "flood"
)

const (
	// MaxVNI is the largest network identifier: 24 bits (RFC 7348 section 5).
	MaxVNI = 1<<24 - 1
	// ReservedVNI is in the tunnels that only find out whether a gateway host
	// can be reached: no network's frames may come through those.
	ReservedVNI = MaxVNI
	// MaxAutomaticVNI bounds those that Weft chooses itself. It leaves the
	// upper three bits of the tunnel id free, which relaying over a partial
	// mesh needs.
	MaxAutomaticVNI = 1<<21 - 2

	minMTU     = 576   // every IPv4 host takes that (RFC 1122 section 3.3.2)
	minMTUv6   = 1280  // every IPv6 link has that (RFC 8200 section 5)
	maxMTU     = 65485 // what fits into an IPv4 packet with VXLAN around it
	maxSubnets = 16
)

// Network is an isolated layer 2 segment that spans hosts, identified on the
// wire by its VNI.
type Network struct {
	Name    string   `json:"name"`
	Subnets []Prefix `json:"subnets,omitempty"` // none: layer 2 only
	Subnet  *Prefix  `json:"subnet,omitempty"`  // accepted in requests for a single one
	VNI     uint32   `json:"vni,omitempty"`     // 1 to 16777214; chosen when left out
	MTU     int      `json:"mtu,omitempty"`     // bytes of an IP packet; chosen when left out
	Encap   string   `json:"encap,omitempty"`
	Unknown string   `json:"unknown,omitempty"` // what becomes of ARP and ND for unknown addresses
	Gateway *Gateway `json:"gateway,omitempty"`

	// Slices are hosts' own parts of the subnets, by name of the host. SliceSize
	// is the length of the prefixes of those that Weft chooses, for each host
	// when it first needs an address; 0: it chooses none.
	Slices    map[string]Ranges `json:"slices,omitempty"`
	SliceSize int               `json:"sliceSize,omitempty"`

	// Read-only.
	Endpoints  int         `json:"endpoints"`
	MTULimit   *MTULimit   `json:"mtuLimit,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
	Revision   uint64      `json:"revision,omitempty"`
}

// MTULimit is the largest MTU that the underlay of all hosts carries, and the
// host that limits it.
type MTULimit struct {
	MTU  int    `json:"mtu"`
	Host string `json:"host"`
}

// Normalize fills in what does not depend on anything else, and folds the
// short form of a request into the long one.
func (n *Network) Normalize() {
	if n.Subnet != nil && len(n.Subnets) == 0 {
		n.Subnets, n.Subnet = []Prefix{*n.Subnet}, nil
	}
	if n.Encap == "" {
		n.Encap = VXLAN
	}
	if n.Unknown == "" {
		// Without subnets no address is known, so nothing would ever resolve.
		n.Unknown = Drop
		if len(n.Subnets) == 0 {
			n.Unknown = Flood
		}
	}
	if g := n.Gateway; g != nil && g.Mode == "" {
		g.Mode = GatewayLocal
		if len(g.Addresses) == 0 {
			g.Mode = GatewayNone
		}
	}
}

// Check says what is wrong with a normalized network, whatever else exists.
// A VNI or MTU of 0 is one that is still to be chosen.
func (n *Network) Check() *Error {
	if err := CheckName("name", n.Name); err != nil {
		return err
	}
	if n.VNI > MaxVNI {
		return Invalidf("vni", "%d is not a VNI: 1 to %d, which is what 24 bits hold (RFC 7348), or leave it out and one is chosen", n.VNI, MaxVNI)
	}
	if n.VNI == ReservedVNI {
		return Invalidf("vni", "%d is Weft's own, in the tunnels that watch over gateway hosts: take another, or leave it out and one is chosen", n.VNI)
	}
	if n.Subnet != nil {
		return Invalidf("subnet", "give either subnet or subnets, not both")
	}
	if err := n.checkSubnets(); err != nil {
		return err
	}
	if n.MTU != 0 {
		least := minMTU
		if slices.ContainsFunc(n.Subnets, func(p Prefix) bool { return p.Prefix.Addr().Is6() }) {
			least = minMTUv6
		}
		if n.MTU < least || n.MTU > maxMTU {
			return Invalidf("mtu", "%d is not an MTU for this network: %d to %d, or leave it out and it is chosen from the underlay", n.MTU, least, maxMTU)
		}
	}
	switch n.Encap {
	case VXLAN, Geneve, GRE:
	default:
		return Invalidf("encap", "%q is not an encapsulation: use %s, %s or %s", shorten(n.Encap), VXLAN, Geneve, GRE)
	}
	if n.Unknown != Drop && n.Unknown != Flood {
		return Invalidf("unknown", "%q: use %s or %s", shorten(n.Unknown), Drop, Flood)
	}
	if err := n.checkSlices(); err != nil {
		return err
	}
	return n.checkGateway()
}

func (n *Network) checkSubnets() *Error {
	if len(n.Subnets) > maxSubnets {
		return Invalidf("subnets", "%d subnets: a network has %d at the most", len(n.Subnets), maxSubnets)
	}
	for i, p := range n.Subnets {
		if err := p.check(fmt.Sprintf("subnets[%d]", i)); err != nil {
			return err
		}
		for j, q := range n.Subnets[:i] {
			if p.Overlaps(q.Prefix) {
				return Invalidf(fmt.Sprintf("subnets[%d]", i), "%s overlaps subnets[%d], %s: subnets of one network must not", p.Prefix, j, q.Prefix)
			}
		}
	}
	return nil
}

// SubnetOf returns the subnet of the network that holds the address.
func (n *Network) SubnetOf(a netip.Addr) (netip.Prefix, bool) {
	for _, p := range n.Subnets {
		if p.Contains(a) {
			return p.Prefix, true
		}
	}
	return netip.Prefix{}, false
}

func (n *Network) subnetList() string {
	if len(n.Subnets) == 0 {
		return "it has none: it is layer 2 only"
	}
	s := ""
	for i, p := range n.Subnets {
		if i > 0 {
			s += ", "
		}
		s += p.Prefix.String()
	}
	return s
}
