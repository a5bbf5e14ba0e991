package openflow

import (
	"bytes"
	"testing"
)

// seed gives a fuzz target the matches or instructions of all recorded flows.
func seed(f *testing.F, part func(match, instructions []byte) []byte) {
	for _, flow := range recordedFlows(f) {
		_, rest, err := ParseMatch(flow.body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(part(flow.body[:len(flow.body)-len(rest)], rest))
	}
}

func FuzzParseMatch(f *testing.F) {
	seed(f, func(match, _ []byte) []byte { return match })
	f.Fuzz(func(t *testing.T, b []byte) {
		m, rest, err := ParseMatch(b)
		if err != nil {
			return
		}
		_ = m.String()
		_ = m.Check()
		NewMatch(m...)
		again := m.AppendTo(nil)
		if len(again) != len(b)-len(rest) {
			t.Fatalf("%d bytes encoded to %d", len(b)-len(rest), len(again))
		}
		// Only the padding may differ.
		n := int(b[2])<<8 | int(b[3])
		if !bytes.Equal(again[:n], b[:n]) {
			t.Fatalf("%x encoded to\n%x", b[:n], again[:n])
		}
	})
}

func FuzzParseActions(f *testing.F) {
	seed(f, func(_, instructions []byte) []byte {
		const header = 8
		if len(instructions) < header {
			return nil
		}
		return instructions[header:]
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		as, err := ParseActions(b)
		if err != nil {
			return
		}
		_ = FormatActions(as, testNames)
		if again := AppendActions(nil, as); !bytes.Equal(again, b) {
			t.Fatalf("%x encoded to\n%x", b, again)
		}
	})
}

func FuzzParseInstructions(f *testing.F) {
	seed(f, func(_, instructions []byte) []byte { return instructions })
	f.Fuzz(func(t *testing.T, b []byte) {
		is, err := ParseInstructions(b)
		if err != nil {
			return
		}
		_ = FormatInstructions(is, testNames)
		if again := AppendInstructions(nil, is); !bytes.Equal(again, b) {
			t.Fatalf("%x encoded to\n%x", b, again)
		}
	})
}
