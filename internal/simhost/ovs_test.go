package simhost

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second

// realHost is a private Open vSwitch 3.1 with a dummy datapath, whose files
// are in a directory of its own.
type realHost struct {
	t   testing.TB
	dir string
}

func startReal(t testing.TB, manager string) *realHost {
	t.Helper()
	const schema = "/usr/share/openvswitch/vswitch.ovsschema"
	for _, tool := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs Open vSwitch: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "weft-sim-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &realHost{t, dir}
	h.run("ovsdb-tool", "create", h.path("conf.db"), schema)
	h.start("ovsdb-server", h.path("conf.db"), "--remote=punix:"+h.path("db.sock"),
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options", "--unixctl="+h.path("db.ctl"), "--log-file="+h.path("db.log"))
	waitFor(t, "ovsdb-server", func() bool {
		c, err := net.Dial("unix", h.path("db.sock"))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	h.vsctl("init")
	h.vsctl("set", "Open_vSwitch", ".", "external_ids:system-id=real")
	h.start("ovs-vswitchd", "unix:"+h.path("db.sock"), "--enable-dummy=override", "--disable-system",
		"--unixctl="+h.path("vs.ctl"), "--log-file="+h.path("vs.log"))
	h.vsctl("set-manager", "tcp:"+manager)
	return h
}

func (h *realHost) path(name string) string { return filepath.Join(h.dir, name) }

func (h *realHost) start(name string, args ...string) {
	h.t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+h.dir, "OVS_LOGDIR="+h.dir)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
}

func (h *realHost) run(name string, args ...string) {
	h.t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+h.dir, "OVS_LOGDIR="+h.dir)
	if out, err := c.CombinedOutput(); err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (h *realHost) vsctl(args ...string) {
	h.t.Helper()
	h.run("ovs-vsctl", append([]string{"--no-wait", "--timeout=10", "--db=unix:" + h.path("db.sock")}, args...)...)
}

func (h *realHost) plug(port, ifaceID string) error {
	h.vsctl("add-port", "br-weft", port, "--", "set", "Interface", port, "external_ids:iface-id="+ifaceID)
	return nil
}

func (h *realHost) unplug(port string) error {
	h.vsctl("del-port", "br-weft", port)
	return nil
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
