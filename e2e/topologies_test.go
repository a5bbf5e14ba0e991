package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/lab"
)

func TestTopologiesComeUpHoldAndLeaveNothing(t *testing.T) {
	for _, name := range []string{"a", "b", "c", "d", "ring"} {
		t.Run(name, func(t *testing.T) {
			topology, err := lab.Load(filepath.Join("..", "topologies", name+".yaml"))
			if err != nil {
				t.Fatal(err)
			}
			s := bringUp(t, topology, lab.Up)
			s.check()
			s.must(s.Down())
			nothingLeft(t, s)
		})
	}
}

func nothingLeft(t *testing.T, s *site) {
	t.Helper()
	if _, err := os.Stat(s.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", s.Dir, err)
	}
	entries, err := os.ReadDir("/run/netns")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), s.Instance) {
			t.Errorf("namespace %s is left", e.Name())
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range processes {
		if filepath.Base(dir) == strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, file := range []string{"cmdline", "environ"} {
			about, _ := os.ReadFile(filepath.Join(dir, file)) // it may have ended
			if strings.Contains(string(about), s.Dir) {
				t.Errorf("a process is left: %s: %q", dir, about)
			}
		}
	}
}
