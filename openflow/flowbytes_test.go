package openflow

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

// A recorded flow is the part of a recorded message that this file's codec
// reads: a match and the instructions after it.
type recordedFlow struct {
	name string
	body []byte
}

// recordedFlows are the flows in testdata/recorded: of every flow-mod, and every
// flow of every dump.
func recordedFlows(t testing.TB) []recordedFlow {
	t.Helper()
	paths, err := filepath.Glob("testdata/recorded/*")
	if err != nil {
		t.Fatal(err)
	}
	const (
		flowMod, multipartReply = 14, 19
		statsFlow               = 1
		flowModMatch            = 48 // where the match is in OFPT_FLOW_MOD
		statsBody, statsMatch   = 16, 48
	)
	var flows []recordedFlow
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		switch {
		case b[1] == flowMod:
			flows = append(flows, recordedFlow{name, b[flowModMatch:]})
		case b[1] == multipartReply && binary.BigEndian.Uint16(b[8:]) == statsFlow:
			for b = b[statsBody:]; len(b) > 0; {
				n := binary.BigEndian.Uint16(b)
				flows = append(flows, recordedFlow{name, b[statsMatch:n]})
				b = b[n:]
			}
		}
	}
	if len(flows) < 60 {
		t.Fatalf("%d recorded flows in testdata/recorded, want at least 60", len(flows))
	}
	return flows
}

func TestRecordedFlowsAreEncodedFromTheirFieldsToTheSameBytes(t *testing.T) {
	for _, flow := range recordedFlows(t) {
		m, rest, err := ParseMatch(flow.body)
		if err != nil {
			t.Errorf("%s: %v", flow.name, err)
			continue
		}
		is, err := ParseInstructions(rest)
		if err != nil {
			t.Errorf("%s: %v", flow.name, err)
			continue
		}
		if got := AppendInstructions(m.AppendTo(nil), is); !bytes.Equal(got, flow.body) {
			t.Errorf("%s: encoded to\n%x, was\n%x", flow.name, got, flow.body)
		}
		refuseUnknown(t, flow.name, m, is)
	}
}

// refuseUnknown fails if anything was kept as bytes instead of decoded.
func refuseUnknown(t *testing.T, name string, m Match, is []Instruction) {
	t.Helper()
	for _, v := range m {
		if FieldByName(v.Field.Name) == nil {
			t.Errorf("%s: field %v is unknown", name, v.Field)
		}
	}
	var actions func([]Action)
	actions = func(as []Action) {
		for _, a := range as {
			switch a := a.(type) {
			case UnknownAction:
				t.Errorf("%s: %v", name, a)
			case CT:
				actions(a.Nested)
			case Clone:
				actions(a.Actions)
			}
		}
	}
	for _, i := range is {
		switch i := i.(type) {
		case UnknownInstruction:
			t.Errorf("%s: %v", name, i)
		case ApplyActions:
			actions(i.Actions)
		case WriteActions:
			actions(i.Actions)
		}
	}
}
