package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/weft-sdn/weft/lab"
)

// The lab of two hosts in different subnets, with NAT on one of them. The
// internet has two addresses: one that is reached through Weft, and one that is
// reached as people do it by hand.
const gatewayTopology = `
name: bench
underlay:
  segments: {left: 172.16.10.0/24, right: 172.16.20.0/24}
internet:
  addresses: [203.0.113.10/24, 198.51.100.10/24]
hosts:
  - {name: host1, address: 172.16.10.100/24}
  - {name: host2, address: 172.16.20.100/24}
networks:
  - name: net1
    subnets: [10.0.1.0/24]
    vni: 5000
    gateway: {addresses: [10.0.1.1], mode: snat, hosts: [host1]}
endpoints:
  - {name: doc1, network: net1, addresses: [10.0.1.10]}
  - {name: doc3, network: net1, addresses: [10.0.1.20]}
containers:
  - {name: doc1, host: host1}
  - {name: doc3, host: host2}
`

// journey is a way that is taken through Weft and beside it.
type journey struct {
	what      string
	from, to  *lab.Machine
	weft, own netip.Addr // of to
}

// measureGateway compares what containers get through Weft with what they get
// through bridges made by hand, between the same containers on the same hosts.
func measureGateway(ctx context.Context, r *report) error {
	if err := lab.CheckMachine(); err != nil {
		r.note("through Weft and by hand", "not measured: "+err.Error())
		return nil
	}
	topology, err := lab.Parse([]byte(gatewayTopology))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "weft-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := lab.Up(ctx, topology, lab.Options{
		Binary: r.weft, Dir: filepath.Join(dir, "lab"), Instance: fmt.Sprintf("bench-%d", os.Getpid()),
	})
	if err != nil {
		return err
	}
	defer func() {
		if err := l.Down(); err != nil {
			fmt.Fprintln(os.Stderr, "bench: take the lab down:", err)
		}
	}()
	hand, err := makeByHand(ctx, l)
	if err != nil {
		return err
	}
	doc1, doc3, internet := l.Machine("doc1"), l.Machine("doc3"), l.Machine("internet")
	for _, j := range []journey{
		{"container to container on another host, by VXLAN", doc1, doc3, doc3.Addresses()[0], hand[doc3.Name]},
		{"container to the internet, by another host's NAT", doc3, internet, internet.Addresses()[0], internet.Addresses()[1]},
	} {
		if err := j.measure(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", j.what, err)
		}
	}
	return nil
}

// measure takes both ways in turn, in pairs, so that whatever else the machine
// does is in both.
func (j journey) measure(ctx context.Context, r *report) error {
	stop, err := serve(ctx, j.to)
	if err != nil {
		return err
	}
	defer stop()
	var rates, trips [2][]float64
	for pair := range r.size(10, 2) {
		ways := []int{0, 1}
		if pair%2 == 1 {
			slices.Reverse(ways)
		}
		for _, way := range ways {
			to := []netip.Addr{j.weft, j.own}[way]
			rate, err := throughput(ctx, j.from, to, r.size(3, 1))
			if err != nil {
				return err
			}
			trip, err := roundTrip(ctx, j.from, to, r.size(500, 50))
			if err != nil {
				return err
			}
			rates[way], trips[way] = append(rates[way], rate), append(trips[way], trip)
		}
	}
	r.better(j.what+": TCP, Weft / by hand", ratios(rates[0], rates[1]), fmt.Sprintf("%.2f Gbit/s", middle(rates[0])/1e9))
	r.better("    round trip, by hand / Weft", ratios(trips[1], trips[0]), fmt.Sprintf("%.3f ms", middle(trips[0])))
	return nil
}

// ratios are those of pairs that were taken one right after the other.
func ratios(a, b []float64) []float64 {
	var all []float64
	for i := range a {
		all = append(all, a[i]/b[i])
	}
	return all
}

// middle is the median.
func middle(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
