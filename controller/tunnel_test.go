package controller

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/model"
)

func TestAHostWithoutTheTunnelsOfANetworkIsNamed(t *testing.T) {
	c := open(t, t.TempDir())
	n := network("net1", "10.0.1.0/24")
	n.Encap = model.GRE
	if _, _, err := c.CreateNetwork(t.Context(), n, WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	port := portFact{Host: "id1", Name: "weft-gre", Error: "could not add network device weft-gre to ofproto (Invalid argument)"}
	with(t, c, func(w *tx) {
		w.put(tableHost, &hostRecord{SystemID: "id1", Name: "h1", Number: 1, DatapathID: 1, VTEP: netip.MustParseAddr("192.0.2.1")})
		w.put(tablePresence, &presenceRecord{Host: "id1", VNI: w.network("net1").VNI})
		w.put(tablePort, &port)
	})
	now, err := c.Network("net1")
	if err != nil || len(now.Conditions) != 1 || now.Conditions[0].Type != model.NoEncap {
		t.Fatalf("%+v, %v", now.Conditions, err)
	}
	for _, says := range []string{"host h1", "gre", "Invalid argument"} {
		if !strings.Contains(now.Conditions[0].Message, says) {
			t.Errorf("%q does not say %q", now.Conditions[0].Message, says)
		}
	}
	if encap, lacks := c.snapshot().lacksTunnel(c.snapshot().host("id1")); !lacks || encap != model.GRE {
		t.Errorf("%q, %v", encap, lacks)
	}
	works := port
	works.Error = ""
	with(t, c, func(w *tx) { w.put(tablePort, &works) })
	if now, _ := c.Network("net1"); len(now.Conditions) > 0 {
		t.Errorf("%+v", now.Conditions)
	}
}

// What becomes of a link that goes up and down at these seconds.
func TestDamping(t *testing.T) {
	type step struct {
		at   float64
		up   bool
		used bool
	}
	for name, steps := range map[string][]step{
		"one failure":                   {{0, false, false}, {1, true, false}, {1.9, true, false}, {2, true, true}, {60, true, true}},
		"a bounce while it has to stay": {{0, false, false}, {1, true, false}, {1.5, false, false}, {2, true, false}, {2.5, true, false}, {3, true, true}},
		"three failures in ten seconds": {{0, false, false}, {1, true, false}, {2, true, true}, {3, false, false}, {4, true, false}, {5, true, true},
			{6, false, false}, {7, true, false}, {11.9, true, false}, {12, true, true}},
		"a break begins the five seconds anew": {{0, false, false}, {1, true, false}, {2, false, false}, {3, true, false}, {4, false, false},
			{5, true, false}, {9, false, false}, {10, true, false}, {14.9, true, false}, {15, true, true}},
		"three failures in a minute": {{0, false, false}, {1, true, false}, {2, true, true}, {30, false, false}, {31, true, false}, {32, true, true},
			{60, false, false}, {61, true, false}, {62, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			a := adjacencyRecord{State: model.LinkUp, Used: true, seen: true}
			began := time.Now()
			for _, s := range steps {
				at := began.Add(time.Duration(s.at * float64(time.Second)))
				if s.up {
					a.recover(at, time.Second)
				} else {
					a.fail(at)
				}
				if a.Used != s.used {
					t.Fatalf("after %v s it is used: %v (%s)", s.at, a.Used, a.State)
				}
				if !a.Used && a.State == model.LinkUp || a.Used && a.State != model.LinkUp {
					t.Fatalf("after %v s it is %s, and used: %v", s.at, a.State, a.Used)
				}
			}
		})
	}
}
