package flows

import (
	"encoding/binary"

	of "github.com/weft-sdn/weft/openflow"
)

// Ask is a packet that the pipeline gave to the controller, so that its sender
// is told why it does not arrive.
type Ask struct {
	Reason Reason // TTLExceeded or PacketTooBig
	VNI    uint32 // the network in which it got no further
	// From is the endpoint that sent it, by number: the answer goes to that
	// endpoint's network. 0: it came through a tunnel, and its sender is in VNI.
	From uint32
}

// AskOf says what a packet-in asks for, by the cookie of the flow that sent it
// and by what was known of the packet there.
func AskOf(cookie uint64, known of.Match) (a Ask, is bool) {
	kind, _, _, reason := SplitCookie(cookie)
	if kind != KindGatewayBase || !reason.Asks() {
		return Ask{}, false
	}
	a.Reason = reason
	for _, v := range known {
		switch f := v.Field.Canonical(); {
		case f == of.Metadata && len(v.Value) == 8:
			a.VNI = uint32(binary.BigEndian.Uint64(v.Value))
		case f == regFrom && len(v.Value) == 4:
			a.From = binary.BigEndian.Uint32(v.Value)
		}
	}
	return a, true
}

// Tell are the actions that carry an answer to a destination in a network, from
// the host where the question was asked. The frame is from [RouterMAC], and its
// destination MAC does not matter.
func Tell(vni uint32) []of.Action {
	return []of.Action{set(of.Metadata.Uint(uint64(vni))), of.ResubmitTo(TableNeighbour)}
}
