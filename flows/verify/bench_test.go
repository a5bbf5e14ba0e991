package verify

import (
	"context"
	"fmt"
	"testing"
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
