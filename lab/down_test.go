package lab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	dieBuilding = "die-building"
	execInLab   = "exec-in-lab"
)

// buildAndDie begins to build topology a and is killed while the hosts are
// being made.
func buildAndDie(instance, dir string) error {
	t, err := Load("../topologies/a.yaml")
	if err != nil {
		return err
	}
	die := func(what string) {
		if strings.HasPrefix(what, "hosts") {
			time.AfterFunc(60*time.Millisecond, func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) })
		}
	}
	_, err = Build(context.Background(), t, Options{Instance: instance, Dir: dir, Progress: die})
	return err
}

func execIn(dir, machine string, argv []string) error {
	l, err := Open(dir)
	if err != nil {
		return err
	}
	return l.Exec(machine, argv)
}

func TestLeftoversOfAnInterruptedBuildAreRemoved(t *testing.T) {
	needRoot(t)
	for _, c := range []struct {
		name   string
		remove func(*testing.T, Options) // by down, or by the next up
	}{
		{"by down", func(t *testing.T, o Options) {
			if err := Down(o.Instance, o.Dir); err != nil {
				t.Error(err)
			}
		}},
		{"by down without the state file", func(t *testing.T, o Options) {
			if err := os.RemoveAll(o.Dir); err != nil {
				t.Fatal(err)
			}
			if err := Down(o.Instance, o.Dir); err != nil {
				t.Error(err)
			}
		}},
		{"by the next up", func(t *testing.T, o Options) {
			before := processesMentioning(t, o.Dir)
			l, err := Build(testContext(t), loadTopology(t, "a"), o)
			if err != nil {
				t.Fatal(err)
			}
			for _, pid := range before {
				if _, running := startTime(pid); running {
					t.Errorf("process %d of the interrupted build still runs", pid)
				}
			}
			if err := l.Down(); err != nil {
				t.Error(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t)
			t.Cleanup(func() { _ = Down(o.Instance, o.Dir) })
			out, err := exec.Command(o.Binary, dieBuilding, o.Instance, o.Dir).CombinedOutput()
			if err == nil {
				t.Fatalf("the build was not interrupted: %s", out)
			}
			if left, _ := namespacesWithPrefix(prefix(o.Instance, o.Dir)); len(left) == 0 {
				t.Fatalf("the interrupted build left nothing, so this shows nothing: %v %s", err, out)
			}
			c.remove(t, o)
			nothingLeft(t, &Lab{Instance: o.Instance, Dir: o.Dir})
		})
	}
}

func TestDownIsHarmless(t *testing.T) {
	needRoot(t)
	o := testOptions(t)
	if err := Down(o.Instance, o.Dir); err != nil {
		t.Errorf("down of nothing: %v", err)
	}
	keep := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Down(o.Instance, filepath.Dir(keep)); err == nil {
		t.Error("down took somebody's directory for a lab's")
	}
	if _, err := Build(t.Context(), loadTopology(t, "a"), Options{Instance: o.Instance, Dir: filepath.Dir(keep)}); err == nil {
		t.Error("up took somebody's directory for a lab's")
	}
	if _, err := os.Stat(keep); err != nil {
		t.Error(err)
	}
}

func TestARecordedProcessIsNeverMistakenForAnother(t *testing.T) {
	r, err := recordOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		file  record
		found bool
	}{
		{"the process itself", r, true},
		{"one that had the same id before", record{PID: r.PID, Start: "1", Boot: r.Boot}, false},
		{"one before the machine was started again", record{PID: r.PID, Start: r.Start, Boot: "another"}, false},
	} {
		file := filepath.Join(t.TempDir(), "x"+recordSuffix)
		if err := writeJSON(file, c.file); err != nil {
			t.Fatal(err)
		}
		handle, err := find(file)
		if err != nil || (handle != nil) != c.found {
			t.Errorf("%s: found is %v (%v), want %v", c.name, handle != nil, err, c.found)
		}
	}
}

func TestAnEarlierLabIsFoundAgain(t *testing.T) {
	l := buildByHand(t, loadTopology(t, "a"))
	if _, err := Build(t.Context(), l.Topology, l.options); err == nil || !strings.Contains(err.Error(), "is up already") {
		t.Errorf("a second lab of the same name: %v", err)
	}
	again, err := Open(l.Dir)
	if err != nil {
		t.Fatal(err)
	}
	mustReach(t, again, "doc1", "doc3")
	for machine, command := range map[string][]string{
		"host1": {"ovs-ofctl", "dump-flows", "br-weft"},
		"doc3":  {"ping", "-n", "-c", "1", "-W", "2", "10.0.1.10"},
		"ctl":   {"ping", "-n", "-c", "1", "-W", "2", "172.16.20.100"},
	} {
		out, err := exec.Command(l.options.Binary, append([]string{execInLab, l.Dir, machine}, command...)...).CombinedOutput()
		if err != nil {
			t.Errorf("exec %s %v: %v\n%s", machine, command, err, out)
		}
	}
	out, err := exec.Command(l.options.Binary, execInLab, l.Dir, "host9", "true").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "it has host1, host2, doc1,") {
		t.Errorf("exec on an unknown machine: %v %s", err, out)
	}
}
