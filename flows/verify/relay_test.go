package verify

import (
	"testing"

	"github.com/weft-sdn/weft/flows"
)

// inARow is hosts that see the next one each, and networks of all
// encapsulations on all of them.
func inARow(hosts uint32) *topology {
	facts := even(int(hosts), 3, int(hosts)*3, true)
	for i := range facts.Networks {
		facts.Networks[i].Encap = flows.Encap(i)
	}
	for i := range facts.Hosts {
		facts.Hosts[i].TunnelPorts = flows.TunnelPorts{1, 2, 3}
	}
	t := newTopology(facts)
	for n := uint32(1); n <= hosts; n++ {
		t.PutLinks(n, []uint32{n - 1, n + 1})
		for d := uint32(1); d <= hosts; d++ {
			switch {
			case d < n:
				t.PutNext(n, d, n-1)
			case d > n:
				t.PutNext(n, d, n+1)
			}
		}
	}
	t.program()
	return t
}

// program gives all hosts the programs that they shall have now.
func (t *topology) program() {
	t.Flush()
	for i := range t.Hosts {
		t.Hosts[i].Program = t.Fabric.Program(t.Hosts[i].Number)
	}
}

func TestWhatIsRelayedIsProved(t *testing.T) {
	w := inARow(5)
	result, err := Check(t.Context(), w.Facts)
	if err != nil || len(result.Findings) > 0 || result.Pairs != 3*5*4 {
		t.Fatalf("%v, %d pairs, %v", err, result.Pairs, result.Findings)
	}

	w.PutNext(3, 5, 0) // hosts 1, 2 and 3 do not reach 5 any more
	w.program()
	result, err = Check(t.Context(), w.Facts)
	if err != nil || len(result.Findings) == 0 {
		t.Fatalf("a relay that knows no way is not found: %v, %+v", err, result)
	}
	for _, f := range result.Findings {
		if f.Kind != Lost {
			t.Errorf("%v", f)
		}
	}
}
