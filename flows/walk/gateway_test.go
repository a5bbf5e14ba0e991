package walk

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// Ports of every host beside those of endpoints.
const (
	gatewayPort = 800
	watchPort   = 700 // and the number of the host that is watched
)

var transitRange = flows.TransitRange{V4: netip.MustParsePrefix("100.64.0.0/10"), V6: netip.MustParsePrefix("fd77:6566:7400::/64")}

// addGateways gives some networks gateways, of all sorts, and connects some by
// routers. Those on one router have different subnets, and so have those whose
// own addresses a host's kernel knows.
func (w *world) addGateways() {
	for i := range w.hosts {
		h := &w.hosts[i]
		h.TransitRange = transitRange
		h.Transit = flows.Transit{V4: netip.AddrFrom4([4]byte{100, 64, 0, byte(h.Number)}), V6: netip.MustParseAddr(fmt.Sprintf("fd77:6566:7400::%x", h.Number))}
		if !w.chance(8) {
			h.GatewayPort = gatewayPort
		}
		h.WatchPorts = map[uint32]uint32{}
		for _, other := range w.hosts {
			if other.Number != h.Number && !w.chance(8) {
				h.WatchPorts[other.Number] = watchPort + other.Number
			}
		}
	}
	routers := make([]int, len(w.networks)) // of which a network is on; 0: none
	for i := range w.networks {
		if w.chance(3) {
			continue
		}
		w.networks[i].Gateway = w.gateway(i)
		if r := w.IntN(3); !slices.ContainsFunc(w.networks[:i], func(n flows.Network) bool {
			k := w.index(n.VNI)
			return routers[k] == r && w.subnets[k] == w.subnets[i]
		}) {
			routers[i] = r
		}
	}
	for i := range w.networks {
		for k, other := range w.networks {
			if i != k && routers[i] != 0 && routers[i] == routers[k] {
				w.networks[i].Gateway.Peers = append(w.networks[i].Gateway.Peers, other.VNI)
			}
		}
	}
	for i := range w.endpoints {
		w.transit(&w.endpoints[i])
	}
}

// addNICs puts some NICs into networks.
func (w *world) addNICs() {
	for i := range w.networks {
		for _, h := range w.Perm(len(w.hosts))[:w.IntN(min(3, len(w.hosts)+1))] {
			c := flows.NIC{Number: uint32(1000 + len(w.nics)), VNI: w.networks[i].VNI, Host: w.hosts[h].Number, Port: uint32(500 + len(w.nics)), VLAN: uint16(w.IntN(2) * 7)}
			w.nics = append(w.nics, c)
		}
		if g := w.networks[i].Gateway; len(w.nics) > 0 && g != nil && g.Mode == flows.SNAT && w.chance(2) {
			g.Fallback = flows.Transit{V4: netip.AddrFrom4([4]byte{100, 64, 128, byte(i + 1)}), V6: netip.MustParseAddr(fmt.Sprintf("fd77:6566:7400::%x", 0x8000+i+1))}
		}
	}
}

func (w *world) gateway(i int) *flows.Gateway {
	s := w.subnets[i]
	g := &flows.Gateway{
		Mode: []flows.Mode{flows.Local, flows.Routed, flows.SNAT, flows.SNAT}[w.IntN(4)], Limit: 1450, Zone: uint16(i + 1),
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(s), 254})},
		Subnets:   []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(s), 0}), 24)},
	}
	if w.networks[i].IPv6 {
		g.Addresses = append(g.Addresses, netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::fe", s)))
		g.Subnets = append(g.Subnets, netip.MustParsePrefix(fmt.Sprintf("2001:db8:0:%x::/64", s)))
	}
	if s == 0 && g.Mode == flows.Routed {
		g.Mode = flows.SNAT
	}
	g.HostAccess = s != 0 && w.chance(2)
	for _, h := range w.Perm(len(w.hosts))[:w.IntN(min(4, len(w.hosts)+1))] {
		g.Hosts = append(g.Hosts, flows.Exit{Host: w.hosts[h].Number, Draining: w.chance(6)})
	}
	return g
}

// transit gives an endpoint what it has where its network translates.
func (w *world) transit(e *flows.Endpoint) {
	g := w.network(e.VNI).Gateway
	if g == nil || g.Mode != flows.SNAT {
		return
	}
	e.Transit = flows.Transit{V4: netip.AddrFrom4([4]byte{100, 65, 0, byte(e.Number)}), V6: netip.MustParseAddr(fmt.Sprintf("fd77:6566:7400::1:%x", e.Number))}
	if w.chance(3) {
		e.Forwards = []flows.Forward{{Protocol: protoTCP, Port: 80}, {Protocol: protoUDP, Port: 53}}
	}
}

func (w *world) index(vni uint32) int {
	return slices.IndexFunc(w.networks, func(n flows.Network) bool { return n.VNI == vni })
}

// together is whether what a sends to the gateway may reach b: in its own
// network, or in one that is on a router with it.
func (w *world) together(a, b flows.Endpoint) bool {
	g := w.network(a.VNI).Gateway
	return g != nil && (a.VNI == b.VNI || slices.Contains(g.Peers, b.VNI))
}

// routed are the endpoints that an address leads to, for what a sends to its
// gateway.
func (w *world) routed(a flows.Endpoint, to netip.Addr) (numbers []uint32) {
	for _, b := range w.endpoints {
		if w.together(a, b) && a.Number != b.Number && slices.Contains(b.Addresses, to) &&
			a.Port != 0 && b.Port != 0 && b.MAC != noMAC && w.connected(a, b) {
			numbers = append(numbers, b.Number)
		}
	}
	return numbers
}

// exits are the hosts through which what an endpoint sends may leave, and
// whether there is surely one.
func (w *world) exits(a flows.Endpoint) (hosts []flows.Host, sure bool) {
	g := w.network(a.VNI).Gateway
	if g == nil || !g.Mode.Leaves() {
		return nil, false
	}
	sure = true
	for _, h := range w.hosts {
		if !names(g, h) && (len(g.Hosts) > 0 || h.Number != a.Host) {
			continue
		}
		hosts = append(hosts, h)
		sure = sure && h.GatewayPort != 0 && w.connected(a, flows.Endpoint{Host: h.Number})
	}
	return hosts, sure && len(hosts) > 0
}

// transitOf is the endpoint's address outside of its network, of the family of
// another.
func transitOf(e flows.Endpoint, like netip.Addr) netip.Addr {
	if like.Is4() {
		return e.Transit.V4
	}
	return e.Transit.V6
}
