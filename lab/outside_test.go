package lab

import (
	"strings"
	"testing"
)

// outsideTopology has everything besides hosts and containers.
const outsideTopology = `
name: outside
underlay:
  segments: {left: 172.16.10.0/24, right: 172.16.20.0/24}
  segments6: {left: "2001:db8:10::/64"}
internet:
  addresses: [203.0.113.10/24, "2001:db8:113::10/64"]
hosts:
  - {name: host1, address: 172.16.10.1/24, address6: "2001:db8:10::11/64", nics: {eth1: office}}
  - {name: host2, address: 172.16.20.2/24}
machines:
  - {name: printer, lan: office, addresses: [10.0.1.200/24], gateway: [10.0.1.1]}
networks:
  - {name: net1, subnets: [10.0.1.0/24], mtu: 1400}
endpoints:
  - {name: one, network: net1, addresses: [10.0.1.10], container: one}
  - {name: two, network: net1, addresses: [10.0.1.20], container: two}
containers:
  - {name: one, host: host1}
  - {name: two, host: host2}
`

func mustParse(t *testing.T, text string) *Topology {
	t.Helper()
	topology, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

func expectations(t *testing.T, text string) []Expectation {
	t.Helper()
	return mustParse(t, outsideTopology+"expect:\n"+text).Expect
}

func TestTheInternetKnowsTheHostsAndNothingElse(t *testing.T) {
	l := buildByHand(t, mustParse(t, outsideTopology))
	all := expectations(t, `
  - {from: host1, to: internet, reaches: true, seenAs: host1}
  - {from: host2, to: internet, reaches: true, seenAs: 172.16.20.2, proto: udp}
  - {from: internet, to: host2, reaches: true}
  - {from: internet, to: "172.16.20.2:7007", reaches: true, answers: host2}
  - {from: one, to: two, reaches: true}
  - {from: two, to: one, mtu: 1450}
  - {from: internet, to: one, reaches: false}
  - {from: one, to: internet, reaches: false}
  - {from: one, to: 10.0.1.1, reaches: false}
`)
	for _, r := range check(t, l, all) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
	wrong := expectations(t, `
  - {from: host1, to: internet, reaches: true, seenAs: host2}
  - {from: internet, to: "172.16.20.2:7007", reaches: true, answers: host1}
  - {from: host1, to: internet, reaches: false}
  - {from: two, to: one, mtu: 1300}
  - {from: internet, to: host2, reaches: true}
`)
	for i, r := range check(t, l, wrong[:4]) {
		if want := []string{"saw", "answered by host2", "proved", "is 1450"}[i]; r.Err == nil || !strings.Contains(r.Err.Error(), want) {
			t.Errorf("%s: %v, without a word of %q", r.Expectation, r.Err, want)
		}
	}
	// Both families get there.
	if _, err := l.Host("host1").Run(t.Context(), "ping", "-n", "-c", "1", "-W", "5", "2001:db8:113::10"); err != nil {
		t.Error(err)
	}
	// What does not hold is seen not to: host1 does reach host2.
	leak := expectations(t, `
  - {from: host1, to: host2, reaches: false}
  - {from: internet, to: host1, reaches: true}
  - {from: internet, to: host2, reaches: true}
`)
	if r := check(t, l, leak)[0]; r.Err == nil || !strings.Contains(r.Err.Error(), "host2 answered") && !strings.Contains(r.Err.Error(), "answers echo requests") {
		t.Errorf("host1 reaches host2, and this is said to hold: %s: %v", r.Expectation, r.Err)
	}
}

func TestAMachineBehindANICIsSeenByTheSwitchOnly(t *testing.T) {
	l := buildByHand(t, mustParse(t, outsideTopology))
	host := l.Host("host1")
	if _, err := host.Run(t.Context(), "ovs-vsctl", "add-port", overlayBridge, "eth1"); err != nil {
		t.Fatal(err)
	}
	all := expectations(t, `
  - {from: one, to: printer, reaches: true}
  - {from: printer, to: two, reaches: true}
  - {from: printer, to: host1, reaches: false}
  - {from: internet, to: host1, reaches: true}
`)
	for _, r := range check(t, l, all) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
}

func TestTheWireIsLookedAt(t *testing.T) {
	l := buildByHand(t, mustParse(t, outsideTopology))
	all := expectations(t, `
  - {from: one, to: two, wire: {udp: 4789, vni: 1}}
  - {from: one, to: two, wire: {udp: 4789, vni: 2}}
  - {from: two, to: one, wire: {udp: 4790, vni: 1}}
`)
	for i, r := range check(t, l, all) {
		if (r.Err == nil) != (i == 0) || i > 0 && !strings.Contains(r.Err.Error(), "in UDP to port 4789 with VNI 1") {
			t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
}

func TestWhatWasBeforeIsRemembered(t *testing.T) {
	needRoot(t)
	early := `expect:
  - {from: one, to: two, before: true, reaches: false}
  - {from: one, to: two, reaches: true}
`
	for _, connected := range []bool{false, true} {
		ctx := testContext(t)
		l, err := Build(ctx, mustParse(t, outsideTopology+early), testOptions(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := l.Down(); err != nil {
				t.Error(err)
			}
		})
		bridgesByHand(t, l)
		if !connected {
			for _, h := range l.Hosts() {
				if _, err := h.Run(ctx, "ovs-vsctl", "set-fail-mode", overlayBridge, "secure"); err != nil {
					t.Fatal(err)
				}
				if _, err := h.Run(ctx, "ovs-ofctl", "del-flows", overlayBridge); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := l.CheckBefore(ctx); err != nil {
			t.Fatal(err)
		}
		for _, h := range l.Hosts() {
			if _, err := h.Run(ctx, "ovs-ofctl", "add-flow", overlayBridge, "actions=normal"); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Declare(ctx); err != nil {
			t.Fatal(err)
		}
		if err := l.PlugAll(ctx); err != nil {
			t.Fatal(err)
		}
		again, err := Open(l.Dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range check(t, again, l.Topology.Expect) {
			if holds := !connected || !r.Expectation.Before; (r.Err == nil) != holds {
				t.Errorf("connected from the start: %v: %s: %v", connected, r.Expectation, r.Err)
			}
		}
	}
}
