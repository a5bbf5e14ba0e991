package program

import (
	"testing"

	"github.com/weft-sdn/weft/openflow"
)

// dumped is a flow as a dump has it.
func dumped(f Flow) *openflow.EncodedFlowStats {
	return &openflow.EncodedFlowStats{
		FlowStats:    openflow.FlowStats{Table: f.table, Priority: f.priority, Cookie: f.cookie},
		MatchBytes:   []byte(f.encoded[:f.matchLen]),
		Instructions: []byte(f.encoded[f.matchLen:]),
	}
}

func TestComparingADumpThatIsRightAllocatesNothing(t *testing.T) {
	const n = 1000
	fr := &Fragment{Key: Key{Kind: 1}}
	for i := range n {
		fr.Flows = append(fr.Flows, NewFlow(1, 1, 7, openflow.NewMatch(openflow.Metadata.Uint(uint64(i))), openflow.GotoTable{Table: 2}))
	}
	c := NewComparison([]*Fragment{fr})
	c.Stats(dumped(fr.Flows[0])) // makes the index
	i := 1
	stats := make([]*openflow.EncodedFlowStats, n)
	for i, f := range fr.Flows {
		stats[i] = dumped(f)
	}
	if allocs := testing.AllocsPerRun(n-2, func() { c.Stats(stats[i]); i++ }); allocs != 0 {
		t.Errorf("%v allocations a flow", allocs)
	}
	if d := c.Difference(); !d.Empty() {
		t.Errorf("differences: %v", d.Lines(openflow.Names{}))
	}
}

func TestADumpedFlowThatDiffersIsReplaced(t *testing.T) {
	f := NewFlow(1, 1, 7, openflow.NewMatch(openflow.Metadata.Uint(1)), openflow.GotoTable{Table: 2})
	fr := &Fragment{Key: Key{Kind: 1}, Flows: []Flow{f}}
	for name, change := range map[string]func(*openflow.EncodedFlowStats){
		"cookie":       func(s *openflow.EncodedFlowStats) { s.Cookie++ },
		"idle timeout": func(s *openflow.EncodedFlowStats) { s.IdleTimeout++ },
		"hard timeout": func(s *openflow.EncodedFlowStats) { s.HardTimeout++ },
		"flags":        func(s *openflow.EncodedFlowStats) { s.Flags++ },
		"importance":   func(s *openflow.EncodedFlowStats) { s.Importance++ },
		"instructions": func(s *openflow.EncodedFlowStats) { s.Instructions = nil },
	} {
		s := dumped(f)
		change(s)
		c := NewComparison([]*Fragment{fr})
		c.Stats(s)
		if d := c.Difference(); len(d.AddFlows) != 1 || len(d.DelFlows) != 0 || d.AddFlows[0].Replaces == nil {
			t.Errorf("another %s: %v", name, d.Lines(openflow.Names{}))
		}
	}
}

func TestEncodingAFlowModForABundleAllocatesNothing(t *testing.T) {
	f := NewFlow(1, 1, 7, openflow.NewMatch(openflow.Metadata.Uint(1)), openflow.GotoTable{Table: 2})
	d := Difference{AddFlows: []KeyedFlow{{Flow: f}}, DelFlows: []KeyedFlow{{Flow: f}}}
	buffer := make([]byte, 0, 1024)
	for i := range d.Len() {
		if allocs := testing.AllocsPerRun(100, func() {
			step := d.Step(i)
			if _, err := step.AppendToBundle(buffer[:0], 1, 1); err != nil {
				t.Fatal(err)
			}
		}); allocs != 0 {
			t.Errorf("step %d: %v allocations", i, allocs)
		}
	}
}

func BenchmarkEncodeFlowMod(b *testing.B) {
	f := NewFlow(1, 1, 7, openflow.NewMatch(openflow.Metadata.Uint(1)), openflow.GotoTable{Table: 2})
	d := Difference{AddFlows: []KeyedFlow{{Flow: f}}}
	buffer := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		step := d.Step(0)
		if _, err := step.AppendToBundle(buffer[:0], 1, 1); err != nil {
			b.Fatal(err)
		}
	}
}
