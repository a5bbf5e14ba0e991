package openflow

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/weft-sdn/weft/internal/mutate"
)

// messages is one of every message that was ever recorded, or is known.
func messages(t testing.TB) mutate.Corpus {
	var c mutate.Corpus
	for _, b := range recorded(t) {
		c = append(c, b)
	}
	for _, m := range unrecorded {
		c = append(c, m.AppendTo(nil, 1))
	}
	return c
}

// parts of all recorded flows: matches, say, or instructions.
func parts(t testing.TB, part func(match, instructions []byte) []byte) mutate.Corpus {
	var c mutate.Corpus
	for _, flow := range recordedFlows(t) {
		_, rest, err := ParseMatch(flow.body)
		if err != nil {
			t.Fatal(err)
		}
		if b := part(flow.body[:len(flow.body)-len(rest)], rest); len(b) > 0 {
			c = append(c, b)
		}
	}
	return c
}

func matchesOf(match, _ []byte) []byte             { return match }
func instructionsOf(_, instructions []byte) []byte { return instructions }
func actionsOf(_, instructions []byte) []byte {
	const header = 8
	return instructions[min(header, len(instructions)):]
}

// checkMessage: what decodes encodes to something that means the same. Padding
// and other bytes without meaning may differ the first time, not the second.
func checkMessage(t testing.TB, b []byte) {
	if len(b) >= HeaderLen && len(b) <= MaxMessage {
		// A right length, or few mutants got any further than that.
		binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	}
	m, xid, err := Parse(b)
	if err != nil {
		return
	}
	once := m.AppendTo(nil, xid)
	if len(once) > MaxMessage {
		return
	}
	again, _, err := Parse(once)
	if err != nil {
		t.Fatalf("%x decodes as %#v, which encodes as %x: %v", b, m, once, err)
	}
	if twice := again.AppendTo(nil, xid); !bytes.Equal(once, twice) {
		t.Fatalf("%x encodes as %x, then as %x", b, once, twice)
	}
}

func checkMatch(t testing.TB, b []byte) {
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
}

func checkActions(t testing.TB, b []byte) {
	as, err := ParseActions(b)
	if err != nil {
		return
	}
	_ = FormatActions(as, testNames)
	if again := AppendActions(nil, as); !bytes.Equal(again, b) {
		t.Fatalf("%x encoded to\n%x", b, again)
	}
}

func checkInstructions(t testing.TB, b []byte) {
	is, err := ParseInstructions(b)
	if err != nil {
		return
	}
	_ = FormatInstructions(is, testNames)
	if again := AppendInstructions(nil, is); !bytes.Equal(again, b) {
		t.Fatalf("%x encoded to\n%x", b, again)
	}
}

// checkFlows takes b as the body of a dump, flow by flow: what is decoded late
// must be what is decoded at once.
func checkFlows(t testing.TB, b []byte) {
	n := 0
	bad := false
	err := EachFlow(b, func(e *EncodedFlowStats) {
		n++
		f, err := e.Decode()
		if bad = bad || err != nil; err == nil {
			_ = f.Format(testNames)
			_ = f.FormatWithoutStats(testNames)
		}
	})
	d := &decoder{b: b}
	all := decodeFlowStatsReply(d)
	switch {
	case (d.err != nil) != (err != nil || bad):
		t.Fatalf("flow by flow: %v, bad: %v; at once: %v", err, bad, d.err)
	case d.err == nil && len(all) != n:
		t.Fatalf("%d flows one by one, %d at once", n, len(all))
	}
}

func flowBodies(t testing.TB) mutate.Corpus {
	var c mutate.Corpus
	for _, b := range recorded(t) {
		if m, _, err := Parse(b); err == nil {
			if r, ok := m.(*MultipartReply); ok && r.Body.Kind() == KindFlow {
				c = append(c, b[HeaderLen+8:])
			}
		}
	}
	return c
}

func fuzz(f *testing.F, c mutate.Corpus, check func(testing.TB, []byte)) {
	c.Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { check(t, bytes.Clone(b)) })
}

func FuzzParse(f *testing.F)             { fuzz(f, messages(f), checkMessage) }
func FuzzParseMatch(f *testing.F)        { fuzz(f, parts(f, matchesOf), checkMatch) }
func FuzzParseActions(f *testing.F)      { fuzz(f, parts(f, actionsOf), checkActions) }
func FuzzParseInstructions(f *testing.F) { fuzz(f, parts(f, instructionsOf), checkInstructions) }
func FuzzEachFlow(f *testing.F)          { fuzz(f, flowBodies(f), checkFlows) }

func TestMutants(t *testing.T) {
	for target, c := range map[string]struct {
		corpus mutate.Corpus
		check  func(testing.TB, []byte)
	}{
		"FuzzParse":             {messages(t), checkMessage},
		"FuzzParseMatch":        {parts(t, matchesOf), checkMatch},
		"FuzzParseActions":      {parts(t, actionsOf), checkActions},
		"FuzzParseInstructions": {parts(t, instructionsOf), checkInstructions},
		"FuzzEachFlow":          {flowBodies(t), checkFlows},
	} {
		t.Run(target, func(t *testing.T) { c.corpus.Saved(t, target).Check(t, c.check) })
	}
}
