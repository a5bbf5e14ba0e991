package chaos

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/rest/client"
)

// topology is where every run begins: three hosts, behind a router and beside
// each other, and three networks, of which red and blue have equal subnets,
// addresses and MACs. red leaves by two gateways, blue by every host, green not
// at all.
const topology = `
name: chaos
underlay:
  segments: {left: 192.0.2.0/24, right: 198.51.100.0/24}
internet:
  addresses: [203.0.113.10/24]
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
  - {name: host3, address: 198.51.100.13/24}
networks:
  - {name: red, subnets: [10.1.0.0/24, "fd00:1::/64"], gateway: {addresses: [10.1.0.254, "fd00:1::fe"], mode: snat, hosts: [host1, host2]}}
  - {name: blue, subnets: [10.1.0.0/24, "fd00:1::/64"], gateway: {addresses: [10.1.0.254, "fd00:1::fe"], mode: snat}}
  - {name: green, subnets: [10.2.0.0/24, "fd00:2::/64"]}
endpoints:
  - {id: red-1, name: red-1, network: red, addresses: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:00:01"}
  - {id: red-2, name: red-2, network: red, addresses: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:00:02"}
  - {id: red-3, name: red-3, network: red, addresses: [10.1.0.3, "fd00:1::3"], mac: "02:00:00:00:00:03"}
  - {id: blue-1, name: blue-1, network: blue, addresses: [10.1.0.1, "fd00:1::1"], mac: "02:00:00:00:00:01"}
  - {id: blue-2, name: blue-2, network: blue, addresses: [10.1.0.2, "fd00:1::2"], mac: "02:00:00:00:00:02"}
  - {id: blue-3, name: blue-3, network: blue, addresses: [10.1.0.3, "fd00:1::3"], mac: "02:00:00:00:00:03"}
  - {id: green-1, name: green-1, network: green}
  - {id: green-2, name: green-2, network: green}
  - {id: green-3, name: green-3, network: green, host: host3}
containers:
  - {name: c1-1, host: host1, endpoint: red-1}
  - {name: c1-2, host: host1, endpoint: blue-2}
  - {name: c1-3, host: host1, endpoint: green-1}
  - {name: c2-1, host: host2, endpoint: red-2}
  - {name: c2-2, host: host2, endpoint: blue-1}
  - {name: c2-3, host: host2, endpoint: green-2}
  - {name: c3-1, host: host3, endpoint: red-3}
  - {name: c3-2, host: host3, endpoint: blue-3}
  - {name: c3-3, host: host3, endpoint: green-3}
`

// spare are containers that are plugged into nothing at first.
var spare = map[string]string{"c1-4": "host1", "c2-4": "host2", "c3-4": "host3"}

// takeoverAfter is shorter than the controller's default, so that outages of
// some seconds are long ones.
const takeoverAfter = 3 * time.Second

// site is the installation that is broken.
type site struct {
	*lab.Lab
	t    *testing.T
	ctx  context.Context // ends when the run has taken too long
	api  *client.Client
	disk *disk // of the controller
}

func build(t *testing.T, within time.Duration) *site {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED, NOTHING WAS TESTED: a lab needs root")
	}
	if _, err := exec.LookPath("ovs-vswitchd"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: a lab needs Open vSwitch")
	}
	parsed, err := lab.Parse([]byte(topology))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	t.Cleanup(cancel)
	// Interrupted, a run ends as one that failed does, and leaves nothing behind.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	t.Cleanup(stop)
	s := &site{t: t, ctx: ctx, disk: newDisk(t)}
	s.Lab, err = lab.Up(ctx, parsed, lab.Options{
		Binary:         binary,
		ControllerArgs: []string{"--data-dir", s.disk.data(), "--takeover-after", takeoverAfter.String()},
		Instance:       "chaos-" + strings.ToLower(rand.Text()[:8]),
		Dir:            filepath.Join(t.TempDir(), "lab"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the controller's log:\n%s", s.controllerLog())
		}
		if err := s.Down(); err != nil {
			t.Error(err)
		}
	})
	for name, host := range spare {
		if _, err := s.AddContainer(name, host); err != nil {
			t.Fatal(err)
		}
	}
	if s.api, err = client.New(client.Config{Transport: s.HTTP().Transport}); err != nil {
		t.Fatal(err)
	}
	return s
}

// controllerLog is the end of what the controller wrote.
func (s *site) controllerLog() string {
	text, err := os.ReadFile(filepath.Join(s.Dir, "ctl", "controller.out"))
	if err != nil {
		return err.Error()
	}
	const enough = 20_000
	return string(text[max(0, len(text)-enough):])
}

// disk is a small file system for the controller's data directory.
type disk struct{ dir string }

// diskSize is some ten times what the database of this test needs.
const diskSize = "8m"

func newDisk(t *testing.T) *disk {
	t.Helper()
	d := &disk{t.TempDir()}
	if err := unix.Mount("tmpfs", d.dir, "tmpfs", 0, "mode=0700,size="+diskSize); err != nil {
		t.Fatalf("mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", d.dir, err)
		}
	})
	return d
}

func (d *disk) data() string   { return filepath.Join(d.dir, "data") }
func (d *disk) filler() string { return filepath.Join(d.dir, "filler") }

// fill leaves no byte free.
func (d *disk) fill() error {
	f, err := os.Create(d.filler())
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		if _, err := f.Write(block); err != nil {
			if err := f.Sync(); err != nil {
				return fmt.Errorf("fill %s: %w", d.dir, err)
			}
			return nil // it is full
		}
	}
}

func (d *disk) free() error { return os.Remove(d.filler()) }
