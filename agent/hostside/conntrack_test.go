package hostside

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestStaleConnections(t *testing.T) {
	now := Gateway{
		Transit: []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("fd77::/64")},
		Forwards: []Forward{
			{6, netip.MustParseAddrPort("0.0.0.0:8080"), netip.MustParseAddrPort("100.65.0.7:80")},
			{6, netip.MustParseAddrPort("172.16.0.3:81"), netip.MustParseAddrPort("100.65.0.7:81")},
			{17, netip.MustParseAddrPort("[::]:53"), netip.MustParseAddrPort("[fd77::7]:53")},
		},
	}
	before := []netip.Prefix{netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("100.128.0.0/14")}
	gone := []Forward{{6, netip.MustParseAddrPort("0.0.0.0:88"), netip.MustParseAddrPort("10.0.1.7:80")}}
	s := stale{transit: append(before, now.Transit...), gone: gone, now: now}
	for _, c := range []struct {
		name          string
		protocol      uint8
		from, at, led string // led: who answers
		zone          uint16
		stale         bool
	}{
		{"no concern of ours", 6, "192.0.2.1:1000", "172.16.0.3:8080", "172.16.0.3:8080", 0, false},
		{"Docker's forward", 6, "192.0.2.1:1000", "172.16.0.3:9090", "172.17.0.2:90", 0, false},
		{"a forward", 6, "192.0.2.1:1000", "172.16.0.3:8080", "100.65.0.7:80", 0, false},
		{"a forward of an address", 6, "192.0.2.1:1000", "172.16.0.3:81", "100.65.0.7:81", 0, false},
		{"a forward of another address", 6, "192.0.2.1:1000", "172.16.0.4:81", "100.65.0.7:81", 0, true},
		{"a forward of another protocol", 17, "192.0.2.1:1000", "172.16.0.3:8080", "100.65.0.7:80", 0, true},
		{"a forward that led elsewhere", 6, "192.0.2.1:1000", "172.16.0.3:8080", "100.65.0.8:80", 0, true},
		{"a forward to another port", 6, "192.0.2.1:1000", "172.16.0.3:8080", "100.65.0.7:8080", 0, true},
		{"a forward that is gone", 6, "192.0.2.1:1000", "172.16.0.3:8081", "100.65.0.7:80", 0, true},
		{"the same, of Open vSwitch", 6, "192.0.2.1:1000", "172.16.0.3:8081", "100.65.0.7:80", 7, false},
		{"IPv6", 17, "[2001:db8::1]:1000", "[2001:db8::3]:53", "[fd77::7]:53", 0, false},
		{"IPv6, gone", 17, "[2001:db8::1]:1000", "[2001:db8::3]:54", "[fd77::7]:53", 0, true},
		{"an endpoint's own", 6, "100.65.0.7:1000", "192.0.2.1:80", "192.0.2.1:80", 0, false},
		{"an endpoint's own, of an earlier prefix", 6, "100.129.0.7:1000", "192.0.2.1:80", "192.0.2.1:80", 0, true},
		{"somebody else's forward to an endpoint as it is", 6, "192.0.2.1:1000", "172.16.0.3:89", "10.0.1.7:80", 0, false},
		{"ours, gone", 6, "192.0.2.1:1000", "172.16.0.3:88", "10.0.1.7:80", 0, true},
		{"to an endpoint as it is", 6, "192.0.2.1:1000", "100.65.0.7:80", "100.65.0.7:80", 0, false},
	} {
		from, at, led := netip.MustParseAddrPort(c.from), netip.MustParseAddrPort(c.at), netip.MustParseAddrPort(c.led)
		// The kernel's addresses may have 4 or 16 bytes.
		flow := netlink.ConntrackFlow{
			Zone: c.zone,
			Forward: netlink.IPTuple{
				Protocol: c.protocol, SrcIP: from.Addr().AsSlice(), SrcPort: from.Port(), DstIP: net.ParseIP(at.Addr().String()), DstPort: at.Port(),
			},
			Reverse: netlink.IPTuple{
				Protocol: c.protocol, SrcIP: led.Addr().AsSlice(), SrcPort: led.Port(), DstIP: from.Addr().AsSlice(), DstPort: from.Port(),
			},
		}
		if got := s.MatchConntrackFlow(&flow); got != c.stale {
			t.Errorf("%s: stale %t", c.name, got)
		}
	}
}
