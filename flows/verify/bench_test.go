package verify

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/weft-sdn/weft/flows"
)

func BenchmarkProof(b *testing.B) {
	for _, c := range []struct{ hosts, networks, endpoints int }{{20, 10, 500}, {20, 10, 2000}, {100, 10, 10000}} {
		b.Run(fmt.Sprintf("%d hosts, %d networks, %d endpoints", c.hosts, c.networks, c.endpoints), func(b *testing.B) {
			f := newTopology(even(c.hosts, c.networks, c.endpoints, false))
			for b.Loop() {
				r, err := Check(context.Background(), f.Facts)
				if err != nil || !r.Proved() || r.Senders != c.endpoints {
					b.Fatal(err, r)
				}
				b.ReportMetric(float64(r.Flows), "flows")
			}
		})
	}
}

// routed gives the networks of even gateways, each two hosts, and connects them
// in pairs.
func routed(f Facts) Facts {
	for i := range f.Hosts {
		h := &f.Hosts[i]
		h.GatewayPort, h.TransitRange.V4 = 2, netip.MustParsePrefix("100.64.0.0/10")
		h.Transit.V4 = netip.AddrFrom4([4]byte{100, 64, byte(i >> 8), byte(i)})
		h.WatchPorts = map[uint32]uint32{}
		for _, o := range f.Hosts {
			h.WatchPorts[o.Number] = 20000 + o.Number
		}
	}
	for i := range f.Networks {
		f.Networks[i].Gateway = &flows.Gateway{
			Mode: flows.SNAT, Limit: 1450, Zone: uint16(i + 1), Hosts: []flows.Exit{{Host: 1}, {Host: 2}},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i), 255, 254})},
			Subnets:   []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i)}), 16)},
			Peers:     []uint32{f.Networks[i^1].VNI},
		}
	}
	for i := range f.Endpoints {
		e := &f.Endpoints[i]
		a := e.Addresses[0].As4()
		a[1] = byte(e.VNI - f.Networks[0].VNI)
		e.Addresses = []netip.Addr{netip.AddrFrom4(a)}
		e.Transit.V4 = netip.AddrFrom4([4]byte{100, 65, byte(i >> 8), byte(i)})
	}
	return f
}

func BenchmarkProofWithGateways(b *testing.B) {
	for _, c := range []struct{ hosts, networks, endpoints int }{{20, 10, 500}, {20, 10, 2000}} {
		b.Run(fmt.Sprintf("%d hosts, %d networks, %d endpoints", c.hosts, c.networks, c.endpoints), func(b *testing.B) {
			f := newTopology(routed(even(c.hosts, c.networks, c.endpoints, false)))
			for b.Loop() {
				r, err := Check(context.Background(), f.Facts)
				if err != nil || !r.Proved() || r.Exits != c.endpoints {
					b.Fatal(err, r)
				}
				b.ReportMetric(float64(r.Flows), "flows")
			}
		})
	}
}
