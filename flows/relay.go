package flows

import (
	"net/netip"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Where hosts do not all see each other, a frame is relayed by others. It then
// carries an IEEE 802.1ad tag whose VID is the number of the host that it is
// for, and in its tunnel id how many more relays may pass it on:
//
//	 23    21 20                     0
//	┌────────┬────────────────────────┐
//	│ relays │ VNI                    │
//	└────────┴────────────────────────┘
//
// The last relay takes the tag off and sets the count to 0, so that a frame
// arrives as if it had come directly. A relay never copies a frame, every one
// lowers the count, and only the host that it is for delivers it. So whatever
// the tables of the hosts hold, and however they contradict each other, a copy
// is sent 8 times at most and arrives once at most.
const (
	relaysShift = 21
	relaysBits  = 3
	relaysMask  = maxRelays << relaysShift
	maxRelays   = 1<<relaysBits - 1

	labelEthertype = 0x88a8 // IEEE 802.1Q table 9-1
	maxLabel       = 4094   // IEEE 802.1Q table 9-2: 4095 is reserved
	vlanPresent    = 0x1000 // in the field vlan_vid: there is a tag
)

// RelayedVNIs is the first VNI whose network cannot be relayed. It leaves room
// for the count, and one more out: all bits set are the key of BFD.
const RelayedVNIs = 1<<relaysShift - 1

// RelayBase is to hosts that do not reach all others directly what [Base] is
// to all.
func RelayBase() *program.Fragment {
	b := &builder{kind: KindRelayBase, owner: Version}
	for n := uint64(1); n <= maxRelays; n++ {
		b.flow(TableHops, 100, match(relaysLeft(n)), TableRelay, setRelays(n-1))
	}
	b.drop(TableHops, 0, NotAMember) // a plain frame with a tag of a machine's own

	b.drop(TableRelay, 90, TooManyRelays, relaysLeft(0))
	b.drop(TableRelay, 0, NoWay)

	b.drop(TableLabel, 120, NotRelayable, of.Metadata.Uint(RelayedVNIs))
	b.flow(TableLabel, 100, match(of.Metadata.UintMask(0, relaysMask)), TableDeliver, label()...)
	b.drop(TableLabel, 0, NotRelayable)

	b.flow(TableDeliver, 100, match(regOut.Uint(outBack)), last, of.Output{Port: of.PortInPort})

	// What gateways put in place of the router's MAC address: see [exits.name].
	b.drop(TableNIC, 220, SpoofedMAC, of.EthSrc.MACMask(HostMAC(0), hostMACs))
	return b.fragment()
}

func relaysLeft(n uint64) of.FieldValue { return of.TunID.UintMask(n<<relaysShift, relaysMask) }

func setRelays(n uint64) of.Action {
	return of.Load{Dst: of.TunID.Range(relaysShift, relaysShift+relaysBits-1), Value: n}
}

// label makes a frame that leaves one that relays pass on.
func label() []of.Action {
	return []of.Action{
		move(of.Metadata, of.TunID), setRelays(maxRelays),
		of.PushVLAN{EthType: labelEthertype},
		of.Move{Src: regHost.Range(0, 11), Dst: of.VLANVID.Range(0, 11)},
		set(regOut.Uint(outTunnel)),
	}
}

// link takes in what a host that there is a link to wants relayed. Frames that
// are for here were taken before, by their exact tunnel id, in which the count
// is 0.
func (h Host) link() *program.Fragment {
	b := &builder{kind: KindLink, owner: h.Number}
	b.flow(TableClassify, 105, match(h.tunnelSource(), vlanTagged()), TableHops)
	return b.fragment()
}

// crowded reports whether the network leaves no room for the count. It stays
// among hosts that see each other. Its own VNI has bits where others have the
// count, so on every host, whether it knows of relays or not, it lets in frames
// without a tag only: one with a tag is another network's that is to be relayed.
func (n Network) crowded() bool { return n.VNI > RelayedVNIs }

// untagged keeps frames of a crowded network that have a tag of a machine's own
// where they are: they would be taken for others that are to be relayed.
func (n Network) untagged(b *builder) {
	if n.crowded() {
		b.drop(TablePath, 190, TagLikeLabel, b.network(), vlanTagged())
	}
}

// over leads to the host by another.
func (h Host) over(next Host) *program.Fragment {
	b := &builder{kind: KindPath, owner: h.Number}
	b.flow(TablePath, 100, match(regHost.Uint(uint64(h.Number))), TableLabel, tunnelTo(next.VTEP))
	return b.fragment()
}

// cut is for hosts from which no way leads to the host.
func (h Host) cut() *program.Fragment {
	b := &builder{kind: KindPath, owner: h.Number}
	b.drop(TablePath, 100, NoWay, regHost.Uint(uint64(h.Number)))
	return b.fragment()
}

// relay passes on what is for the host.
func (h Host) relay(next Host) *program.Fragment {
	b := &builder{kind: KindRelay, owner: h.Number}
	destined := of.VLANVID.Uint(vlanPresent | uint64(h.Number))
	onward := []of.Action{tunnelTo(next.VTEP), set(regOut.Uint(outBack))}
	if next.Number == h.Number {
		b.flow(TableRelay, 100, match(destined), TableDeliver, append([]of.Action{of.PopVLAN{}, setRelays(0)}, onward...)...)
	} else {
		b.flow(TableRelay, 80, match(destined), TableDeliver, onward...)
	}
	return b.fragment()
}

func tunnelTo(vtep netip.Addr) of.Action {
	if vtep.Is6() {
		return set(of.TunIPv6Dst.Addr(vtep))
	}
	return set(of.TunDst.Addr(vtep))
}
