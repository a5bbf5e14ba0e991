package walk

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	of "github.com/weft-sdn/weft/openflow"
)

var (
	datapathActions = regexp.MustCompile(`(?m)^Datapath actions: (.*)$`)
	tunnelPush      = regexp.MustCompile(`tnl_port\((\d+)\).*ipv[46]\(src=[^,]+,dst=([^,]+),.*vni=(0x[0-9a-f]+)\)`)
	tracedFlow      = regexp.MustCompile(`(?m)^ *\d+\. .*cookie (0x[0-9a-f]+)$`)
	pushedVLAN      = regexp.MustCompile(`^(?:tpid=0x88a8,)?vid=(\d+),pcp=0$`)
	resumed         = regexp.MustCompile(`(?m)^recirc\((0x[0-9a-f]+)\) - resume`)
	translated      = regexp.MustCompile(`nat\((src|dst)=([^,)]+)`)
)

// A traced is what a real switch says in a trace of a packet, which it may take
// through its tables several times.
type traced struct {
	ports   map[string]ovsPort
	passes  map[string]string // by what leads to them: "" or recirc(…)
	waiting []pass
	cookies []string
	copies  []copyOut
}

type pass struct {
	by string
	p  Packet
}

// readTrace finds the flows that take a packet in a trace, and what comes out
// of the switch.
func readTrace(out string, p Packet, ports map[string]ovsPort) (*traced, error) {
	t := &traced{ports: ports, passes: map[string]string{}, waiting: []pass{{"", p}}}
	by := ""
	for at := resumed.FindStringSubmatchIndex(out); at != nil; at = resumed.FindStringSubmatchIndex(out) {
		t.passes[by] = out[:at[0]]
		by = "recirc(" + out[at[2]:at[3]] + ")"
		out = out[at[1]:]
	}
	t.passes[by] = out
	for len(t.waiting) > 0 {
		next := t.waiting[0]
		t.waiting = t.waiting[1:]
		text, has := t.passes[next.by]
		if !has {
			return nil, fmt.Errorf("nothing is said of %s", next.by)
		}
		for _, m := range tracedFlow.FindAllStringSubmatch(withoutLarger(text), -1) {
			t.cookies = append(t.cookies, m[1])
		}
		actions := datapathActions.FindAllStringSubmatch(text, -1)
		if len(actions) != 1 {
			return nil, fmt.Errorf("%d lines of datapath actions", len(actions))
		}
		if err := t.do(actions[0][1], &next.p); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// withoutLarger leaves out what becomes of the packet if it is larger than
// check_pkt_larger allows: a trace tells that first, from the action that
// follows on, and then what becomes of it if it is not, from there again.
func withoutLarger(text string) string {
	var kept []string
	until := ""
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if until != "" {
			if line == until && !strings.Contains(lines[i-1], "check_pkt_larger") {
				until = ""
			} else {
				continue
			}
		}
		kept = append(kept, line)
		if strings.Contains(line, " check_pkt_larger(") && i+1 < len(lines) && !strings.Contains(line, "actions") {
			until = lines[i+1]
		}
	}
	return strings.Join(kept, "\n")
}

// do does datapath actions with a packet.
func (t *traced) do(all string, p *Packet) error {
	var tracked Packet // the last that went through the connection tracker
	for _, action := range split(all) {
		name, inner := cut(action)
		switch {
		case action == "drop", action == "ct_clear":
		case name == "userspace" && strings.Contains(inner, "controller("):
			t.copies = append(t.copies, copyOut{port: of.PortController})
		case action == "pop_vlan":
			p.clear(of.VLANTCI)
		case name == "push_vlan":
			m := pushedVLAN.FindStringSubmatch(inner)
			if m == nil {
				return fmt.Errorf("%q is not understood", action)
			}
			vid, _ := strconv.ParseUint(m[1], 0, 12)
			p.set(of.VLANTCI.Uint(0x1000 | vid))
		case name == "set":
			if err := setTraced(p, inner); err != nil {
				return err
			}
		case name == "ct":
			tracked = *p
			if m := translated.FindStringSubmatch(inner); m != nil {
				if err := translateTraced(&tracked, m[1], m[2]); err != nil {
					return err
				}
			}
		case name == "recirc":
			t.waiting = append(t.waiting, pass{action, tracked})
		case name == "check_pkt_len":
			for _, branch := range split(inner) {
				if name, inner := cut(branch); name == "le" && inner != "" {
					copied := *p
					if err := t.do(inner, &copied); err != nil {
						return err
					}
				}
			}
		case name == "clone", name == "tnl_push":
			m := tunnelPush.FindStringSubmatch(action)
			if m == nil {
				return fmt.Errorf("%q is not understood", action)
			}
			vni, _ := strconv.ParseUint(m[3], 0, 64)
			t.copies = append(t.copies, copyOut{t.ports[m[1]].number, vni, netip.MustParseAddr(m[2]), p.sent()})
		default:
			port, known := t.ports[action]
			if !known {
				return fmt.Errorf("%q is neither a port nor an action that is understood", action)
			}
			if port.host != underlayBridge { // there a tunnel's frames come out
				t.copies = append(t.copies, copyOut{port: port.number, packet: p.sent()})
			}
		}
	}
	return nil
}

func translateTraced(p *Packet, which, address string) error {
	a, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err != nil {
		return err
	}
	f := map[string]*of.Field{"src4": of.IPv4Src, "dst4": of.IPv4Dst, "src6": of.IPv6Src, "dst6": of.IPv6Dst}[which+map[bool]string{true: "4", false: "6"}[a.Is4()]]
	p.set(f.Addr(a))
	return nil
}

// split splits at the commas that are not in parentheses.
func split(s string) (parts []string) {
	depth, from := 0, 0
	for i, c := range s {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// cut takes name(inner) apart.
func cut(s string) (name, inner string) {
	name, rest, _ := strings.Cut(s, "(")
	return name, strings.TrimSuffix(rest, ")")
}

var tracedFields = map[string]*of.Field{
	"eth.src": of.EthSrc, "eth.dst": of.EthDst,
	"arp.op": of.ARPOp, "arp.sip": of.ARPSPA, "arp.tip": of.ARPTPA, "arp.sha": of.ARPSHA, "arp.tha": of.ARPTHA,
	"ipv4.ttl": of.IPTTL, "ipv6.hlimit": of.IPTTL, "tcp.src": of.TCPSrc, "tcp.dst": of.TCPDst, "udp.src": of.UDPSrc, "udp.dst": of.UDPDst,
	"icmp.type": of.ICMPv4Type, "icmp.code": of.ICMPv4Code,
	"ipv4.src": of.IPv4Src, "ipv4.dst": of.IPv4Dst, "skb_mark": of.PktMark,
	"ipv6.src": of.IPv6Src, "ipv6.dst": of.IPv6Dst,
	"icmpv6.type": of.ICMPv6Type, "icmpv6.code": of.ICMPv6Code,
	"nd_ext.nd_reserved": of.NDReserved, "nd_ext.nd_options_type": of.NDOptionsType,
	"nd.target": of.NDTarget, "nd.sll": of.NDSLL, "nd.tll": of.NDTLL,
}

// setTraced does what set(header(field=value,…)) says.
func setTraced(p *Packet, inner string) error {
	header, list := cut(inner)
	for _, one := range split(list) {
		name, text, has := strings.Cut(one, "=")
		f := tracedFields[header+"."+name]
		if !has {
			f, text = tracedFields[header], one
		}
		if f == nil {
			return fmt.Errorf("set(%s) is not understood", inner)
		}
		text, masked, hasMask := strings.Cut(text, "/")
		value, err := tracedValue(text)
		mask := slots[f].full
		if hasMask && err == nil {
			var m []byte
			m, err = tracedValue(masked)
			mask = bitsOf(m)
		}
		if err != nil {
			return fmt.Errorf("set(%s): %w", inner, err)
		}
		p.store(f, slots[f], p.load(f, slots[f]).andNot(mask).or(bitsOf(value).and(mask)))
	}
	return nil
}

func tracedValue(text string) ([]byte, error) {
	if mac, err := net.ParseMAC(text); err == nil {
		return mac, nil
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return a.AsSlice(), nil
	}
	n, err := strconv.ParseUint(text, 0, 32)
	return []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}, err
}
