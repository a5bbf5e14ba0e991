// Package labtest brings labs up for end-to-end tests: each has an instance of
// its own, is gone when its test ends, and shows its logs when the test failed.
// Only tests import it.
package labtest

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
)

// Load reads a topology file.
func Load(t testing.TB, file string) *lab.Topology {
	t.Helper()
	topology, err := lab.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

// Up brings a topology up. The test is skipped where it cannot be: not root,
// or no Open vSwitch. Instance and Dir are chosen when left out.
func Up(ctx context.Context, t testing.TB, topology *lab.Topology, o lab.Options) *lab.Lab {
	t.Helper()
	if err := lab.CheckMachine(); err != nil {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
	if o.Instance == "" {
		o.Instance = topology.Name + "-" + strings.ToLower(rand.Text()[:6])
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "lab")
	}
	l, err := lab.Up(ctx, topology, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			showState(t, l)
		}
		if err := l.Down(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Check demands that every expectation holds.
func Check(ctx context.Context, t testing.TB, l *lab.Lab, expectations []lab.Expectation) {
	t.Helper()
	results, err := l.Check(ctx, expectations)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
}

// showState prints what explains a failure, while it is still there.
func showState(t testing.TB, l *lab.Lab) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, h := range l.Hosts() {
		for _, command := range [][]string{
			{"ovs-vsctl", "--timeout=3", "show"},
			{"ovs-ofctl", "--timeout=3", "--names", "dump-flows", "br-weft"},
		} {
			out, err := h.Run(ctx, command[0], command[1:]...)
			t.Logf("%s: %s (%v)\n%s", h.Name, strings.Join(command, " "), err, out)
		}
	}
	outputs, _ := filepath.Glob(filepath.Join(l.Dir, "*", "*.out")) // the pattern is well-formed
	for _, file := range outputs {
		text, err := os.ReadFile(file)
		if len(text) > 0 || err != nil {
			t.Logf("%s (%v)\n%s", file, err, text)
		}
	}
}
