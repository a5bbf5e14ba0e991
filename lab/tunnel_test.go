package lab

import (
	"net/netip"
	"testing"
)

func TestQuestionsAndPacketsInATunnelAreRecognised(t *testing.T) {
	outer := [2]netip.AddrPort{netip.MustParseAddrPort("172.16.10.100:5000"), netip.MustParseAddrPort("172.16.20.100:4789")}
	a, b := netip.MustParseAddr("10.0.1.10"), netip.MustParseAddr("10.0.1.20")
	unwrap := func(inner []byte) []byte {
		as, frame, ok := insideVXLAN(udpDatagram(broadcast, broadcast, outer[0], outer[1], append([]byte{8, 0, 0, 0, 0, 0x13, 0x88, 0}, inner...)))
		if !ok || as != (Wire{UDP: 4789, VNI: 5000}) {
			t.Fatalf("taken for %v %v", as, ok)
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
	if _, _, ok := insideVXLAN(packet); ok {
		t.Error("a packet without the header was taken for VXLAN")
	}
}
