package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// weftBinary is the weft binary under test.
var weftBinary string

// TestMain builds the binary that the labs run. Called with [sendFrames] it is
// a tool of the tests, run inside a container.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == sendFrames {
		if err := send(os.Args[2], os.Args[3:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weft-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	weftBinary = filepath.Join(dir, "weft")
	if os.Geteuid() == 0 { // else everything is skipped
		if out, err := exec.Command("go", "build", "-o", weftBinary, "../cmd/weft").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build weft: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}
