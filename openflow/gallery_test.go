package openflow

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestGalleryIsDecodedAndPrintedAsOvsOfctlDoes: testdata/gallery.flows holds
// flows as one types them, and gallery.golden what Open vSwitch made of each:
// the bytes of a dump, and the text without and with names.
func TestGalleryIsDecodedAndPrintedAsOvsOfctlDoes(t *testing.T) {
	const file = "testdata/gallery.golden"
	if *update {
		writeGallery(t, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(strings.TrimSpace(string(text)), "\n\n")
	if len(blocks) < 100 {
		t.Fatalf("%s has %d flows, want at least 100", file, len(blocks))
	}
	for _, block := range blocks {
		lines := strings.Split(block, "\n")
		body, err := hex.DecodeString(lines[0])
		if err != nil || len(lines) != 3 {
			t.Fatalf("%s: %v\n%s", file, err, block)
		}
		m, rest, err := ParseMatch(body)
		if err != nil {
			t.Fatalf("%s: %v", lines[1], err)
		}
		is, err := ParseInstructions(rest)
		if err != nil {
			t.Fatalf("%s: %v", lines[1], err)
		}
		refuseUnknown(t, lines[1], m, is)
		if got := AppendInstructions(m.AppendTo(nil), is); !bytes.Equal(got, body) {
			t.Errorf("%s: encoded to\n%x, was\n%x", lines[1], got, body)
		}
		if got := flowText(m, is, Names{}); got != lines[1] {
			t.Errorf("printed   %s\novs-ofctl %s", got, lines[1])
		}
		if got := flowText(m, is, testNames); got != lines[2] {
			t.Errorf("printed           %s\novs-ofctl --names %s", got, lines[2])
		}
		if again := NewMatch(m...); !bytes.Equal(again.AppendTo(nil), m.AppendTo(nil)) {
			t.Errorf("%s: NewMatch orders it %v", lines[1], again)
		}
	}
}

func writeGallery(t *testing.T, file string) {
	input, err := os.ReadFile("testdata/gallery.flows")
	if err != nil {
		t.Fatal(err)
	}
	s := startVswitch(t)
	s.addGroup(7)
	s.flows(nil)
	var flows strings.Builder
	n := 0
	for line := range strings.Lines(string(input)) {
		n++
		fmt.Fprintf(&flows, "priority=%d,%s", n, line)
	}
	s.OFCtl("", "add-meter", "br0", "meter=1,kbps,band=type=drop,rate=5")
	s.OFCtl(flows.String(), "add-flows", "br0", "-")
	dumped, text, names := s.dump(), s.text(), s.text("--names")
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%x\n%s\n%s\n\n", dumped[i], text[i], names[i])
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
