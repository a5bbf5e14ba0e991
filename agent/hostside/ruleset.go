package hostside

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// tableName is the table of family inet that is Weft's alone.
const tableName = "weft"

// chain and set are what of the table's parts is wanted. They are values: the
// library's own types carry numbers that the kernel gave.
type chain struct {
	name     string
	kind     nftables.ChainType // empty: no hook, other chains jump here
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    []rule
}

type rule struct {
	comment string // for who reads nft list table inet weft
	exprs   []expr.Any
}

type set struct {
	name      string
	key, data nftables.SetDatatype // data only of maps
	isMap     bool
	elements  []element
}

// element is comparable, so that differences can be worked out.
type element struct {
	key, value string
	end        bool // the first address behind an interval
}

// Both maps of forwards are asked with what a packet has: its destination
// address unless any local one will do, its protocol and port.
var (
	anyPort   = nftables.MustConcatSetType(nftables.TypeInetProto, nftables.TypeInetService)
	port4     = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetProto, nftables.TypeInetService)
	port6     = nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetProto, nftables.TypeInetService)
	endpoint4 = nftables.MustConcatSetType(nftables.TypeIPAddr, nftables.TypeInetService)
	endpoint6 = nftables.MustConcatSetType(nftables.TypeIP6Addr, nftables.TypeInetService)
)

// wantedSets hold all that differs between gateways, so that the chains need
// not: a forward more or less is an element more or less.
func wantedSets(g Gateway) []set {
	inside := slices.Concat(g.Transit, g.Routes)
	return []set{
		{name: "transit4", key: nftables.TypeIPAddr, elements: intervals(g.Transit, true)},
		{name: "transit6", key: nftables.TypeIP6Addr, elements: intervals(g.Transit, false)},
		{name: "inside4", key: nftables.TypeIPAddr, elements: intervals(inside, true)},
		{name: "inside6", key: nftables.TypeIP6Addr, elements: intervals(inside, false)},
		{name: "forwards4", key: anyPort, data: endpoint4, isMap: true, elements: forwards(g.Forwards, true, false)},
		{name: "forwards_at4", key: port4, data: endpoint4, isMap: true, elements: forwards(g.Forwards, true, true)},
		{name: "forwards6", key: anyPort, data: endpoint6, isMap: true, elements: forwards(g.Forwards, false, false)},
		{name: "forwards_at6", key: port6, data: endpoint6, isMap: true, elements: forwards(g.Forwards, false, true)},
	}
}

// wantedChains are the same on every gateway; docs/gateways.md has them in the
// language of nft(8).
func wantedChains() []chain {
	toForwards := rule{exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: "forwards"}}}
	accept, drop, masquerade := verdict(expr.VerdictAccept), verdict(expr.VerdictDrop), []expr.Any{&expr.Masq{}}
	return []chain{
		{
			// Before conntrack: what lies about its sender leaves no trace.
			name: "guard", kind: nftables.ChainTypeFilter,
			hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityRaw,
			rules: []rule{
				{exprs: join(in("lo"), accept)},
				{"route_localnet is on, and this is what it would let through", join(in(Interface), loopback4(source4), counted, drop)},
				{"", join(in(Interface), loopback4(destination4), counted, drop)},
				{exprs: join(in(Interface), accept)},
				{"only weft-gw has these addresses", join(load(source4), inSet("inside4"), counted, drop)},
				{"", join(load(source6), inSet("inside6"), counted, drop)},
			},
		},
		{
			name: "forwards",
			rules: []rule{
				{"IPv6 has no route_localnet", join(loopback6(destination6), verdict(expr.VerdictReturn))},
				{exprs: join(load(destination4), portTo(9), lookUp("forwards_at4"), dnat(unix.NFPROTO_IPV4, 9))},
				{exprs: join(load(destination6), portTo(2), lookUp("forwards_at6"), dnat(unix.NFPROTO_IPV6, 2))},
				{exprs: join(family(unix.NFPROTO_IPV4), toLocal, portTo(1), lookUp("forwards4"), dnat(unix.NFPROTO_IPV4, 9))},
				{exprs: join(family(unix.NFPROTO_IPV6), toLocal, portTo(1), lookUp("forwards6"), dnat(unix.NFPROTO_IPV6, 2))},
			},
		},
		{
			name: "prerouting", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookPrerouting, priority: nftables.ChainPriorityNATDest,
			rules: []rule{toForwards},
		},
		{
			name: "output", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookOutput, priority: nftables.ChainPriorityNATDest,
			rules: []rule{toForwards},
		},
		{
			name: "postrouting", kind: nftables.ChainTypeNAT,
			hook: nftables.ChainHookPostrouting, priority: nftables.ChainPriorityNATSource,
			rules: []rule{
				{"forwards of localhost", join(out(Interface), loopback4(source4), masquerade)},
				{exprs: join(out(Interface), accept)},
				{exprs: join(out("lo"), accept)},
				{"the second translation; Open vSwitch made the first", join(load(source4), inSet("transit4"), masquerade)},
				{"", join(load(source6), inSet("transit6"), masquerade)},
			},
		},
	}
}

// intervals are the elements of a set of prefixes of one family. Each has its
// first address and the first behind it; prefixes within others are left out,
// since intervals must not overlap.
func intervals(prefixes []netip.Prefix, v4 bool) []element {
	var out []element
	for i, p := range prefixes {
		within := func(j int, q netip.Prefix) bool {
			return j != i && q.Overlaps(p) && (q.Bits() < p.Bits() || q == p && j < i)
		}
		if p.Addr().Is4() != v4 || containsFunc(prefixes, within) {
			continue
		}
		out = append(out, element{key: string(p.Addr().AsSlice())})
		if end := behind(p); end.IsValid() {
			out = append(out, element{key: string(end.AsSlice()), end: true})
		}
	}
	return out
}

func containsFunc(prefixes []netip.Prefix, is func(int, netip.Prefix) bool) bool {
	for i, p := range prefixes {
		if is(i, p) {
			return true
		}
	}
	return false
}

// behind is the first address after a prefix; invalid if that has the last.
func behind(p netip.Prefix) netip.Addr {
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(last)
	return a.Next()
}

// forwards are the elements of one of the maps: of one family, and either those
// of a certain address or those of any.
func forwards(all []Forward, v4, at bool) []element {
	var out []element
	for _, f := range all {
		if f.At.Addr().Is4() != v4 || f.At.Addr().IsUnspecified() == at {
			continue
		}
		var key []byte
		if at {
			key = f.At.Addr().AsSlice()
		}
		key = append(key, f.Protocol, 0, 0, 0) // each part of a key fills whole registers
		key = append(binary.BigEndian.AppendUint16(key, f.At.Port()), 0, 0)
		value := append(binary.BigEndian.AppendUint16(f.To.Addr().AsSlice(), f.To.Port()), 0, 0)
		out = append(out, element{key: string(key), value: string(value)})
	}
	return out
}

// forward is the reverse of forwards; local stands for any local address, where
// keys have none.
func (e element) forward(local netip.Addr) (f Forward, ok bool) {
	at, key := local, []byte(e.key)
	if !at.IsValid() && len(key) > 8 {
		at, _ = netip.AddrFromSlice(key[:len(key)-8])
		key = key[len(key)-8:]
	}
	n := len(e.value) - 4
	if len(key) != 8 || n < 0 {
		return f, false
	}
	to, ok := netip.AddrFromSlice([]byte(e.value[:n]))
	return Forward{
		Protocol: key[0],
		At:       netip.AddrPortFrom(at, binary.BigEndian.Uint16(key[4:])),
		To:       netip.AddrPortFrom(to, binary.BigEndian.Uint16([]byte(e.value[n:]))),
	}, ok
}
