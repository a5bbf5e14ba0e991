package ipam

import (
	"net/netip"
	"testing"
)

func TestTransitLayout(t *testing.T) {
	pair := func(v4, v6 netip.Addr) string { return v4.String() + " " + v6.String() }
	d := DefaultTransit()
	other := Transit{V4: netip.MustParsePrefix("10.0.0.0/14"), V6: netip.MustParsePrefix("2001:db8:0:1:ff00::/72")}
	for _, c := range []struct{ what, got, want string }{
		{"host 3", pair(d.Host(3)), "100.64.0.3 fd77:6566:7400::3"},
		{"the last host", pair(d.Host(4094)), "100.64.15.254 fd77:6566:7400::ffe"},
		{"router", pair(d.Router()), "100.64.127.255 fd77:6566:7400::7fff"},
		{"network 1", pair(d.Network(1)), "100.64.128.1 fd77:6566:7400::8001"},
		{"the last network", pair(d.Network(32767)), "100.64.255.255 fd77:6566:7400::ffff"},
		{"endpoint 1", pair(d.Endpoint(1)), "100.65.0.1 fd77:6566:7400::1:1"},
		{"the last endpoint", pair(d.Endpoint(d.Endpoints())), "100.127.255.254 fd77:6566:7400::3f:fffe"},
		{"an endpoint beyond", pair(d.Endpoint(d.Endpoints() + 1)), "invalid IP fd77:6566:7400::3f:ffff"},
		{"any endpoint", pair(d.Endpoint(1<<24 - 1)), "invalid IP fd77:6566:7400::100:ffff"},
		{"host of another range", pair(other.Host(1)), "10.0.0.1 2001:db8:0:1:ff00::1"},
		{"endpoint of another range", pair(other.Endpoint(other.Endpoints())), "10.3.255.254 2001:db8:0:1:ff00:0:3:fffe"},
		{"no host", pair(d.Host(0)), "invalid IP invalid IP"},
		{"host 4095", pair(d.Host(4095)), "invalid IP invalid IP"},
		{"no network", pair(d.Network(0)), "invalid IP invalid IP"},
		{"network 32768", pair(d.Network(32768)), "invalid IP invalid IP"},
		{"no endpoint", pair(d.Endpoint(0)), "invalid IP invalid IP"},
		{"no ranges", pair(Transit{}.Router()), "invalid IP invalid IP"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}

// No two owners share an address, at the edges of their parts of the range.
func TestTransitPartsAreApart(t *testing.T) {
	d := DefaultTransit()
	seen := map[netip.Addr]string{}
	note := func(what string) func(v4, v6 netip.Addr) {
		return func(v4, v6 netip.Addr) {
			for _, a := range []netip.Addr{v4, v6} {
				if was, taken := seen[a]; taken {
					t.Errorf("%s and %s both have %s", was, what, a)
				}
				seen[a] = what
				if !d.V4.Contains(a) && !d.V6.Contains(a) {
					t.Errorf("%s has %s, outside of the ranges", what, a)
				}
			}
		}
	}
	note("host 1")(d.Host(1))
	note("host 4094")(d.Host(4094))
	note("router")(d.Router())
	note("network 1")(d.Network(1))
	note("network 32767")(d.Network(32767))
	note("endpoint 1")(d.Endpoint(1))
	note("the last endpoint")(d.Endpoint(d.Endpoints()))
}

func TestTransitCheck(t *testing.T) {
	for _, c := range []struct {
		v4, v6 string
		good   bool
	}{
		{"100.64.0.0/10", "fd77:6566:7400::/64", true},
		{"10.0.0.0/14", "fd00::/103", true},
		{"10.0.0.0/15", "fd77::/64", false},
		{"10.1.2.3/10", "fd77::/64", false},
		{"10.0.0.0/10", "fd77::/104", false},
		{"10.0.0.0/10", "fd77::1/64", false},
		{"10.0.0.0/10", "10.64.0.0/10", false},
		{"fd77::/10", "fd77::/64", false},
		{"10.0.0.0/10", "::ffff:10.0.0.0/100", false},
	} {
		v4, err4 := netip.ParsePrefix(c.v4)
		v6, err6 := netip.ParsePrefix(c.v6)
		if err4 != nil || err6 != nil {
			continue // said where it is parsed
		}
		if err := (Transit{v4, v6}).Check(); (err == nil) != c.good {
			t.Errorf("%s and %s: %v", c.v4, c.v6, err)
		}
	}
	if (Transit{}).Check() == nil {
		t.Error("no ranges are taken")
	}
}
