package lab

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/weft-sdn/weft/internal/mutate"
)

func checkTopology(t testing.TB, text []byte) {
	topology, err := Parse(text)
	if err != nil {
		return
	}
	for _, c := range topology.Containers {
		if _, err := topology.endpointOf(c); err != nil {
			t.Errorf("accepted, though %v", err)
		}
	}
	for _, h := range topology.Hosts {
		segment, ok := topology.Underlay.segmentOf(h.Address.Addr())
		if !ok || !topology.Underlay.Router[segment].IsValid() {
			t.Errorf("accepted, though host %s has no router", h.Name)
		}
	}
}

func topologies(t testing.TB) mutate.Corpus {
	c := mutate.Corpus{
		[]byte(small),
		[]byte("underlay: {segments: {a: 0.0.0.0/0, b: ::/0}}\nhosts: [{}]"),
		[]byte("{name: x, underlay: {segments: {a: 255.255.255.255/32}}, hosts: [{name: h, address: 255.255.255.255/32}]}"),
		[]byte("{underlay: {segments: {a: 255.255.255.255/32}}, hosts: [{}]}"),
	}
	files, err := filepath.Glob("../topologies/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topologies: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c = append(c, text)
	}
	return c
}

func checkFrame(_ testing.TB, frame []byte) {
	if _, inner, ok := insideVXLAN(frame); ok {
		questionFor(inner)
		packetOf(inner)
	}
	questionFor(frame)
	packetOf(frame)
}

func frames() mutate.Corpus {
	vxlan := func(inner []byte) []byte {
		a, b := netip.MustParseAddrPort("172.16.10.100:5000"), netip.MustParseAddrPort("172.16.20.100:4789")
		return udpDatagram(broadcast, broadcast, a, b, append(make([]byte, vxlanLength), inner...))
	}
	return mutate.Corpus{
		vxlan(arpAnnouncement(broadcast, netip.MustParseAddr("10.0.1.10"))),
		vxlan(udpDatagram(broadcast, broadcast, netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), nil)),
		[]byte("nothing"),
	}
}

func FuzzTopology(f *testing.F) {
	topologies(f).Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkTopology(t, b) })
}

func FuzzFrame(f *testing.F) {
	frames().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkFrame(t, b) })
}

func TestMutants(t *testing.T) {
	t.Run("FuzzTopology", func(t *testing.T) { topologies(t).Saved(t, "FuzzTopology").CheckPart(t, 5, checkTopology) })
	t.Run("FuzzFrame", func(t *testing.T) { frames().Saved(t, "FuzzFrame").Check(t, checkFrame) })
}
