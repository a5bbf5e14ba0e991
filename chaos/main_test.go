package chaos

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var (
	seed   = flag.Uint64("seed", 1, "what the run follows from")
	faults = flag.Int("faults", 12, "how many faults a run has")
)

// binary is the weft binary under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(buildAndRun(m))
}

// buildAndRun builds the binary, unless it is told of one: as root, in the clone
// and the build cache of another user, go build is not what one wants.
func buildAndRun(m *testing.M) int {
	if binary = os.Getenv("WEFT_BINARY"); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "weft-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "weft")
	if os.Geteuid() == 0 { // else everything is skipped
		if out, err := exec.Command("go", "build", "-o", binary, "../cmd/weft").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build weft: %v\n%s", err, out)
			return 1
		}
	}
	return m.Run()
}
