package ovsdb

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const schema = "/usr/share/openvswitch/vswitch.ovsschema"

// patience is how long a test waits for what should take milliseconds.
const patience = 20 * time.Second

// host is a private Open vSwitch: ovsdb-server, and ovs-vswitchd once started,
// with all files in a directory of its own. As root ovs-vswitchd lives in a
// network namespace of its own, so that its devices are seen by nobody.
type host struct {
	t        *testing.T
	dir      string
	server   *exec.Cmd
	vswitchd *exec.Cmd
	listener net.Listener
}

func startHost(t *testing.T) *host {
	t.Helper()
	for _, tool := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vsctl", "ovsdb-client"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs Open vSwitch: %v", err)
		}
	}
	if _, err := os.Stat(schema); err != nil {
		t.Skipf("needs Open vSwitch's schema: %v", err)
	}
	// Not t.TempDir: a path with the test's name can be too long for a socket.
	dir, err := os.MkdirTemp("", "weft-ovsdb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	h := &host{t: t, dir: dir}
	h.run("ovsdb-tool", "create", h.path("conf.db"), schema)
	h.startServer()
	h.vsctl("init")
	h.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.listener.Close() })
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }
func (h *host) db() string              { return "unix:" + h.path("db.sock") }

func (h *host) startServer() {
	h.t.Helper()
	h.server = h.daemon(&syscall.SysProcAttr{}, "ovsdb-server", h.path("conf.db"),
		"--remote=punix:"+h.path("db.sock"),
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
		"--unixctl="+h.path("server.ctl"), "--log-file="+h.path("server.log"))
	h.run("ovsdb-client", "--timeout=20", "wait", h.db(), "Open_vSwitch", "connected")
}

// startVswitchd starts it with real devices as root, with dummies otherwise.
func (h *host) startVswitchd() {
	h.t.Helper()
	args := []string{h.db(), "--unixctl=" + h.path("vswitchd.ctl"), "--log-file=" + h.path("vswitchd.log")}
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		attr.Cloneflags = syscall.CLONE_NEWNET
	} else {
		args = append(args, "--enable-dummy=override")
	}
	h.vswitchd = h.daemon(attr, "ovs-vswitchd", args...)
}

// daemon starts a process that ends with the test, also if that dies of a panic.
func (h *host) daemon(attr *syscall.SysProcAttr, name string, args ...string) *exec.Cmd {
	h.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+h.dir, "OVS_LOGDIR="+h.dir)
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = attr
	if err := cmd.Start(); err != nil {
		h.t.Fatalf("start %s: %v", name, err)
	}
	h.t.Cleanup(func() { stop(cmd) })
	return cmd
}

func stop(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

func (h *host) run(name string, args ...string) string {
	h.t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "OVS_RUNDIR="+h.dir)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		h.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return out.String()
}

// vsctl writes and does not wait for ovs-vswitchd: the test waits for the View.
func (h *host) vsctl(args ...string) string {
	h.t.Helper()
	return strings.TrimSpace(h.run("ovs-vsctl", append([]string{"--db=" + h.db(), "--no-wait", "--timeout=20"}, args...)...))
}

// inNamespace runs a command where ovs-vswitchd's devices are.
func (h *host) inNamespace(args ...string) {
	h.t.Helper()
	h.run("nsenter", append([]string{"-t", fmt.Sprint(h.vswitchd.Process.Pid), "-n"}, args...)...)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: real network devices in a namespace of its own")
	}
}

// dial has the host dial us and returns the raw connection.
func (h *host) dial() net.Conn {
	h.t.Helper()
	h.vsctl("set-manager", "tcp:"+h.listener.Addr().String())
	h.listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	conn, err := h.listener.Accept()
	if err != nil {
		h.t.Fatalf("the host does not dial us: %v", err)
	}
	return conn
}

func (h *host) join(cfg Config) *Conn {
	h.t.Helper()
	c, err := Accept(h.t.Context(), h.dial(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close(nil) })
	return c
}

// await returns the first View of which ok holds.
func await(t *testing.T, c *Conn, what string, ok func(*View) bool) *View {
	t.Helper()
	timeout := time.After(patience)
	for {
		v, next := c.View()
		if ok(v) {
			return v
		}
		select {
		case <-next:
		case <-c.peer.done:
			t.Fatalf("waiting for %s: %v", what, c.peer.err)
		case <-timeout:
			t.Fatalf("never seen: %s; the last View is\n%+v\nbridge %+v\nports %+v", what, v, v.Bridge, v.Ports)
		}
	}
}

func (v *View) findPort(name string) *Port {
	for i := range v.Ports {
		if v.Ports[i].Name == name {
			return &v.Ports[i]
		}
	}
	return nil
}

// ensure calls Ensure, which must write or not write as told.
func ensure(t *testing.T, c *Conn, w Wanted, writes bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before := c.Transactions()
	changed, err := c.Ensure(ctx, w)
	if err != nil {
		t.Fatalf("Ensure: %v", err)
	}
	sent := c.Transactions() - before
	if changed != writes || (sent == 1) != writes {
		t.Fatalf("Ensure: changed %v with %d transactions, want changed %v", changed, sent, writes)
	}
}

func wanted() Wanted {
	return Wanted{
		Mark:                 "cluster-a",
		DatapathID:           0x1234567890abcdef,
		DatapathType:         "netdev",
		ControllerTargets:    []string{"tcp:127.0.0.1:1"},
		ControllerRateLimit:  1000,
		ControllerBurstLimit: 250,
		TableNames:           map[int]string{0: "classify", 10: "security"},
		Ports: []WantedPort{{
			Name: "weft-vxlan", Type: "vxlan", OfportRequest: 100,
			Options: map[string]string{"remote_ip": "flow", "key": "flow"},
		}},
	}
}
