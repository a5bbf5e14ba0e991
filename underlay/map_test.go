package underlay

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWays(t *testing.T) {
	labD := []Link{{1, 2, 1}, {2, 3, 1}, {1, 3, 10}}
	tests := []struct {
		name     string
		links    []Link
		from, to uint32
		next     uint32 // 0: none
	}{
		{"over a cheap relay", labD, 1, 3, 2},
		{"direct", labD, 1, 2, 2},
		{"to itself", labD, 1, 1, 0},
		{"without the relay", labD[2:], 1, 3, 3},
		{"no way", []Link{{1, 2, 1}, {3, 4, 1}}, 1, 3, 0},
		{"a host without links", labD, 1, 9, 0},
		{"of two links the cheaper counts", append([]Link{{1, 3, 1}}, labD...), 1, 3, 3},
		{"one cost, fewer relays", []Link{{1, 2, 1}, {2, 3, 1}, {1, 3, 2}}, 1, 3, 3},
		{"one cost, as many relays: the lowest number", []Link{{1, 5, 1}, {5, 9, 1}, {1, 4, 1}, {4, 9, 1}}, 1, 9, 4},
		{"a link with oneself is none", []Link{{1, 1, 1}, {1, 2, 1}}, 1, 2, 2},
		{"a mesh", Mesh(1, 1, 2, 3, 4), 2, 4, 4},
		{"eight transmissions", line(9), 1, 9, 2},
		{"nine", line(10), 1, 10, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMap()
			m.Set(tt.links)
			next, ok := m.Next(tt.from, tt.to)
			if next != tt.next || ok != (tt.next != 0) {
				t.Errorf("from %d to %d by %d (%v), want %d", tt.from, tt.to, next, ok, tt.next)
			}
		})
	}
}

func line(hosts uint32) []Link {
	var links []Link
	for h := uint32(1); h < hosts; h++ {
		links = append(links, Link{h, h + 1, 1})
	}
	return links
}

func TestTooLongAWayIsStillCounted(t *testing.T) {
	m := NewMap()
	m.Set(line(10))
	if n := m.Transmissions(1, 10); n != 9 {
		t.Errorf("%d transmissions, want 9", n)
	}
	if n := m.Transmissions(1, 11); n != 0 {
		t.Errorf("%d transmissions to nobody", n)
	}
}

// Links come, go and change their cost, alone and together; hosts too.
func TestIncrementalEqualsRecomputed(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		hosts := 2 + r.Uint32N(12)
		links := map[pair]uint32{}
		m := NewMap()
		next := map[[2]uint32]uint32{}
		for range 60 {
			for range 1 + r.IntN(3) {
				p := Link{A: 1 + r.Uint32N(hosts), B: 1 + r.Uint32N(hosts)}.pair()
				if r.IntN(3) == 0 {
					delete(links, p)
				} else {
					links[p] = 1 + r.Uint32N(4)
				}
			}
			list := listOf(links)
			r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			for _, c := range m.Set(list) {
				next[[2]uint32{c.From, c.To}] = c.Next
			}
			anew := NewMap()
			anew.Set(list)
			for from := range hosts + 1 {
				for to := range hosts + 1 {
					want, _ := anew.Next(from, to)
					if got, _ := m.Next(from, to); got != want || next[[2]uint32{from, to}] != want {
						t.Fatalf("seed %d: from %d to %d by %d, changes say %d, computed anew %d", seed, from, to, got, next[[2]uint32{from, to}], want)
					}
					follow(t, anew, from, to)
				}
			}
		}
	}
}

// follow goes from host to host as each of them would, and must arrive.
func follow(t *testing.T, m *Map, from, to uint32) {
	t.Helper()
	next, ok := m.Next(from, to)
	for sent := 1; ok; sent++ {
		if sent > MaxTransmissions {
			t.Fatalf("from %d to %d takes more than %d transmissions", from, to, MaxTransmissions)
		}
		if next == to {
			return
		}
		if next, ok = m.Next(next, to); !ok {
			t.Fatalf("from %d to %d: a relay knows no way", from, to)
		}
	}
}

func listOf(links map[pair]uint32) []Link {
	var list []Link
	for _, p := range slices.SortedFunc(maps.Keys(links), func(a, b pair) int { return int(a.low) - int(b.low) }) {
		list = append(list, Link{p.low, p.high, links[p]})
	}
	return list
}

func TestNothingChangesWhenTheLinksAreTheSame(t *testing.T) {
	m := NewMap()
	links := []Link{{1, 2, 1}, {2, 3, 1}}
	want := []Change{{1, 2, 2}, {1, 3, 2}, {2, 1, 1}, {2, 3, 3}, {3, 1, 2}, {3, 2, 2}}
	if diff := cmp.Diff(want, m.Set(links)); diff != "" {
		t.Error(diff)
	}
	slices.Reverse(links)
	if c := m.Set(links); c != nil {
		t.Errorf("the same links again changed %v", c)
	}
	if c := m.Set(nil); len(c) != 6 || c[0].Next != 0 {
		t.Errorf("without links: %v", c)
	}
}

// A link of 2,000 among 500 hosts fails and comes back.
func BenchmarkOneLinkOf2000(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	links := map[pair]uint32{}
	for h := uint32(2); h <= 500; h++ {
		links[Link{A: h, B: 1 + r.Uint32N(h-1)}.pair()] = 1 + r.Uint32N(10)
	}
	for len(links) < 2000 {
		if l := (Link{A: 1 + r.Uint32N(500), B: 1 + r.Uint32N(500)}); l.A != l.B {
			links[l.pair()] = 1 + r.Uint32N(10)
		}
	}
	list := listOf(links)
	m := NewMap()
	began := time.Now()
	m.Set(list)
	b.ReportMetric(float64(time.Since(began).Microseconds())/1000, "ms/all")
	changed, most := 0, 0
	for i := 0; b.Loop(); i++ {
		without := slices.Delete(slices.Clone(list), i%len(list), i%len(list)+1)
		n := len(m.Set(without))
		changed, most = changed+n, max(most, n)
		m.Set(list)
	}
	b.ReportMetric(float64(changed)/float64(b.N), "entries/link")
	b.ReportMetric(float64(most), "entries-at-most")
}
