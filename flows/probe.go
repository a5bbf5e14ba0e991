package flows

import (
	"encoding/binary"

	of "github.com/weft-sdn/weft/openflow"
)

// A probe is a frame that the controller sends out of one NIC of a network to
// find out whether it comes in at another: two NICs of one segment in one
// network would send every broadcast round in a circle for ever. It is not of
// any protocol (IEEE 802 local experimental Ethertype 1), and goes to a group
// that nobody is in, so that the segment's own bridges pass it on.
const ProbeType = 0x88b5

// ProbeMAC is where probes go.
var ProbeMAC = [6]byte{0x03, 0x77, 0x65, 0x66, 0x74, 0x01}

// probes gives them to the controller, before anything is learned from them.
func (b *builder) probes() {
	b.ask(TableNIC, 230, SegmentProbe, of.EthDst.MAC(ProbeMAC), of.EthType.Uint(ProbeType))
}

// ProbeOf returns the number of the NIC that a packet-in came in at, if a probe
// did.
func ProbeOf(cookie uint64, known of.Match) (nic uint32, is bool) {
	kind, _, _, reason := SplitCookie(cookie)
	if kind != KindNICBase || reason != SegmentProbe {
		return 0, false
	}
	for _, v := range known {
		if v.Field.Canonical() == regFrom && len(v.Value) == 4 {
			return binary.BigEndian.Uint32(v.Value), true
		}
	}
	return 0, false
}
