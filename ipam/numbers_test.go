package ipam

import (
	"errors"
	"testing"
)

func TestNumbersGiveTheLowestFree(t *testing.T) {
	n := NewNumbers(4096, 1<<24-1)
	for _, taken := range []uint32{4096, 4097, 4099, 1<<24 - 1} {
		if err := n.Take(taken); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want uint32) {
		t.Helper()
		if got, err := n.Lowest(); got != want || err != nil {
			t.Errorf("lowest is %d (%v), want %d", got, err, want)
		}
	}
	want(4098)
	n.Take(4098)
	want(4100)
	if !n.Give(4096) || n.Give(4096) {
		t.Error("4096 can be given back once")
	}
	want(4096)
	if n.Used() != 4 || n.Size() != 1<<24-4096 {
		t.Errorf("%d of %d are in use, want 4 of %d", n.Used(), n.Size(), 1<<24-4096)
	}
}

func TestNumbersGoRound(t *testing.T) {
	n := NewNumbers(1, 20)
	want := func(want uint32) {
		t.Helper()
		got, err := n.Next(5)
		if got != want || err != nil {
			t.Fatalf("next is %d (%v), want %d", got, err, want)
		}
		n.Take(got)
	}
	want(1)
	want(2)
	n.Give(1)
	n.Give(2)
	want(3) // not 1 and 2, which were in use just now
	want(4)
	want(5)
	want(1)
	want(2)
	want(6) // above the limit there is room when below is none
	n.Give(4)
	want(4)
	for got := uint32(7); got <= 20; got++ {
		want(got)
	}
	if got, err := n.Next(5); err == nil {
		t.Errorf("all are in use, and next is %d", got)
	}
}

func TestNumbersRefuse(t *testing.T) {
	n := NewNumbers(10, 20)
	n.Take(15)
	if err := n.Take(15); !errors.Is(err, ErrInUse) {
		t.Errorf("15 again: %v, want ErrInUse", err)
	}
	for _, outside := range []uint32{0, 9, 21, 1<<32 - 1} {
		if err := n.Take(outside); err == nil || errors.Is(err, ErrInUse) {
			t.Errorf("%d: %v, want an error that it is outside", outside, err)
		}
		if n.Give(outside) {
			t.Errorf("%d was given back", outside)
		}
	}
}

func TestNumbersExhaustExactly(t *testing.T) {
	for _, test := range []struct{ lo, hi uint32 }{
		{0, 0}, {1, 2}, {5, 67}, {5, 68}, {5, 69}, {0, 4095}, {0, 4096}, {1<<32 - 70, 1<<32 - 1},
	} {
		n := NewNumbers(test.lo, test.hi)
		for want := uint64(test.lo); want <= uint64(test.hi); want++ {
			got, err := n.Lowest()
			if err != nil || uint64(got) != want {
				t.Fatalf("%+v: lowest is %d (%v), want %d", test, got, err, want)
			}
			if err := n.Take(got); err != nil {
				t.Fatal(err)
			}
		}
		var exhausted *ExhaustedError
		if got, err := n.Lowest(); !errors.As(err, &exhausted) || exhausted.Used != n.Size() || exhausted.Size != n.Size() {
			t.Errorf("%+v: got %d (%v), want all %d to be in use", test, got, err, n.Size())
		}
	}
	whole := NewNumbers(0, 1<<32-1)
	if whole.Size() != 1<<32 {
		t.Errorf("size %d", whole.Size())
	}
	if err := whole.Take(1<<32 - 1); err != nil {
		t.Error(err)
	}
}
