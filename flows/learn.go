package flows

import (
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// A machine behind a NIC is learned where its frames enter, and by the hosts
// that they go to. The switches do it themselves: the flows that they make have
// cookies of [KindLearned], and nobody else touches them.
const (
	learnedIdle     = 300 // seconds, as bridges have it (IEEE 802.1Q table 8-6)
	learnedPriority = 100
	// learnedMost bounds what a segment full of forged addresses does to a
	// switch. What is not learned is flooded among the segments.
	learnedMost = 4096
)

// segment is what becomes of machines behind NICs in the network.
func (n Network) segment() *program.Fragment {
	b := &builder{kind: KindSegment, vni: n.VNI}
	if n.Gateway != nil {
		for _, a := range n.Gateway.Addresses {
			b.guardNIC(202, GatewayAddress, a)
		}
		n.routeToMachines(b)
	}
	// Here, a machine is behind a NIC; elsewhere, behind a host.
	n.learnFrom(b, TableNIC, regFrom, regOut, TableResponder)
	b.flow(TableLearn, 200, match(b.network(), of.EthSrc.MAC(RouterMAC)), n.fromTunnel(true))
	n.learnFrom(b, TableLearn, regVia, regHost, n.fromTunnel(true))

	b.flow(TableForward, 50, match(b.network()), TableUnknownMAC, of.ResubmitTo(TableLearned))
	unknown := match(b.network(), regOut.Uint(0), regHost.Uint(0))
	b.flow(TableUnknownMAC, 110, match(unknown, regOrigin.Uint(fromTunnel)), last, of.Group{ID: groupNICs | n.VNI})
	b.flow(TableUnknownMAC, 100, unknown, last, of.Group{ID: groupNICs | n.VNI}, of.Group{ID: groupNICHosts | n.VNI})
	b.flow(TableUnknownMAC, 90, match(b.network(), regHost.Uint(0)), TableDeliver)
	b.flow(TableUnknownMAC, 80, match(b.network()), n.towardsHost())
	return b.fragment()
}

// learnFrom learns a frame's sender: its MAC address is where a register of the
// frame says, and its IP address, in a network with a gateway, is its MAC's.
func (n Network) learnFrom(b *builder, table uint8, is, goes *of.Field, next uint8) {
	// Segments are not joined: of two NICs in one, each would get what went out
	// of the other, for ever.
	from := set(regSegment.Uint(uint64(n.VNI)))
	mac := b.learn(TableLearned, matchSame(of.EthDst, of.EthSrc), loadFrom(is, goes))
	b.flow(table, 100, match(b.network()), next, mac, from)
	if n.Gateway == nil {
		return
	}
	for _, p := range n.Gateway.Subnets {
		f := familyOf(p.Addr())
		b.flow(table, 110, match(b.network(), fromSubnet(p)), next, mac, b.learnIP(f, f.src), from)
		if f == family4 {
			b.flow(table, 110, match(b.network(), arp(), of.ARPSPA.Prefix(p)), next, mac, b.learnIP(f, of.ARPSPA), from)
		}
	}
}

func (b *builder) learnIP(f *family, sender *of.Field) of.Action {
	return b.learn(TableLearnedIP, of.LearnSpec{Kind: of.LearnMatch, Bits: 16, Value: f.ip.Value, Dst: of.EthType.All()},
		matchSame(f.dst, sender), loadFrom(of.EthSrc, of.EthDst))
}

// learn makes a flow of the network. The flows go when nothing learns them any
// more.
func (b *builder) learn(table uint8, specs ...of.LearnSpec) of.Action {
	return of.Learn{
		IdleTimeout: learnedIdle, Priority: learnedPriority, Cookie: Cookie(KindLearned, 0, b.vni, NoDrop),
		Flags: of.LearnDeleteLearned, Table: table, Limit: learnedMost,
		Specs: append([]of.LearnSpec{matchSame(of.Metadata, of.Metadata)}, specs...),
	}
}

// matchSame matches, in the learned flow, what a field of the packet is now.
func matchSame(field, now *of.Field) of.LearnSpec {
	return of.LearnSpec{Kind: of.LearnMatch, Bits: field.Bits, Src: now.All(), Dst: field.All()}
}

// loadFrom makes the learned flow set a field to what one of the packet is now.
func loadFrom(now, field *of.Field) of.LearnSpec {
	return of.LearnSpec{Kind: of.LearnLoad, Bits: field.Bits, Src: now.All(), Dst: field.All()}
}

// routeToMachines finds the machine that a packet was routed to. A host that
// has not seen it, because it takes no part in the machine's network otherwise,
// asks the hosts with NICs: the packet goes there, still addressed to the
// gateway.
func (n Network) routeToMachines(b *builder) {
	for _, p := range n.Gateway.Subnets {
		b.flow(TableNeighbour, 50, match(b.network(), toSubnet(p)), TableForward, of.ResubmitTo(TableLearnedIP))
		b.flow(TableRoute, 310, match(b.toRouter(fromTunnel), toSubnet(p)), TableNeighbour)
	}
	b.drop(TableForward, 140, NoNeighbour, b.toRouter(fromTunnel)...)
	b.flow(TableForward, 140, b.toRouter(fromHere), last, of.Group{ID: groupNICHosts | n.VNI})
}

// nics are the NICs of the network on this host, by number, and the other hosts
// that have some.
func nics(vni uint32, here, hosts []uint32) *program.Fragment {
	b := &builder{kind: KindNICs, vni: vni}
	b.groups = []program.Group{
		allGroup(groupNICs|vni, regOut, TableDeliver, here),
		allGroup(groupNICHosts|vni, regHost, TablePath, hosts),
	}
	return b.fragment()
}

// relayedSegment is for hosts that get frames by relays and do not see who sent
// them: nothing is learned, because there is nobody to learn, and who is no
// endpoint is a machine behind a NIC. What is for such a machine goes to all
// NICs of the network.
func (n Network) relayedSegment() *program.Fragment {
	b := &builder{kind: KindStrangers, vni: n.VNI}
	relayed := match(b.network(), regVia.Uint(0))
	b.flow(TableLearn, 195, match(relayed, of.EthSrc.MACMask(HostMAC(0), hostMACs)), n.fromTunnel(true))
	b.flow(TableLearn, 190, relayed, n.fromTunnel(true), set(regSegment.Uint(uint64(n.VNI))))
	return b.fragment()
}

// known is an endpoint for [Network.relayedSegment]; machines do not pretend to
// be it.
func (e Endpoint) known(n Network) *program.Fragment {
	b := &builder{kind: KindKnown, owner: e.Number, vni: e.VNI}
	b.flow(TableLearn, 195, match(b.network(), regVia.Uint(0), of.EthSrc.MAC(e.MAC)), n.fromTunnel(true))
	return b.fragment()
}
