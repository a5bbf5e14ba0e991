package session

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// ovs is an Open vSwitch of the test's own: its sockets and files are in a
// temporary directory and its datapath forwards nothing, so it needs no root.
type ovs struct {
	t        testing.TB
	dir      string
	vswitchd *exec.Cmd
	bridges  int
}

func startOVS(t testing.TB) *ovs {
	t.Helper()
	for _, tool := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("Open vSwitch is not installed: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "weft-ovs-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &ovs{t: t, dir: dir}
	o.run("ovsdb-tool", "create", o.path("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema")
	o.start("ovsdb-server", o.path("conf.db"), "--remote=punix:"+o.path("db.sock"), "--unixctl="+o.path("db.ctl"), "--log-file="+o.path("db.log"))
	o.waitSocket("db.sock")
	o.vsctl("--no-wait", "init")
	o.vswitchd = o.start("ovs-vswitchd", "unix:"+o.path("db.sock"), "--enable-dummy=override", "--disable-system",
		"--unixctl="+o.path("vs.ctl"), "--log-file="+o.path("vs.log"))
	return o
}

// waitSocket waits until somebody listens on a socket, not only until it is there.
func (o *ovs) waitSocket(name string) {
	o.t.Helper()
	waitFor(o.t, 10*time.Second, name, func() bool {
		c, err := net.Dial("unix", o.path(name))
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

func (o *ovs) path(name string) string { return filepath.Join(o.dir, name) }

func (o *ovs) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

func (o *ovs) start(name string, args ...string) *exec.Cmd {
	o.t.Helper()
	c := o.command(name, args...)
	if err := c.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

func (o *ovs) run(name string, args ...string) string {
	o.t.Helper()
	out, err := o.command(name, args...).CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (o *ovs) vsctl(args ...string) string {
	o.t.Helper()
	return o.run("ovs-vsctl", append([]string{"--timeout=10", "--db=unix:" + o.path("db.sock")}, args...)...)
}

// ofctl runs a command of ovs-ofctl on a bridge, as somebody else would.
func (o *ovs) ofctl(bridge, command string, args ...string) string {
	o.t.Helper()
	return o.run("ovs-ofctl", append([]string{"-O", "OpenFlow14", command, "unix:" + o.path(bridge+".mgmt")}, args...)...)
}

// bridge makes a bridge with two ports.
func (o *ovs) bridge() string {
	o.t.Helper()
	o.bridges++
	name := fmt.Sprintf("br%d", o.bridges)
	o.vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=dummy", "fail_mode=secure",
		"--", "add-port", name, name+"-a", "--", "add-port", name, name+"-b")
	o.waitSocket(name + ".mgmt")
	return name
}

// connect opens a session to a bridge and runs it until the test ends.
func (o *ovs) connect(bridge string, cfg Config) (*Session, *recorder) {
	o.t.Helper()
	conn, err := net.Dial("unix", o.path(bridge+".mgmt"))
	if err != nil {
		o.t.Fatal(err)
	}
	return run(o.t, conn, cfg)
}

// run runs a session on a connection until the test ends.
func run(t testing.TB, conn net.Conn, cfg Config) (*Session, *recorder) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	s, err := Accept(t.Context(), conn, cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{ended: make(chan struct{})}
	go func() {
		r.err = s.Run(t.Context(), r)
		close(r.ended)
	}()
	t.Cleanup(func() {
		s.Close()
		<-r.ended
	})
	return s, r
}

// recorder is a Handler that remembers.
type recorder struct {
	mu        sync.Mutex
	ready     bool
	ports     map[uint32]string
	packets   []*openflow.PacketIn
	installed uint64
	refused   []Refusal
	tampered  []string
	ended     chan struct{}
	err       error // of Run, once ended
}

func (r *recorder) Ready(ports []openflow.Port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ready, r.ports = true, make(map[uint32]string)
	for _, p := range ports {
		r.ports[p.Number] = p.Name
	}
}

func (r *recorder) PortChanged(p openflow.Port, gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ports[p.Number] = p.Name; gone {
		delete(r.ports, p.Number)
	}
}

func (r *recorder) PacketIn(m *openflow.PacketIn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.packets = append(r.packets, m)
}

func (r *recorder) Installed(generation uint64, refused []Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.installed, r.refused = generation, refused
}

func (r *recorder) Tampered(d program.Difference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tampered = append(r.tampered, d.Lines(openflow.Names{})...)
}

// see calls f with the recorder locked.
func (r *recorder) see(f func() bool) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return f()
	}
}

func (r *recorder) waitInstalled(t testing.TB, generation uint64) {
	t.Helper()
	waitFor(t, 20*time.Second, fmt.Sprintf("generation %d", generation), r.see(func() bool { return r.installed >= generation }))
}

// waitFor waits for a condition that nothing can be subscribed to.
func waitFor(t testing.TB, patience time.Duration, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
