// Package ovstest runs an Open vSwitch of a test's own: ovsdb-server and
// ovs-vswitchd with their files in a temporary directory and a dummy datapath,
// which forwards nothing and needs no root.
//
// Only tests import it. It knows nothing of Weft.
package ovstest

import (
	"encoding/json"
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

// patience is how long is waited for what takes milliseconds.
const patience = 20 * time.Second

// OVS is a running Open vSwitch.
type OVS struct {
	t         testing.TB
	dir       string
	processes map[string]*os.Process // by program

	control net.Conn // of ovs-vswitchd
	replies *json.Decoder
}

// Start starts one, and stops it when the test ends. Without Open vSwitch on
// the machine the test is skipped. Bridges and ports are dummies where their
// type says so; tunnels are real ones.
func Start(t testing.TB) *OVS {
	t.Helper()
	return start(t, "--enable-dummy")
}

// StartDummies starts one in which everything is a dummy, whatever its type
// says: bridges of datapath_type netdev, ports of any name, and tunnels, too.
func StartDummies(t testing.TB) *OVS {
	t.Helper()
	return start(t, "--enable-dummy=override")
}

func start(t testing.TB, dummies string) *OVS {
	t.Helper()
	for _, tool := range []string{"ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED, NOTHING COMPARED WITH OPEN VSWITCH: %v (install openvswitch-switch)", err)
		}
	}
	if _, err := os.Stat(schema); err != nil {
		t.Skipf("SKIPPED, NOTHING COMPARED WITH OPEN VSWITCH: %v", err)
	}
	// Not t.TempDir: a path with the test's name can be too long for a socket.
	dir, err := os.MkdirTemp("", "weft-ovstest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	o := &OVS{t: t, dir: dir}
	o.Run("", "ovsdb-tool", "create", o.Path("conf.db"), schema)
	o.daemon("ovsdb-server", o.Path("conf.db"), "--remote=punix:"+o.Path("db.sock"), "--remote=db:Open_vSwitch,Open_vSwitch,manager_options",
		"--unixctl="+o.Path("db.ctl"), "--log-file="+o.Path("db.log"), "-vconsole:off")
	o.daemon("ovs-vswitchd", "unix:"+o.Path("db.sock"), dummies, "--disable-system",
		"--unixctl="+o.Path("vs.ctl"), "--log-file="+o.Path("vs.log"), "-vconsole:off")
	o.VSCtl("--retry", "init")
	return o
}

// Path is a file in the directory of this Open vSwitch. A bridge listens for
// OpenFlow on the socket NAME.mgmt.
func (o *OVS) Path(name string) string { return filepath.Join(o.dir, name) }

// daemon starts a process that ends with the test, also if that dies of a panic.
func (o *OVS) daemon(name string, args ...string) {
	o.t.Helper()
	c := o.Command(name, args...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		o.t.Fatalf("start %s: %v", name, err)
	}
	if o.processes == nil {
		o.processes = map[string]*os.Process{}
	}
	o.processes[name] = c.Process
	o.t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
}

// Process is that of ovsdb-server or ovs-vswitchd, for a test that stops it for
// a while.
func (o *OVS) Process(name string) *os.Process { return o.processes[name] }

// Command prepares a command that finds this Open vSwitch and no other.
func (o *OVS) Command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir, "OVS_DBDIR="+o.dir, "OVS_SYSCONFDIR="+o.dir)
	return c
}

// Run runs a command with what it reads from standard input, and returns what
// it prints.
func (o *OVS) Run(input, name string, args ...string) string {
	o.t.Helper()
	c := o.Command(name, args...)
	c.Stdin = strings.NewReader(input)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		o.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return string(out)
}

// VSCtl runs ovs-vsctl, which waits for ovs-vswitchd to have done it.
func (o *OVS) VSCtl(args ...string) string {
	o.t.Helper()
	return o.Run("", "ovs-vsctl", append([]string{"--timeout=20", "--db=unix:" + o.Path("db.sock")}, args...)...)
}

// AddBridge adds a bridge that does nothing until it is told to.
func (o *OVS) AddBridge(name string) {
	o.t.Helper()
	o.VSCtl("add-br", name, "--", "set", "bridge", name, "datapath_type=dummy", "fail_mode=secure")
}

// OFCtl runs a command of ovs-ofctl on a bridge, in OpenFlow 1.4. The argument
// "-" stands for a file that holds the input.
func (o *OVS) OFCtl(input, command, bridge string, args ...string) string {
	o.t.Helper()
	return o.Run(input, "ovs-ofctl", append([]string{"-O", "OpenFlow14", command, "unix:" + o.Path(bridge+".mgmt")}, args...)...)
}

// Control asks ovs-vswitchd what `ovs-appctl METHOD ARGS…` asks, over one
// connection that stays: a process for each of many questions takes too long.
func (o *OVS) Control(method string, args ...string) (string, error) {
	if o.control == nil {
		conn, err := net.Dial("unix", o.Path("vs.ctl"))
		if err != nil {
			return "", err
		}
		o.t.Cleanup(func() { conn.Close() })
		o.control, o.replies = conn, json.NewDecoder(conn)
	}
	if args == nil {
		args = []string{}
	}
	request, err := json.Marshal(map[string]any{"id": 0, "method": method, "params": args})
	if err != nil {
		return "", err
	}
	o.control.SetDeadline(time.Now().Add(patience))
	if _, err := o.control.Write(request); err != nil {
		return "", err
	}
	var reply struct {
		Result string `json:"result"`
		Error  any    `json:"error"`
	}
	if err := o.replies.Decode(&reply); err != nil {
		return "", err
	}
	if reply.Error != nil {
		return "", fmt.Errorf("%s %s: %v", method, strings.Join(args, " "), reply.Error)
	}
	return reply.Result, nil
}
