package ipam

import (
	"net"
	"net/netip"
	"testing"
)

func TestMACOfIPv4IsAsDockerMakesIt(t *testing.T) {
	for _, addr := range []string{"10.65.10.2", "::ffff:10.65.10.2"} {
		mac := MAC(netip.MustParseAddr(addr), 5000)
		if got, want := net.HardwareAddr(mac[:]).String(), "02:42:0a:41:0a:02"; got != want {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

// TestMACOfIPv6StaysAsItIs pins the derivation: another would change the MAC of containers that are recreated.
func TestMACOfIPv6StaysAsItIs(t *testing.T) {
	for _, test := range []struct {
		addr string
		vni  uint32
		want string
	}{
		{"fd00::2", 5000, "12:ab:1e:63:29:53"},
		{"fd00::2", 5001, "92:3b:7a:b9:4a:f7"},
		{"fd00::3", 5000, "72:25:68:a9:b0:d0"},
	} {
		mac := MAC(netip.MustParseAddr(test.addr), test.vni)
		if got := net.HardwareAddr(mac[:]).String(); got != test.want {
			t.Errorf("%s in %d: got %s, want %s", test.addr, test.vni, got, test.want)
		}
	}
}

func TestMACOfIPv6IsLocalUnicastAndDistinct(t *testing.T) {
	seen := map[[6]byte]netip.Addr{}
	addr := netip.MustParseAddr("fd00::1")
	for range 10_000 {
		mac := MAC(addr, 5000)
		if mac[0]&0x0f != 0x02 || mac[0] == 0x02 {
			t.Fatalf("%s: first octet of %x", addr, mac)
		}
		if other, ok := seen[mac]; ok {
			t.Fatalf("%s and %s have one MAC %x", addr, other, mac)
		}
		seen[mac] = addr
		addr = addr.Next()
	}
}
