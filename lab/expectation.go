package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// Expectation is one thing that must hold once the topology is up, or one that
// must hold before anything is declared.
type Expectation struct {
	From string `json:"from"` // a machine
	To   string `json:"to"`   // a machine, ADDRESS or ADDRESS:PORT

	Reaches *bool  `json:"reaches,omitempty"` // it is answered; or nothing is answered and nothing arrives
	Proto   string `json:"proto,omitempty"`   // only over tcp, udp or icmp; default all that To can answer
	Answers string `json:"answers,omitempty"` // the machine that must answer, where To is an address
	SeenAs  string `json:"seenAs,omitempty"`  // the address that the answering machine sees, or the machine that has it
	Before  bool   `json:"before,omitempty"`  // holds before anything is declared

	Bulk ByteSize `json:"bulk,omitzero"` // so much over one TCP connection
	// Neighbour "local": ARP and neighbour discovery between the two are
	// answered on their own hosts; no question crosses the tunnel.
	Neighbour string `json:"neighbour,omitempty"`
	// MTU is that of From's interface, and packets of just that size arrive.
	MTU int `json:"mtu,omitempty"`
	// Without is a host that stops while From pings To: they go on by another way,
	// after Gap at the most.
	Without string `json:"without,omitempty"`
	Gap     Span   `json:"gap,omitzero"`
	// Wire is how packets from one to the other look on the underlay.
	Wire *Wire `json:"wire,omitempty"`
}

// Wire is a tunnel as it looks on the underlay.
type Wire struct {
	UDP uint16 `json:"udp"` // the port that VXLAN packets go to
	VNI uint32 `json:"vni"`
}

const neighbourLocal = "local"

// Protocols that can be asked over.
const (
	overTCP  = "tcp"
	overUDP  = "udp"
	overICMP = "icmp"
)

// positive tells what must work from what must not.
func (e Expectation) positive() bool { return e.Reaches == nil || *e.Reaches }

func (e Expectation) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s reaches %s", e.From, e.To)
	switch {
	case !e.positive():
		s.Reset()
		fmt.Fprintf(&s, "%s does not reach %s", e.From, e.To)
	case e.Bulk != 0:
		fmt.Fprintf(&s, " with %s", e.Bulk)
	case e.Neighbour != "":
		s.Reset()
		fmt.Fprintf(&s, "%s finds %s without asking over the tunnel", e.From, e.To)
	case e.MTU != 0:
		fmt.Fprintf(&s, " with packets of %d bytes, its MTU", e.MTU)
	case e.Without != "":
		fmt.Fprintf(&s, " within %s after %s stops", e.Gap, e.Without)
	case e.Wire != nil:
		fmt.Fprintf(&s, " in UDP to port %d with VNI %d", e.Wire.UDP, e.Wire.VNI)
	}
	for _, more := range []struct{ words, value string }{{"over", e.Proto}, {"at", e.Answers}, {"as", e.SeenAs}} {
		if more.value != "" {
			fmt.Fprintf(&s, " %s %s", more.words, more.value)
		}
	}
	if e.Before {
		s.WriteString(" before anything is declared")
	}
	return s.String()
}

// destination is what an expectation's To means.
type destination struct {
	machine *Machine     // nil: an address that is somebody's, or a gateway's
	address netip.Addr   // of no machine
	port    uint16       // where a responder listens, or a forward
	protos  []string     // to ask over
	common  []netip.Addr // to ask at
}

// parseAddress reads ADDRESS and ADDRESS:PORT. The port is 0 without one.
func parseAddress(to string) (address netip.Addr, port uint16, ok bool) {
	if both, err := netip.ParseAddrPort(to); err == nil {
		return both.Addr(), both.Port(), true
	}
	address, err := netip.ParseAddr(to)
	return address, 0, err == nil
}

// destinationOf says how From asks To.
func (l *Lab) destinationOf(e Expectation) destination {
	d := destination{machine: l.Machine(e.To), port: responderPort, protos: []string{overTCP, overUDP, overICMP}}
	if d.machine != nil {
		d.common = commonAddresses(l.Machine(e.From), d.machine)
	} else {
		d.address, d.port, _ = parseAddress(e.To)
		d.common = []netip.Addr{d.address}
		d.protos = []string{overICMP} // a gateway's address answers nothing else
		if d.port != 0 {
			d.protos = []string{overTCP}
		}
	}
	if e.SeenAs != "" {
		d.protos = []string{overTCP, overUDP} // in the answer is who asked
	}
	if e.Proto != "" {
		d.protos = []string{e.Proto}
	}
	return d
}
