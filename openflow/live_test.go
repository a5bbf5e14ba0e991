package openflow

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestRandomFlowsComeBackFromOpenVSwitchByteForByte sends flows made from the
// tables of fields and actions, and compares what a dump brings back, and what
// ovs-ofctl prints, with what was sent.
func TestRandomFlowsComeBackFromOpenVSwitchByteForByte(t *testing.T) {
	s := startVswitch(t)
	s.addGroup(7)
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	g := &generator{rand.New(rand.NewPCG(seed, 0))}

	const flows, rounds = 500, 4
	for range rounds {
		matches := make([]Match, flows)
		instructions := make([][]Instruction, flows)
		bodies := make([][]byte, flows)
		for i := range bodies {
			matches[i] = g.match(g.kind())
			instructions[i] = g.instructions(kind(matches[i]))
			bodies[i] = AppendInstructions(matches[i].AppendTo(nil), instructions[i])
			if err := matches[i].Check(); err != nil {
				t.Error(err)
			}
		}
		refused := s.flows(bodies)
		dumped, text, names := s.dump(), s.text(), s.text("--names")
		for i := range bodies {
			if why, ok := refused[i]; ok {
				t.Errorf("%s: refused, %s", flowText(matches[i], instructions[i], Names{}), why)
				continue
			}
			if !bytes.Equal(dumped[i], bodies[i]) {
				t.Errorf("%s\nsent   %x\ndumped %x", text[i], bodies[i], dumped[i])
			}
			if got := flowText(matches[i], instructions[i], Names{}); got != text[i] {
				t.Errorf("printed   %s\novs-ofctl %s", got, text[i])
			}
			if got := flowText(matches[i], instructions[i], testNames); got != names[i] {
				t.Errorf("printed           %s\novs-ofctl --names %s", got, names[i])
			}
		}
		if t.Failed() {
			return
		}
	}
}

// TestCheckRefusesWhatOpenVSwitchRefuses leaves one field after the other out of
// good matches, and compares the verdicts.
func TestCheckRefusesWhatOpenVSwitchRefuses(t *testing.T) {
	s := startVswitch(t)
	g := &generator{rand.New(rand.NewPCG(1, 2))}
	var matches []Match
	for range 100 {
		m := g.match(g.kind())
		for i := range m {
			matches = append(matches, append(append(Match{}, m[:i]...), m[i+1:]...))
		}
		if len(m) > 0 {
			matches = append(matches, append(append(Match{}, m...), m[len(m)-1]))
		}
	}
	bodies := make([][]byte, len(matches))
	for i, m := range matches {
		bodies[i] = m.AppendTo(nil)
	}
	refused := s.flows(bodies)
	bad := 0
	for i, m := range matches {
		why, ovs := refused[i]
		if err := m.Check(); (err != nil) != ovs {
			t.Errorf("%v:\nOpen vSwitch: %q\nCheck: %v", m, why, err)
		}
		if ovs {
			bad++
		}
	}
	if bad == 0 || bad == len(matches) {
		t.Errorf("%d of %d matches refused: nothing was compared", bad, len(matches))
	}
}
