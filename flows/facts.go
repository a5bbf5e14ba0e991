package flows

import "net/netip"

// Mode is how far what is addressed to the router of a network gets.
type Mode uint8

// The modes of a gateway.
const (
	Local  Mode = iota + 1 // the gateway address answers, and routers lead to other networks
	Routed                 // and packets leave as they are
	SNAT                   // and packets leave with a translated source
)

// Leaves reports whether packets leave the network by a host's kernel.
func (m Mode) Leaves() bool { return m == Routed || m == SNAT }

// RouterMAC is the MAC address of every network's gateway on every host. It is
// nobody's in particular, so a gateway that moves changes flows and no ARP
// cache.
var RouterMAC = [6]byte{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}

// HostMAC is the MAC address of the port through which a host's kernel takes
// part.
func HostMAC(number uint32) [6]byte {
	return [6]byte{0x02, 0x77, 0x65, 0x67, byte(number >> 8), byte(number)}
}

// hostMACs is what all addresses of [HostMAC] have in common.
var hostMACs = [6]byte{0xff, 0xff, 0xff, 0xff}

// Gateway is what flows depend on of a network's gateway.
type Gateway struct {
	Mode       Mode
	Addresses  []netip.Addr
	Subnets    []netip.Prefix
	Peers      []uint32 // VNIs of the networks on a common router, in order
	Limit      uint16   // bytes of the largest IP packet that every tunnel carries
	Zone       uint16   // of its translations, 1 to 32767; 0 unless the mode leaves
	Hosts      []Exit   // none: every host is its own way out
	HostAccess bool     // what comes from the host, or through it, reaches in
	Fallback   Transit  // as which machines behind its NICs are known outside; invalid: not at all
}

// Exit is a host through which packets leave a network.
type Exit struct {
	Host     uint32
	Draining bool // it keeps the connections that it has, and gets no new ones
}

// PinZone is the conntrack zone in which hosts remember which exit a connection
// takes.
func (g *Gateway) PinZone() uint16 { return g.Zone + 1<<15 }

// Transit are the addresses as which an endpoint is known between Open vSwitch
// and the kernel of a gateway host; invalid where there is none.
type Transit struct{ V4, V6 netip.Addr }

// TransitRange is where transit addresses are from.
type TransitRange struct{ V4, V6 netip.Prefix }

// Forward is a port of an endpoint that a port of the gateway hosts leads to: the
// host translates its own address and port to the endpoint's transit address and
// this port.
type Forward struct {
	Protocol uint8 // 6 TCP, 17 UDP
	Port     uint16
}

// NIC is a physical interface of a host that is in a network: the machines behind
// it are, too.
type NIC struct {
	Number uint32 // names it; endpoints have other numbers
	VNI    uint32
	Host   uint32
	Port   uint32 // its port there; 0: not known
	VLAN   uint16 // tag of the network's frames on the wire; 0: none
}
