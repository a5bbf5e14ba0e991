package verify

import (
	"context"
	"math/rand/v2"
	"testing"
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
	for seed := range uint64(400) {
		f := newTopology(random(rand.New(rand.NewPCG(seed, 0))))
		if r := check(t, f.Facts); !r.Proved() {
			t.Fatalf("seed %d: %v", seed, r.Findings[0])
		}
	}
}
