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

// buildAndRun builds the binary, unless it is told of one: as root, in the clone
// and the build cache of another user, go build is not what one wants.
func buildAndRun(m *testing.M) int {
	if weftBinary = os.Getenv("WEFT_BINARY"); weftBinary != "" {
		return m.Run()
	}
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
