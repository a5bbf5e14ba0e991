package verify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Facts are what a proof is about: what is wanted, what is known of the hosts,
// and the flows and groups that their switches have.
type Facts struct {
	Networks  []flows.Network
	Endpoints []flows.Endpoint
	NICs      []flows.NIC
	Hosts     []Host

	// What findings call hosts and endpoints; without these, by number.
	HostName, EndpointName func(number uint32) string
}

func (f *Facts) host(number uint32) string {
	if f.HostName != nil {
		return "host " + f.HostName(number)
	}
	return fmt.Sprintf("host %d", number)
}

func (f *Facts) endpoint(e flows.Endpoint) string {
	if f.EndpointName != nil {
		return "endpoint " + f.EndpointName(e.Number)
	}
	return fmt.Sprintf("endpoint %d", e.Number)
}

// Host is a host with what is on its switch, or is assumed to be.
type Host struct {
	flows.Host
	Program []*program.Fragment
}

// Result is a proof, or what stands against it.
type Result struct {
	Findings []Finding
	// More says that there may be further findings of the same kinds that were
	// not looked for.
	More bool

	Flows   int // rules of all hosts
	Senders int // ports of endpoints whose packets were followed
	Pairs   int // ordered pairs of endpoints that must reach each other
	Exits   int // endpoints that must find a way out of their network
}

// Proved reports that nothing stands against it.
func (r *Result) Proved() bool { return len(r.Findings) == 0 }

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	// Leak: a packet comes out where it must not.
	Leak Kind = "leak"
	// Lost: a packet, or the answer to a question, does not arrive, or more
	// than once.
	Lost Kind = "lost"
	// Unproved: a packet gets to something that is outside the model, so
	// nothing is proved about what happens then.
	Unproved Kind = "unproved"
)

// A Finding is a counterexample: a packet and its way.
type Finding struct {
	Kind   Kind
	From   flows.Endpoint  // who sends it
	To     *flows.Endpoint // who gets it, or should; nil where that is nobody
	Host   uint32          // where it comes out, or is lost
	Port   uint32          // where it comes out; 0: nowhere
	Packet of.Match        // with the port that it comes in by; nil where none was found
	Steps  []Step
	Why    string
}

// A Step is the flow that a packet took in one table.
type Step struct {
	Host  uint32
	Table uint8
	Flow  *program.Flow // nil: no flow of the table matched
}

// fields is the packet as a match, with the fields that its protocols have.
func (p *packet) fields(port uint32) of.Match {
	list := []of.FieldValue{of.InPort.Uint(uint64(port))}
	add := func(x slot) {
		f := shown[x]
		size := (width[x] + 7) / 8
		list = append(list, of.FieldValue{Field: f, Value: p[x].bytes(size)})
	}
	each := func(xs ...slot) {
		for _, x := range xs {
			add(x)
		}
	}
	if mark := p[slotPktMark]; !mark.zero() {
		add(slotPktMark)
	}
	each(slotEthSrc, slotEthDst)
	if tci := p[slotVLAN].lo; tci&0x1000 != 0 {
		add(slotVLAN)
	}
	add(slotEthType)
	switch p[slotEthType].lo {
	case 0x0800:
		each(slotIPv4Src, slotIPv4Dst)
		list = append(list, p.transport(6, 17, 132, 1)...)
	case 0x86dd:
		each(slotIPv6Src, slotIPv6Dst)
		if !p[slotIPv6Label].zero() {
			add(slotIPv6Label)
		}
		list = append(list, p.transport(6, 17, 132, 58)...)
	case 0x0806:
		each(slotARPOp, slotARPSPA, slotARPTPA, slotARPSHA, slotARPTHA)
	}
	return of.NewMatch(list...)
}

// transport is the fields of the IP header and of what is in it.
func (p *packet) transport(tcp, udp, sctp, icmp uint64) (list []of.FieldValue) {
	each := func(xs ...slot) {
		for _, x := range xs {
			list = append(list, of.FieldValue{Field: shown[x], Value: p[x].bytes((width[x] + 7) / 8)})
		}
	}
	each(slotIPProto, slotIPTTL)
	if tos := p[slotIPTOS].lo; tos != 0 {
		list = append(list, of.IPDSCP.Uint(tos>>2), of.IPECN.Uint(tos&3))
	}
	if frag := p[slotIPFrag].lo; frag != 0 {
		each(slotIPFrag)
		if frag&2 != 0 {
			return list
		}
	}
	switch p[slotIPProto].lo {
	case tcp:
		each(slotTCPSrc, slotTCPDst)
		if !p[slotTCPFlags].zero() {
			each(slotTCPFlags)
		}
	case udp:
		each(slotUDPSrc, slotUDPDst)
	case sctp:
		each(slotSCTPSrc, slotSCTPDst)
	case icmp:
		if icmp == 1 {
			each(slotICMPv4Type, slotICMPv4Code)
			break
		}
		each(slotICMPv6Type, slotICMPv6Code)
		switch t := p[slotICMPv6Type].lo; {
		case !p[slotICMPv6Code].zero():
		case t == 135:
			each(slotNDTarget, slotNDSLL)
		case t == 136:
			each(slotNDTarget, slotNDTLL)
		}
	}
	return list
}

// pattern is what a packet of an endpoint looks like where nothing else is
// asked of it.
func pattern(e flows.Endpoint) *packet {
	var p packet
	p[slotEthSrc] = fromBytes(e.MAC[:])
	p[slotARPSHA], p[slotNDSLL], p[slotNDTLL] = p[slotEthSrc], p[slotEthSrc], p[slotEthSrc]
	p[slotEthType] = small(0x0800)
	p[slotIPProto], p[slotIPTTL] = small(17), small(64)
	p[slotICMPv4Type], p[slotICMPv6Type] = small(8), small(128)
	p[slotARPOp] = small(1)
	for _, a := range slices.Backward(e.Addresses) {
		if a.Is4() {
			p[slotIPv4Src], p[slotARPSPA] = addr(a), addr(a)
		} else {
			p[slotIPv6Src] = addr(a)
		}
	}
	return &p
}

func addr(a netip.Addr) word { return fromBytes(a.AsSlice()) }

// steps is a trail from its beginning.
func (t *trail) steps() (out []Step) {
	for ; t != nil; t = t.next {
		s := Step{Host: t.host.Number, Table: t.table}
		if t.rule != nil {
			s.Flow = &t.rule.flow
		}
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}

// Trace is the packet in the form that `ovs-appctl ofproto/trace` takes. Unlike
// ovs-ofctl it takes tp_src for TCP's and icmp_type for ICMPv4's, whatever the
// protocol.
func (f Finding) Trace() string {
	parts := make([]string, len(f.Packet))
	for i, v := range f.Packet {
		text := of.Match{v}.String()
		if name, value, ok := strings.Cut(text, "="); ok && (strings.HasPrefix(name, "tp_") || strings.HasPrefix(name, "icmp_")) {
			text = v.Field.Name + "=" + value
		}
		parts[i] = text
	}
	return strings.Join(parts, ",")
}

// String is the finding for people, with the flows as ovs-ofctl prints them.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: from endpoint %d (VNI %d, host %d, port %d): %s\n  %v\n",
		f.Kind, f.From.Number, f.From.VNI, f.From.Host, f.From.Port, f.Why, f.Trace())
	for _, s := range f.Steps {
		if s.Flow == nil {
			fmt.Fprintf(&b, "  host %d: no flow of table %d matches\n", s.Host, s.Table)
			continue
		}
		fmt.Fprintf(&b, "  host %d: %v\n", s.Host, s.Flow)
	}
	return b.String()
}
