package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ovs is a private Open vSwitch with a dummy datapath, whose files are in a
// directory of its own.
type ovs struct {
	dir       string
	processes []*exec.Cmd
}

const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

func startOVS() (o *ovs, err error) {
	dir, err := os.MkdirTemp("", "weft-bench-") // short: a socket's name has 107 bytes
	if err != nil {
		return nil, err
	}
	o = &ovs{dir: dir}
	defer func() {
		if err != nil {
			o.stop()
		}
	}()
	if err := o.run("ovsdb-tool", "create", o.path("conf.db"), ovsSchema); err != nil {
		return nil, err
	}
	if err := o.start("ovsdb-server", o.path("conf.db"), "--remote=punix:"+o.path("db.sock"),
		"--remote=db:Open_vSwitch,Open_vSwitch,manager_options", "--unixctl="+o.path("db.ctl"), "--log-file="+o.path("db.log")); err != nil {
		return nil, err
	}
	if err := o.waitSocket("db.sock"); err != nil {
		return nil, err
	}
	if err := o.vsctl("--no-wait", "init"); err != nil {
		return nil, err
	}
	return o, o.start("ovs-vswitchd", "unix:"+o.path("db.sock"), "--enable-dummy=override", "--disable-system",
		"--unixctl="+o.path("vs.ctl"), "--log-file="+o.path("vs.log"))
}

func (o *ovs) path(name string) string { return filepath.Join(o.dir, name) }

func (o *ovs) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "OVS_RUNDIR="+o.dir, "OVS_LOGDIR="+o.dir)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

func (o *ovs) start(name string, args ...string) error {
	c := o.command(name, args...)
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	o.processes = append(o.processes, c)
	return nil
}

func (o *ovs) run(name string, args ...string) error {
	if out, err := o.command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %.200s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

func (o *ovs) vsctl(args ...string) error {
	return o.run("ovs-vsctl", append([]string{"--timeout=60", "--db=unix:" + o.path("db.sock")}, args...)...)
}

func (o *ovs) ofctl(bridge string, args ...string) error {
	return o.run("ovs-ofctl", append(append([]string{"-O", "OpenFlow14"}, args[:len(args)-1]...), "unix:"+o.path(bridge+".mgmt"), args[len(args)-1])...)
}

func (o *ovs) waitSocket(name string) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if c, err := net.Dial("unix", o.path(name)); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("nobody listens on %s", o.path(name))
}

// cpuOf is the processor time that Open vSwitches have used, in steps of 10 ms
// each.
func cpuOf(all []*ovs) (total time.Duration, err error) {
	for _, o := range all {
		for _, c := range o.processes {
			used, err := cpuOfProcess(c.Process.Pid)
			if err != nil {
				return 0, err
			}
			total += used
		}
	}
	return total, nil
}

func cpuOfProcess(pid int) (total time.Duration, err error) {
	const tick = 10 * time.Millisecond // sysconf(_SC_CLK_TCK) is 100 wherever Linux runs Go
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	for _, f := range fields[11:13] { // utime and stime, proc(5)
		ticks, err := strconv.Atoi(f)
		if err != nil {
			return 0, err
		}
		total += time.Duration(ticks) * tick
	}
	return total, nil
}

// stop ends its processes, and those only.
func (o *ovs) stop() {
	for _, c := range o.processes {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
	}
	os.RemoveAll(o.dir)
}
