package flows

import (
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// askedBytes is how much of a packet the controller gets to see: an ICMP error
// quotes the IP header and some of what follows (RFC 1812 section 4.3.2.3), and
// an IPv6 header with options is longer than one of IPv4.
const askedBytes = 128

func ask() of.Action { return of.Output{Port: of.PortController, MaxLen: askedBytes} }

// ask adds a flow that gives packets to the controller, so that it tells the
// sender why they do not arrive.
func (b *builder) ask(table uint8, priority uint16, reason Reason, match ...of.FieldValue) {
	b.add(table, priority, match, reason, of.ApplyActions{Actions: []of.Action{ask()}})
}

// ttlBase is what a router does to every packet that it passes on. A TTL that
// is about to expire is matched, because what dec_ttl itself gives to the
// controller has another reason, which controllers do not get unless they ask.
func ttlBase(b *builder) {
	for _, f := range families {
		for ttl := range uint64(2) {
			b.ask(TableTTL, 200, TTLExceeded, f.ip, of.IPTTL.Uint(ttl))
		}
		b.flow(TableTTL, 100, match(f.ip), TableNextNetwork, of.DecTTL{}, set(of.EthSrc.MAC(RouterMAC)))
	}
	b.drop(TableTTL, 0, NotIP)
}

const ethernetHeader = 14

// limit marks the network's packets that no tunnel carries.
func (n Network) limit() *program.Fragment {
	b := &builder{kind: KindLimit, vni: n.VNI}
	b.flow(TableMTU, 100, match(b.network()), TableTooBig,
		of.CheckPktLarger{Len: n.Gateway.Limit + ethernetHeader, Dst: regTooBig.Range(0, 0)})
	return b.fragment()
}

// towardsHost is the table that leads to another host.
func (n Network) towardsHost() uint8 {
	if n.Gateway == nil {
		return TablePath // nobody who could tell a sender that its packet is too large
	}
	return TableMTU
}

func tooBigBase(b *builder) {
	b.flow(TableMTU, 0, nil, TablePath)
	tooBig := regTooBig.UintMask(1, 1)
	for _, f := range families {
		b.ask(TableTooBig, 100, PacketTooBig, f.ip, tooBig)
	}
	b.drop(TableTooBig, 50, FrameTooBig, tooBig)
	b.flow(TableTooBig, 0, nil, TablePath)
}
