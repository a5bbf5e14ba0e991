package openflow

import (
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var updateReplies = flag.Bool("update-replies", false, "write testdata/replies.txt anew, with ovs-ofctl ofp-print")

// TestRepliesPrintAsOVSOfctlPrintsThem compares flows with their counters, and
// groups, with what ovs-ofctl ofp-print made of the same bytes.
func TestRepliesPrintAsOVSOfctlPrintsThem(t *testing.T) {
	all := recorded(t)
	all["flow-with-everything"] = (&MultipartReply{Body: FlowStatsList{{
		Table: 7, DurationSec: 12, DurationNsec: 345_000_000, Priority: defaultPriority, IdleTimeout: 60, HardTimeout: 600,
		Flags: 0x1f, Importance: 9, Cookie: 0xc0de, Packets: 3, Bytes: 180,
		Match: NewMatch(Metadata.Uint(5)), Instructions: []Instruction{GotoTable{Table: 8}},
	}, {Priority: 0}}}).AppendTo(nil, 1)
	all["group-with-everything"] = (&MultipartReply{Body: GroupDescs{
		{Group: 1, GroupType: GroupTypeSelect, Buckets: []Bucket{{Weight: 3, WatchPort: 2, WatchGroup: 4, Actions: []Action{Output{Port: 2}}}}},
		{Group: 2, GroupType: GroupTypeFastFailover, Buckets: []Bucket{{WatchPort: 2, WatchGroup: GroupAny}}},
		{Group: 3, GroupType: GroupTypeIndirect},
	}}).AppendTo(nil, 1)

	var ours, theirs strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m, _, err := Parse(all[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		reply, ok := m.(*MultipartReply)
		if !ok {
			continue
		}
		var lines []string
		switch body := reply.Body.(type) {
		case FlowStatsList:
			for i := range body {
				lines = append(lines, body[i].Format(Names{}))
			}
		case GroupDescs:
			for i := range body {
				lines = append(lines, body[i].Format(Names{}))
			}
		default:
			continue
		}
		fmt.Fprintf(&ours, "%s\n", name)
		for _, l := range lines {
			fmt.Fprintf(&ours, " %s\n", l)
		}
		if *updateReplies {
			out, err := exec.Command("ovs-ofctl", "ofp-print", hex.EncodeToString(all[name])).CombinedOutput()
			if err != nil {
				t.Fatalf("ovs-ofctl ofp-print: %v\n%s", err, out)
			}
			_, flows, _ := strings.Cut(string(out), "\n") // the first line names the message
			fmt.Fprintf(&theirs, "%s\n%s", name, flows)
		}
	}
	const golden = "testdata/replies.txt"
	if *updateReplies {
		if err := os.WriteFile(golden, []byte(theirs.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, wanted := strings.Split(ours.String(), "\n"), strings.Split(string(want), "\n")
	if len(got) != len(wanted) {
		t.Errorf("%d lines, want %d", len(got), len(wanted))
	}
	for i := range min(len(got), len(wanted)) {
		if got[i] != wanted[i] {
			t.Errorf("line %d:\ngot  %s\nwant %s", i+1, got[i], wanted[i])
		}
	}
}
