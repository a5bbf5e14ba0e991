package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// smallDisk mounts a file system of a few MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	needLab(t)
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("weft-e2e", dir, "tmpfs", 0, "size=4m,mode=0700"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no byte free on a file system, and returns the file to remove.
func fill(t *testing.T, dir string) string {
	t.Helper()
	file := filepath.Join(dir, "filler")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Write(make([]byte, 4096)); errors.Is(err, unix.ENOSPC) {
			return file
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAFullDiskRefusesWritesAndHarmsNothingElse(t *testing.T) {
	disk := smallDisk(t)
	s := up(t, pairTopology, "--data-dir", filepath.Join(disk, "data"))
	pings := s.ping("one", "two")
	filler := fill(t, disk)

	// Pages that are free in the file still take some writes.
	var stored []string
	var refused error
	for i := range 2000 {
		name := fmt.Sprintf("full-%d", i)
		if _, _, refused = s.api.CreateNetwork(s.ctx, model.Network{Name: name}, client.WriteOptions{}); refused != nil {
			break
		}
		stored = append(stored, name)
	}
	if refused == nil {
		t.Fatal("2000 networks were stored on a full disk")
	}
	t.Logf("%d writes later: %v", len(stored), refused)
	s.refused(refused, model.OutOfDisk, "disk is full", "free space")
	s.onlyNetworks(stored)
	// What refuses one kind of write does not let another through by halves.
	before := s.mustProgram("host1")
	two := s.endpoint("two")
	two.Addresses = addresses("10.0.1.2", "10.0.1.60")
	for range 20 {
		_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{})
		s.refused(err, model.OutOfDisk)
	}
	if got := s.endpoint("two"); len(got.Addresses) != 1 {
		t.Errorf("refused, and its addresses are %v", got.Addresses)
	}
	if got := s.mustProgram("host1"); got != before {
		t.Errorf("refused, and host1 has\n%s", got)
	}
	// Neither a restart on the full disk nor one after it finds anything else.
	s.restartController()
	s.synchronized(soon, "host1", "host2")
	s.onlyNetworks(stored)
	s.must(s.KillController(s.ctx))
	s.must(os.Remove(filler))
	s.must(s.StartController(s.ctx))
	s.synchronized(soon, "host1", "host2")
	s.onlyNetworks(stored)
	_, _, err := s.api.PutEndpoint(s.ctx, two, client.WriteOptions{Wait: true})
	s.must(err)
	s.noneLost(pings)
	s.check()
}

// onlyNetworks says that there are net1 and these, and nothing half written.
func (s *site) onlyNetworks(names []string) {
	s.t.Helper()
	all, err := s.api.Networks(s.ctx)
	s.must(err)
	got := map[string]bool{}
	for _, n := range all {
		got[n.Name] = true
	}
	for _, name := range append([]string{"net1"}, names...) {
		if !got[name] {
			s.t.Errorf("network %s is missing", name)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		s.t.Errorf("networks nobody was told of: %v", got)
	}
}

func TestAFullDiskIsNoMatterOnceThereIsSpaceAgain(t *testing.T) {
	disk := smallDisk(t)
	s := up(t, pairTopology, "--data-dir", filepath.Join(disk, "data"))
	filler := fill(t, disk)
	for i := 0; ; i++ {
		_, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: fmt.Sprintf("full-%d", i)}, client.WriteOptions{})
		if err != nil {
			s.refused(err, model.OutOfDisk)
			break
		}
	}
	// What hosts report cannot be stored either, and is not forgotten.
	s.must(s.Container("two").Unplug(s.ctx))
	s.must(os.Remove(filler))
	s.becomes(soon, "two", model.Declared, "")
	_, _, err := s.api.CreateNetwork(s.ctx, model.Network{Name: "after"}, client.WriteOptions{})
	s.must(err)
	s.must(s.Container("two").Plug(s.ctx, s.endpoint("two")))
	s.becomes(soon, "two", model.Installed, "host2")
	s.check()
}

func TestAReadOnlyDataDirectoryIsSaidAtTheStart(t *testing.T) {
	disk := smallDisk(t)
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), weftBinary, "controller", "--data-dir", filepath.Join(disk, "data"),
		"--rest-listen", "127.0.0.1:0", "--ovsdb-listen", "127.0.0.1:0", "--openflow-listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "read-only") || !strings.Contains(string(out), disk) {
		t.Errorf("%v: %s", err, out)
	}
}
