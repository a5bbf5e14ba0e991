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
)

// tracedCopies is what comes out of a real switch that does the datapath
// actions of a trace with a packet.
func tracedCopies(out string, p Packet, ports map[string]ovsPort) (copies []copyOut, err error) {
	all := datapathActions.FindAllStringSubmatch(out, -1)
	if len(all) != 1 {
		return nil, fmt.Errorf("%d lines of datapath actions", len(all))
	}
	for _, action := range split(all[0][1]) {
		name, inner := cut(action)
		switch {
		case action == "drop":
		case name == "userspace" && strings.Contains(inner, "controller("):
			copies = append(copies, copyOut{port: of.PortController})
		case name == "set":
			if err := setTraced(&p, inner); err != nil {
				return nil, err
			}
		case name == "clone", name == "tnl_push":
			m := tunnelPush.FindStringSubmatch(action)
			if m == nil {
				return nil, fmt.Errorf("%q is not understood", action)
			}
			vni, _ := strconv.ParseUint(m[3], 0, 64)
			copies = append(copies, copyOut{ports[m[1]].number, vni, netip.MustParseAddr(m[2]), p.sent()})
		default:
			port, known := ports[action]
			if !known {
				return nil, fmt.Errorf("%q is neither a port nor an action that is understood", action)
			}
			if port.host != underlayBridge { // there a tunnel's frames come out
				copies = append(copies, copyOut{port: port.number, packet: p.sent()})
			}
		}
	}
	return copies, nil
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
