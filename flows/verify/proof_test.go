package verify

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

func check(t *testing.T, f Facts) *Result {
	t.Helper()
	r, err := Check(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestProgramsOfRandomTopologiesAreProved(t *testing.T) {
	for seed := range uint64(300) {
		f := newTopology(random(rand.New(rand.NewPCG(seed, 0))))
		if r := check(t, f.Facts); !r.Proved() {
			t.Fatalf("seed %d: %v", seed, r.Findings[0])
		}
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct{ hosts, networks, endpoints int }{{20, 10, 2000}} {
		f := newTopology(even(c.hosts, c.networks, c.endpoints, false))
		began := time.Now()
		r := check(t, f.Facts)
		t.Logf("%v: %v, %d flows, %d pairs, proved %v", c, time.Since(began), r.Flows, r.Pairs, r.Proved())
	}
}
