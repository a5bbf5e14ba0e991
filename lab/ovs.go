package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// openVSwitch is one host's private Open vSwitch: its database, sockets, pid
// files and logs are in a directory of the lab, and nothing of a system's own
// Open vSwitch is used or touched.
type openVSwitch struct {
	dir      string
	in       namespace
	database process
	vswitchd process
}

func newOpenVSwitch(dir string, in namespace) *openVSwitch {
	// ovs-appctl(8) and its relatives look these up, so that the stock tools
	// find this switch without further options.
	env := append(os.Environ(), "OVS_RUNDIR="+dir, "OVS_LOGDIR="+dir, "OVS_DBDIR="+dir, "OVS_SYSCONFDIR="+dir)
	return &openVSwitch{
		dir: dir, in: in,
		database: process{name: "ovsdb-server", in: in, dir: dir, env: env},
		vswitchd: process{name: "ovs-vswitchd", in: in, dir: dir, env: env},
	}
}

// schemas are where packages put the schema of the Open_vSwitch database.
var schemas = []string{
	"/usr/share/openvswitch/vswitch.ovsschema",
	"/usr/local/share/openvswitch/vswitch.ovsschema",
}

func (o *openVSwitch) databaseFile() string { return filepath.Join(o.dir, "conf.db") }

// createDatabase makes an empty database.
func (o *openVSwitch) createDatabase(ctx context.Context) error {
	for _, schema := range schemas {
		if _, err := os.Stat(schema); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		_, err := run(ctx, o.in, o.database.env, "ovsdb-tool", "create", o.databaseFile(), schema)
		return err
	}
	return fmt.Errorf("vswitch.ovsschema is not in %s: install Open vSwitch (Debian: apt install openvswitch-switch)", strings.Join(schemas, " nor "))
}

// Both daemons log to a file of their own, and never to the system's log.
var daemonOptions = []string{"--no-chdir", "--pidfile", "--log-file", "-vconsole:off", "-vsyslog:off", "-vfile:info"}

// startDatabase returns when the database takes connections.
func (o *openVSwitch) startDatabase(ctx context.Context) error {
	socket := filepath.Join(o.dir, "db.sock")
	argv := append([]string{"ovsdb-server"}, daemonOptions...)
	argv = append(argv, "--remote=punix:"+socket, "--remote=db:Open_vSwitch,Open_vSwitch,manager_options", o.databaseFile())
	if err := o.database.start(argv...); err != nil {
		return err
	}
	return o.database.listens(ctx, socket)
}

// startVswitchd does not wait: a plain ovs-vsctl that changes something does,
// and so does [openVSwitch.bridgeAnswers].
func (o *openVSwitch) startVswitchd() error {
	return o.vswitchd.start(append([]string{"ovs-vswitchd"}, daemonOptions...)...)
}

// bridgeAnswers waits until ovs-vswitchd has made a bridge.
func (o *openVSwitch) bridgeAnswers(ctx context.Context, bridge string) error {
	return o.vswitchd.listens(ctx, filepath.Join(o.dir, bridge+".mgmt"))
}

// listens waits until the process takes connections on a Unix socket.
func (p *process) listens(ctx context.Context, socket string) error {
	// A socket's path is at most 107 bytes (unix(7)). Open vSwitch gets round
	// that by naming the directory by its descriptor, and so do we.
	dir, err := os.Open(filepath.Dir(socket))
	if err != nil {
		return err
	}
	defer dir.Close()
	short := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(socket))
	return until(ctx, p.name+" listens on "+socket, func() (bool, error) {
		if !p.running() {
			return false, fmt.Errorf("%s ended: %s (its log is in %s)", p.name, p.output(), p.dir)
		}
		conn, err := net.Dial("unix", short)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
}

func (o *openVSwitch) kill(ctx context.Context) error {
	return errors.Join(o.vswitchd.kill(ctx), o.database.kill(ctx))
}

// run runs a command inside a namespace and returns what it prints.
func run(ctx context.Context, in namespace, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
	err := in.do(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return stdout.String(), fmt.Errorf("%s %s in %s: %w: %s", name, strings.Join(args, " "), in, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}
