package verify

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/flows/walk"
)

// walked has the packet walker, which knows nothing of this package, send the
// packet of a finding. What the walker cannot decide, or has no frames for, is
// not compared.
func walked(t *testing.T, facts Facts, g Finding) {
	t.Helper()
	sent := read(g.Packet)
	frame, ok := frameOf(sent)
	if !ok {
		return
	}
	underlay := walk.NewUnderlay()
	for _, h := range facts.Hosts {
		underlay.Add(&walk.Host{Name: fmt.Sprint(h.Number), Switch: walk.FromProgram(h.Program), VTEP: h.VTEP, TunnelPorts: h.TunnelPorts, GatewayPort: h.GatewayPort})
	}
	result := underlay.Walk(fmt.Sprint(g.From.Host), g.From.Port, frame)
	if result.Err != nil {
		return
	}
	came := func(host, port uint32) (n int) {
		for _, e := range result.Ends {
			if (e.Outcome == walk.Sent || e.Outcome == walk.ToKernel) && e.Host == fmt.Sprint(host) && e.Port == port {
				n++
			}
		}
		return n
	}
	answered := sent[slotEthType] == small(0x0806) || sent[slotEthType] == small(0x86dd) && sent[slotICMPv6Type] == small(135)
	switch {
	case g.Kind == Leak && g.Port != facts.tunnel(g.Host) && came(g.Host, g.Port) == 0:
		t.Errorf("the walker does not see it: %v\n%+v", g, result.Ends)
	case g.Kind == Lost && g.To != nil && !answered && came(g.To.Host, g.To.Port) == 1:
		t.Errorf("the walker sees it arrive: %v", g)
	}
	compared++
}

// compared is how many findings the walker was asked about.
var compared int

func (f *Facts) tunnel(host uint32) uint32 {
	for _, h := range f.Hosts {
		if h.Number == host {
			return h.TunnelPorts[flows.VXLAN]
		}
	}
	return 0
}

func frameOf(p *packet) (f walk.Packet, ok bool) {
	mac := func(x slot) [6]byte { return [6]byte(p[x].bytes(6)) }
	ip4 := func(x slot) netip.Addr { return netip.AddrFrom4([4]byte(p[x].bytes(4))) }
	ip6 := func(x slot) netip.Addr { return netip.AddrFrom16([16]byte(p[x].bytes(16))) }
	f = walk.Frame(mac(slotEthSrc), mac(slotEthDst))
	switch p[slotEthType].lo {
	case 0x0806:
		f = f.ARP(uint16(p[slotARPOp].lo), mac(slotARPSHA), ip4(slotARPSPA), mac(slotARPTHA), ip4(slotARPTPA))
	case 0x0800:
		f = f.IP(ip4(slotIPv4Src), ip4(slotIPv4Dst))
	case 0x86dd:
		f = f.IP(ip6(slotIPv6Src), ip6(slotIPv6Dst))
	default:
		f = f.EtherType(uint16(p[slotEthType].lo))
	}
	switch p[slotIPProto].lo {
	case 0:
	case 6:
		f = f.TCP(uint16(p[slotTCPSrc].lo), uint16(p[slotTCPDst].lo))
	case 17:
		f = f.UDP(uint16(p[slotUDPSrc].lo), uint16(p[slotUDPDst].lo))
	case 1:
		f = f.ICMP(byte(p[slotICMPv4Type].lo), byte(p[slotICMPv4Code].lo))
	case 58:
		switch {
		case !p[slotICMPv6Code].zero():
			return f, false
		case p[slotICMPv6Type].lo == 135:
			f = f.Solicit(ip6(slotNDTarget), mac(slotNDSLL))
		case p[slotICMPv6Type].lo == 136:
			f = f.Advertise(ip6(slotNDTarget), mac(slotNDTLL))
		default:
			f = f.ICMP(byte(p[slotICMPv6Type].lo), 0)
		}
	default:
		f = f.Protocol(byte(p[slotIPProto].lo))
	}
	if !p[slotIPProto].zero() {
		f = f.HopLimit(byte(p[slotIPTTL].lo))
	}
	if tci := p[slotVLAN].lo; tci != 0 {
		f = f.VLAN(uint16(tci & 0xfff))
	}
	return f, p[slotIPFrag].zero() && p[slotIPTOS].zero() && p[slotIPv6Label].zero() && p[slotVLAN].lo < 0x2000
}
