package openflow

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden texts anew, from a live Open vSwitch")

const (
	golden      = "testdata/recorded.flows"
	goldenNames = "testdata/recorded-names.flows"
)

// TestRecordedFlowsArePrintedAsOvsOfctlDoes compares with what ovs-ofctl printed
// of the same flows when the golden files were written.
func TestRecordedFlowsArePrintedAsOvsOfctlDoes(t *testing.T) {
	flows := distinctFlows(t)
	if *update {
		writeGolden(t, flows)
	}
	for _, c := range []struct {
		file  string
		names Names
	}{{golden, Names{}}, {goldenNames, testNames}} {
		want, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, flow := range flows {
			fmt.Fprintf(&got, "%s: %s\n", flow.name, flowText(flow.match, flow.instructions, c.names))
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
			t.Errorf("%s (-ovs-ofctl +here):\n%s", c.file, diff)
		}
	}
}

// decodedFlow is a recorded flow, decoded.
type decodedFlow struct {
	name         string
	match        Match
	instructions []Instruction
}

func distinctFlows(t testing.TB) []decodedFlow {
	t.Helper()
	var flows []decodedFlow
	seen := map[string]bool{}
	for _, r := range recordedFlows(t) {
		if seen[string(r.body)] {
			continue
		}
		seen[string(r.body)] = true
		m, rest, err := ParseMatch(r.body)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		is, err := ParseInstructions(rest)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		flows = append(flows, decodedFlow{r.name, m, is})
	}
	return flows
}

func writeGolden(t *testing.T, flows []decodedFlow) {
	s := startVswitch(t)
	s.addGroup(7)
	bodies := make([][]byte, len(flows))
	for i, f := range flows {
		bodies[i] = AppendInstructions(f.match.AppendTo(nil), f.instructions)
	}
	for i, why := range s.flows(bodies) {
		t.Fatalf("%s: refused, %s", flows[i].name, why)
	}
	for file, texts := range map[string]map[int]string{golden: s.text(), goldenNames: s.text("--names")} {
		var b strings.Builder
		for i, f := range flows {
			fmt.Fprintf(&b, "%s: %s\n", f.name, texts[i])
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
