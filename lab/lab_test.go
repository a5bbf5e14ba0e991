package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func needRoot(t *testing.T) {
	t.Helper()
	if err := CheckMachine(); err != nil {
		t.Skipf("SKIPPED, NOTHING WAS TESTED: %v", err)
	}
}

func unique(name string) string { return name + "-" + strings.ToLower(rand.Text()[:6]) }

func testOptions(t *testing.T) Options {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{Binary: binary, Instance: unique("test"), Dir: filepath.Join(t.TempDir(), "lab")}
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func loadTopology(t *testing.T, name string) *Topology {
	t.Helper()
	topology, err := Load(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

// bridgesByHand stands in for what the controller does on the hosts: one
// learning bridge and a VXLAN port to every other host. All networks are one
// then, which is what makes the checks of isolation fail as they must.
func bridgesByHand(t *testing.T, l *Lab) {
	t.Helper()
	for _, h := range l.hosts {
		args := []string{"add-br", overlayBridge, "--", "set", "Bridge", overlayBridge, "datapath_type=netdev"}
		for _, peer := range l.hosts {
			if peer != h {
				port := interfaceName("vx-", peer.Name)
				args = append(args, "--", "add-port", overlayBridge, port, "--", "set", "Interface", port, "type=vxlan",
					"options:key=1", "options:remote_ip="+peer.spec.Address.Addr().String())
			}
		}
		if _, err := h.Run(t.Context(), "ovs-vsctl", args...); err != nil {
			t.Fatal(err)
		}
	}
}

// buildByHand brings a topology up over the stand-in controller.
func buildByHand(t *testing.T, topology *Topology) *Lab {
	t.Helper()
	needRoot(t)
	ctx := testContext(t)
	l, err := Build(ctx, topology, testOptions(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(); err != nil {
			t.Error(err)
		}
		nothingLeft(t, l)
	})
	bridgesByHand(t, l)
	if err := l.Declare(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.PlugAll(ctx); err != nil {
		t.Fatal(err)
	}
	return l
}

func nothingLeft(t *testing.T, l *Lab) {
	t.Helper()
	if left, err := namespacesWithPrefix(prefix(l.Instance, l.Dir)); err != nil || len(left) > 0 {
		t.Errorf("namespaces left: %v %v", left, err)
	}
	if _, err := os.Stat(l.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", l.Dir, err)
	}
	for _, pid := range processesMentioning(t, l.Dir) {
		t.Errorf("process %d is left", pid)
	}
}

// processesMentioning lists processes with text in their command line or
// environment.
func processesMentioning(t *testing.T, text string) (pids []int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		var pid int
		fmt.Sscanf(filepath.Base(dir), "%d", &pid)
		for _, file := range []string{"cmdline", "environ"} {
			about, _ := os.ReadFile(filepath.Join(dir, file)) // it may have ended
			if pid != os.Getpid() && strings.Contains(string(about), text) {
				pids = append(pids, pid)
				break
			}
		}
	}
	return pids
}

func check(t *testing.T, l *Lab, expectations []Expectation) []CheckResult {
	t.Helper()
	start := time.Now()
	results, err := l.Check(testContext(t), expectations)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("checked in %v", time.Since(start))
	for _, r := range results {
		t.Logf("%s: %v %s", r.Expectation, r.Err, r.Note)
	}
	return results
}

func TestChecksTellWhatHoldsFromWhatDoesNot(t *testing.T) {
	start := time.Now()
	l := buildByHand(t, loadTopology(t, "a"))
	t.Logf("up in %v", time.Since(start))
	// All networks are one learning bridge here: containers reach each other,
	// no isolation holds, and ARP is flooded.
	for _, r := range check(t, l, l.Topology.Expect) {
		if want := r.Expectation.positive() && r.Expectation.Neighbour == ""; (r.Err == nil) != want {
			t.Errorf("%s: holds is %v: %v", r.Expectation, !want, r.Err)
		}
	}
	// Where nobody needs to ask, nothing is asked over the tunnel.
	from, to := l.Container("doc1"), l.Container("doc3")
	for c, other := range map[*Container]*Container{from: to, to: from} {
		mac, err := other.hardwareAddress()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Run(t.Context(), "ip", "neighbour", "replace", other.Addresses()[0].String(), "lladdr", mac.String(), "nud", "permanent", "dev", "eth0"); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.neighbourIsLocal(testContext(t), from, to); err != nil {
		t.Error(err)
	}
}

// mustReach checks one pair of containers.
func mustReach(t *testing.T, l *Lab, from, to string) {
	t.Helper()
	yes := true
	for _, r := range check(t, l, []Expectation{{From: from, To: to, Reaches: &yes}}) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Expectation, r.Err)
		}
	}
}
