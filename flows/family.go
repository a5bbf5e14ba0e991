package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
)

// family is a version of IP, in the fields that speak of it.
type family struct {
	ip       of.FieldValue
	src, dst *of.Field

	echo      []of.FieldValue // matches an echo request
	echoType  *of.Field
	echoReply uint64
}

var (
	family4 = &family{
		ip: ipv4(), src: of.IPv4Src, dst: of.IPv4Dst,
		echo:     []of.FieldValue{ipv4(), of.IPProto.Uint(protoICMP), of.ICMPv4Type.Uint(icmpEcho), of.ICMPv4Code.Uint(0)},
		echoType: of.ICMPv4Type, echoReply: icmpEchoReply,
	}
	family6 = &family{
		ip: ipv6(), src: of.IPv6Src, dst: of.IPv6Dst,
		echo:     append(icmpv6(icmpv6Echo), of.ICMPv6Code.Uint(0)),
		echoType: of.ICMPv6Type, echoReply: icmpv6EchoReply,
	}
	families = [...]*family{family4, family6}
)

func familyOf(a netip.Addr) *family {
	if a.Is4() {
		return family4
	}
	return family6
}

// from and to match what an address, and within what a subnet, sends and gets.
func from(a netip.Addr) []of.FieldValue { f := familyOf(a); return match(f.ip, f.src.Addr(a)) }
func to(a netip.Addr) []of.FieldValue   { f := familyOf(a); return match(f.ip, f.dst.Addr(a)) }

func fromSubnet(p netip.Prefix) []of.FieldValue {
	f := familyOf(p.Addr())
	return match(f.ip, f.src.Prefix(p))
}

func toSubnet(p netip.Prefix) []of.FieldValue {
	f := familyOf(p.Addr())
	return match(f.ip, f.dst.Prefix(p))
}

// of is the address of a family; invalid where there is none.
func (t Transit) of(f *family) netip.Addr {
	if f == family4 {
		return t.V4
	}
	return t.V6
}

// each is the addresses that there are.
func (t Transit) each() []netip.Addr {
	var out []netip.Addr
	for _, f := range families {
		if a := t.of(f); a.IsValid() {
			out = append(out, a)
		}
	}
	return out
}

func (r TransitRange) each() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range []netip.Prefix{r.V4, r.V6} {
		if p.IsValid() {
			out = append(out, p)
		}
	}
	return out
}
