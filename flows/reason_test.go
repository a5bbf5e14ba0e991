package flows

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// Operators look a drop up by the last two digits of its cookie.
func TestEveryReasonIsInTheDebuggingGuide(t *testing.T) {
	guide, err := os.ReadFile("../docs/debugging.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9a-f]{2}(?:, [0-9a-f]{2})*) \|`).FindAllStringSubmatch(string(guide), -1) {
		for digits := range strings.SplitSeq(row[1], ", ") {
			listed[digits] = true
		}
	}
	for r := range reasons {
		if !listed[fmt.Sprintf("%02x", uint8(r))] {
			t.Errorf("reason %02x is missing: %s", uint8(r), reasons[r])
		}
	}
	if len(listed) != len(reasons) {
		t.Errorf("%d reasons are listed, and there are %d", len(listed), len(reasons))
	}
}
