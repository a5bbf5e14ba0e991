package lab

import (
	"net/netip"
	"testing"
)

func TestQuestionsAndPacketsInATunnelAreRecognised(t *testing.T) {
	outer := [2]netip.AddrPort{netip.MustParseAddrPort("172.16.10.100:5000"), netip.MustParseAddrPort("172.16.20.100:4789")}
	a, b := netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("10.0.1.20")
	unwrap := func(inner []byte) []byte {
		frame, ok := insideVXLAN(udpDatagram(broadcast, broadcast, outer[0], outer[1], append(make([]byte, vxlanLength), inner...)))
		if !ok {
			t.Fatal("not taken for VXLAN")
		}
		return frame
	}
	if target, ok := questionFor(unwrap(arpAnnouncement(broadcast, a))); !ok || target != a {
		t.Errorf("an ARP request: %v %v", target, ok)
	}
	packet := unwrap(udpDatagram(broadcast, broadcast, netip.AddrPortFrom(a, 1), netip.AddrPortFrom(b, 2), nil))
	if source, destination, ok := packetOf(packet); !ok || source != a || destination != b {
		t.Errorf("an IP packet: %v %v %v", source, destination, ok)
	}
	if _, ok := questionFor(packet); ok {
		t.Error("an IP packet was taken for a question")
	}
	if _, ok := insideVXLAN(packet); ok {
		t.Error("a packet to another port was taken for VXLAN")
	}
}
