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
	target    float64    // that Weft is to be as good by at least; 0: none
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
		{"container to container on another host, by VXLAN", doc1, doc3, doc3.Addresses()[0], hand.addresses[doc3.Name], 0.95},
		{"container to the internet, by another host's NAT", doc3, internet, internet.Addresses()[0], internet.Addresses()[1], 0},
	} {
		if err := j.measure(ctx, r, l.Hosts()[0], hand); err != nil {
			return fmt.Errorf("%s: %w", j.what, err)
		}
	}
	return nil
}

// measure takes both ways in turn, in pairs, so that whatever else the machine
// does is in both.
func (j journey) measure(ctx context.Context, r *report, gateway *lab.Host, hand *byHand) error {
	stop, err := serve(ctx, j.to)
	if err != nil {
		return err
	}
	defer stop()
	var weft, own taken
	for pair := range r.size(10, 2) {
		if err := hand.throughGateway(ctx, gateway, pair%handGateways); err != nil {
			return err
		}
		if err := weft.take(ctx, r, j.from, j.weft, hand); err != nil {
			return err
		}
		if err := hand.move(ctx, weftBridge, handBridge); err != nil {
			return err
		}
		if err := own.take(ctx, r, j.from, j.own, hand); err != nil {
			return err
		}
		if err := hand.move(ctx, handBridge, weftBridge); err != nil {
			return err
		}
	}
	r.pairs(j.what+": TCP, Weft / by hand", ratios(weft.rates, own.rates), j.target, fmt.Sprintf("%.2f Gbit/s", middle(weft.rates)/1e9))
	r.pairs("    processor time of the Open vSwitches for that, by hand / Weft", ratios(own.costs, weft.costs), j.target, fmt.Sprintf("%.1f ns a byte", middle(weft.costs)))
	r.pairs("    round trip, by hand / Weft", ratios(own.trips, weft.trips), j.target, fmt.Sprintf("%.3f ms", middle(weft.trips)))
	return nil
}

// taken is what came of a way, each time.
type taken struct {
	rates []float64 // bit/s
	costs []float64 // processor time of all Open vSwitches for that, ns a byte
	trips []float64 // ms
}

func (t *taken) take(ctx context.Context, r *report, from *lab.Machine, to netip.Addr, hand *byHand) error {
	if err := answers(ctx, from, to); err != nil {
		return err
	}
	before, err := hand.processorTime()
	if err != nil {
		return err
	}
	rate, bytes, err := throughput(ctx, from, to, r.size(3, 1))
	if err != nil {
		return err
	}
	after, err := hand.processorTime()
	if err != nil {
		return err
	}
	trip, err := roundTrip(ctx, from, to, r.size(400, 50))
	if err != nil {
		return err
	}
	t.rates, t.trips = append(t.rates, rate), append(t.trips, trip)
	t.costs = append(t.costs, float64(after-before)/bytes)
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
