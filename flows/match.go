package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Numbers of protocols, as the fields of a match want them.
const (
	ethARP  = 0x0806
	ethIPv6 = 0x86dd
	ethIPv4 = 0x0800

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	arpRequest = 1
	arpReply   = 2

	// RFC 4861 section 4, RFC 3810 section 5.
	icmpRouterSolicit    = 133
	icmpRouterAdvert     = 134
	icmpNeighbourSolicit = 135
	icmpNeighbourAdvert  = 136
	icmpRedirect         = 137
	icmpMLDv2Report      = 143
	ndHopLimit           = 255
	ndOptionTargetLL     = 2
	ndFlagSolicited      = 0x40000000
	ndFlagOverride       = 0x20000000
	ndFlagRouter         = 0x80000000

	// RFC 792, RFC 4443 section 4.
	icmpEcho        = 8
	icmpEchoReply   = 0
	icmpv6Echo      = 128
	icmpv6EchoReply = 129

	// routerTTL is the TTL of what a gateway itself sends (RFC 1700).
	routerTTL = 64
)

var (
	broadcastBit = [6]byte{0x01} // set in every group address (IEEE 802)
	noMAC        [6]byte

	// linkProtocol is the block of addresses that bridges must not forward
	// (IEEE 802.1Q table 8-1).
	linkProtocol     = [6]byte{0x01, 0x80, 0xc2, 0x00, 0x00, 0x00}
	linkProtocolMask = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xf0}

	allNodes    = netip.MustParseAddr("ff02::1")
	allNodesMAC = [6]byte{0x33, 0x33, 0, 0, 0, 0x01}
)

func vlanTagged() of.FieldValue { return of.VLANVID.UintMask(vlanPresent, vlanPresent) }

func arp() of.FieldValue  { return of.EthType.Uint(ethARP) }
func ipv4() of.FieldValue { return of.EthType.Uint(ethIPv4) }
func ipv6() of.FieldValue { return of.EthType.Uint(ethIPv6) }

// icmpv6 matches a type of ICMPv6, with what such a match presupposes.
func icmpv6(typ uint64) []of.FieldValue {
	return []of.FieldValue{ipv6(), of.IPProto.Uint(protoICMPv6), of.ICMPv6Type.Uint(typ)}
}

// nd matches a neighbour discovery message that came over no router
// (RFC 4861 sections 7.1.1 and 7.1.2: hop limit 255, code 0).
func nd(typ uint64) []of.FieldValue {
	return append(icmpv6(typ), of.ICMPv6Code.Uint(0), of.IPTTL.Uint(ndHopLimit))
}

// builder collects the flows of one fragment.
type builder struct {
	kind   Kind
	owner  uint32
	vni    uint32
	flows  []program.Flow
	groups []program.Group
}

func (b *builder) key() program.Key {
	return program.Key{Kind: uint8(b.kind), VNI: b.vni, Owner: b.owner}
}

// network matches what is in the network that the fragment is of.
func (b *builder) network() of.FieldValue { return of.Metadata.Uint(uint64(b.vni)) }

func (b *builder) fragment() *program.Fragment {
	return &program.Fragment{Key: b.key(), Flows: b.flows, Groups: b.groups}
}

// flow adds a flow: apply the actions, then go on in table next.
func (b *builder) flow(table uint8, priority uint16, match []of.FieldValue, next uint8, actions ...of.Action) {
	var instructions []of.Instruction
	if len(actions) > 0 {
		instructions = append(instructions, of.ApplyActions{Actions: actions})
	}
	if next != 0 {
		instructions = append(instructions, of.GotoTable{Table: next})
	}
	b.add(table, priority, match, NoDrop, instructions...)
}

// drop adds a flow that drops, and says why.
func (b *builder) drop(table uint8, priority uint16, reason Reason, match ...of.FieldValue) {
	b.add(table, priority, match, reason)
}

func (b *builder) add(table uint8, priority uint16, match []of.FieldValue, reason Reason, instructions ...of.Instruction) {
	cookie := Cookie(b.kind, b.owner, b.vni, reason)
	b.flows = append(b.flows, program.NewFlow(table, priority, cookie, of.NewMatch(match...), instructions...))
}

// last is the next table of a flow after which nothing comes.
const last = 0

func set(v of.FieldValue) of.Action { return of.SetField{FieldValue: v} }

func move(from, to *of.Field) of.Action { return of.Move{Src: from.All(), Dst: to.All()} }

// match is a shorthand for a list of fields that is put together from parts.
func match(parts ...any) []of.FieldValue {
	var out []of.FieldValue
	for _, p := range parts {
		switch p := p.(type) {
		case of.FieldValue:
			out = append(out, p)
		case []of.FieldValue:
			out = append(out, p...)
		}
	}
	return out
}
