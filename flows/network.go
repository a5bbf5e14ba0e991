package flows

import (
	"maps"
	"net/netip"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Network is what flows depend on of a network.
type Network struct {
	VNI   uint32
	Flood bool // questions for unknown addresses go to everybody
	IPv6  bool // it has an IPv6 subnet, so link-local addresses are in use
	Encap Encap

	Gateway *Gateway // nil: nothing leaves the network
}

func (n Network) equal(o Network) bool {
	return n.VNI == o.VNI && n.Flood == o.Flood && n.IPv6 == o.IPv6 && n.Encap == o.Encap && n.Gateway.equal(o.Gateway)
}

// fragment is what every host that takes part in the network has of it. If there
// are machines behind NICs, nobody knows all addresses.
func (n Network) fragment(nics bool) *program.Fragment {
	b := &builder{kind: KindNetwork, vni: n.VNI}
	vni := of.Metadata.Uint(uint64(n.VNI))
	if !n.Flood && !nics {
		b.drop(TableResponder, 50, UnknownTarget, vni, arp(), of.ARPOp.Uint(arpRequest))
		b.drop(TableResponder, 50, UnknownTarget, append(icmpv6(icmpNeighbourSolicit), vni)...)
	}
	group := of.EthDst.MACMask(broadcastBit, broadcastBit)
	b.flow(TableForward, 90, match(vni, group, regOrigin.Uint(fromTunnel)), last, of.Group{ID: groupLocal | n.VNI})
	b.flow(TableForward, 80, match(vni, group), last, of.Group{ID: groupLocal | n.VNI}, of.Group{ID: groupRemote | n.VNI})
	n.untagged(b)
	return b.fragment()
}

// groups are whom a broadcast in the network reaches from this host: the
// endpoints here, by number, and the other hosts. Buckets set a register and
// resubmit, so that a copy takes the same way as a unicast frame.
func groups(vni uint32, endpoints, hosts []uint32) *program.Fragment {
	b := &builder{kind: KindGroups, vni: vni}
	b.groups = []program.Group{
		allGroup(groupLocal|vni, regOut, TableDeliver, endpoints),
		allGroup(groupRemote|vni, regHost, TablePath, hosts),
	}
	return b.fragment()
}

func allGroup(id uint32, reg *of.Field, table uint8, members []uint32) program.Group {
	members = slices.Sorted(slices.Values(members))
	buckets := make([]of.Bucket, len(members))
	for i, m := range members {
		buckets[i] = of.NewBucket(set(reg.Uint(uint64(m))), of.ResubmitTo(table))
	}
	return program.NewGroup(id, of.GroupTypeAll, buckets...)
}

// Host is what flows depend on of a host, as the other hosts see it.
type Host struct {
	Number uint32
	VTEP   netip.Addr // invalid: it gets no tunnels
	// TunnelPorts are the numbers of its own tunnel ports.
	TunnelPorts TunnelPorts
	// TransitRange is where all transit addresses are from.
	TransitRange TransitRange
	// GatewayPort is the number of the port that leads to its kernel, 0 while
	// there is none.
	GatewayPort uint32
	// Transit are its own addresses on that port.
	Transit Transit
	// WatchPorts are the numbers of the ports that watch other hosts by BFD.
	WatchPorts map[uint32]uint32 // host → port
}

func (h Host) equal(o Host) bool {
	return h.Number == o.Number && h.VTEP == o.VTEP && h.TunnelPorts == o.TunnelPorts &&
		h.GatewayPort == o.GatewayPort && h.TransitRange == o.TransitRange && h.Transit == o.Transit && maps.Equal(h.WatchPorts, o.WatchPorts)
}

// member accepts the frames of a network from a host that takes part in it.
func (h Host) member(n *network) *program.Fragment {
	enter, next := []of.Action(nil), n.fromTunnel(len(n.nics) > 0)
	if n.hasNIC(h.Number) {
		enter, next = append(enter, set(regVia.Uint(uint64(h.Number)))), TableLearn
	}
	return h.admitted(n, next, enter...)
}

// relayer accepts the frames of a network from a host that may have relayed
// them for another, whoever that is.
func (h Host) relayer(n *network) *program.Fragment {
	next := n.fromTunnel(len(n.nics) > 0)
	if len(n.nics) > 0 {
		next = TableLearn
	}
	return h.admitted(n, next)
}

func (h Host) admitted(n *network, next uint8, more ...of.Action) *program.Fragment {
	b := &builder{kind: KindMember, owner: h.Number, vni: n.VNI}
	enter := append([]of.Action{set(b.network()), set(regOrigin.Uint(fromTunnel))}, more...)
	from := match(of.TunID.Uint(uint64(n.VNI)), h.tunnelSource())
	if n.crowded() {
		from = append(from, of.VLANVID.UintMask(0, vlanPresent))
	}
	b.flow(TableClassify, 110, from, next, enter...)
	return b.fragment()
}

// fromTunnel is where frames of the network go on that come through a tunnel:
// they may be on their way out, or have been routed to a machine behind a NIC.
func (n Network) fromTunnel(nics bool) uint8 {
	if n.leaves() || nics && n.Gateway != nil {
		return TableRoute
	}
	return TableForward
}

// tunnelSource matches what comes from the host through a tunnel.
func (h Host) tunnelSource() of.FieldValue {
	if h.VTEP.Is6() {
		return of.TunIPv6Src.Addr(h.VTEP)
	}
	return of.TunSrc.Addr(h.VTEP)
}

// path leads to a host.
func (h Host) path() *program.Fragment {
	b := &builder{kind: KindPath, owner: h.Number}
	b.flow(TablePath, 100, match(regHost.Uint(uint64(h.Number))), TableDeliver,
		move(of.Metadata, of.TunID), tunnelTo(h.VTEP), set(regOut.Uint(outTunnel)))
	return b.fragment()
}
