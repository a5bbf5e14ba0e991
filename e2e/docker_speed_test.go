package e2e

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
)

// TestDockerRunTakes compares starting a container on a Weft network with
// starting one on a bridge of the same engine. It is a measurement: run it with
// WEFT_MEASURE set, and nothing else on the machine.
func TestDockerRunTakes(t *testing.T) {
	if os.Getenv("WEFT_MEASURE") == "" {
		t.Skip("a measurement: set WEFT_MEASURE to run it")
	}
	s := dockerUp(t)
	s.declare(dockerNet1)
	s.listed("net1", true, "host1")
	s.docker("host1", "network", "create", "-d", "bridge", "beside")
	const runs = 20
	took := map[string][]time.Duration{}
	for range runs {
		for _, network := range []string{"beside", "net1"} {
			start := time.Now()
			s.docker("host1", "run", "--rm", "--net", network, lab.DockerImage, "/bin/sleep", "0")
			took[network] = append(took[network], time.Since(start))
		}
	}
	for network, all := range took {
		slices.Sort(all)
		t.Logf("%s: median %v, least %v, most %v", network, all[runs/2], all[0], all[runs-1])
	}
}
