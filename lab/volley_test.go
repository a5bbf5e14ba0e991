package lab

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// meant are the arrivals of a volley over learning bridges in topology c, where
// a network has two containers: each datagram comes out at the other one. One
// for a MAC of the other network does so because it is flooded.
func meant(l *Lab) Arrivals {
	expected := Arrivals{}
	for _, from := range l.Containers() {
		for _, at := range l.Containers() {
			if from == at || from.Endpoint().Network != at.Endpoint().Network {
				continue
			}
			expected[Datagram{From: from.Name}] = []string{at.Name}
			for _, to := range l.Containers() {
				if to != from {
					expected[Datagram{From: from.Name, To: to.Name}] = []string{at.Name}
				}
			}
		}
	}
	return expected
}

func TestAVolleyShowsWhatComesOutWhere(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "c"))
	ctx := testContext(t)
	separateNetworks(t, l)
	expected := meant(l)
	fire := func() Arrivals {
		t.Helper()
		got, err := l.Volley(ctx, expected)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	err := until(ctx, "a volley arrives as it is meant", func() (bool, error) {
		return fmt.Sprint(fire()) == fmt.Sprint(expected), nil
	})
	if err != nil {
		t.Fatalf("%v: %v, want %v", err, fire(), expected)
	}
	to := Datagram{From: "namespace_01", To: "namespace_03"}
	leak := fmt.Sprintf("priority=100,in_port=%s,actions=normal,normal,output:%s", l.Container("namespace_01").Port(), l.Container("namespace_02").Port())
	if _, err := l.Host("swarm-01").Run(ctx, "ovs-ofctl", "--names", "add-flow", overlayBridge, leak); err != nil {
		t.Fatal(err)
	}
	err = until(ctx, "the leak and the second copy are seen", func() (bool, error) {
		return slices.Equal(fire()[to], []string{"namespace_02", "namespace_03", "namespace_03"}), nil
	})
	if err != nil {
		t.Errorf("%v: %v", err, fire())
	}
}

func TestTwoHostsAreCutOffFromEachOther(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx, one, two := testContext(t), l.Host("host1"), l.Host("host2")
	controller := l.Topology.Controller.Address.Addr().String()
	reach := func(from *Host, to string) bool {
		_, err := from.Run(ctx, "ping", "-n", "-c", "2", "-i", "0.1", "-W", "1", to)
		return err == nil
	}
	mustReach(t, l, "doc1", "doc3")
	if err := one.CutFrom(two); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]*Host{{one, two}, {two, one}} {
		if reach(pair[0], pair[1].spec.Address.Addr().String()) || !reach(pair[0], controller) {
			t.Errorf("%s is cut off from %s means: from it, and from nobody else", pair[0].Name, pair[1].Name)
		}
	}
	if _, err := l.Container("doc1").Run(ctx, "ping", "-n", "-c", "1", "-W", "1", "10.0.1.20"); err == nil {
		t.Error("the tunnel is not cut")
	}
	if err := two.HealWith(one); err != nil {
		t.Fatal(err)
	}
	mustReach(t, l, "doc3", "doc1")
}

func TestFrozenDaemonsDoNotAnswer(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	ctx, host := testContext(t), l.Host("host1")
	answers := func() bool {
		_, err := host.Run(ctx, "ovs-vsctl", "--no-wait", "--timeout=1", "list-br")
		return err == nil
	}
	if err := host.FreezeOVSDB(); err != nil {
		t.Fatal(err)
	}
	if answers() {
		t.Error("a frozen ovsdb-server answers")
	}
	if err := host.ThawOVSDB(); err != nil {
		t.Fatal(err)
	}
	if !answers() {
		t.Error("a thawed ovsdb-server does not answer")
	}
	if err := l.FreezeController(); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := l.Endpoints(short); err == nil {
		t.Error("a frozen controller answers")
	}
	if err := l.ThawController(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Endpoints(ctx); err != nil {
		t.Errorf("a thawed controller does not answer: %v", err)
	}
}
