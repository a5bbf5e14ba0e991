package lab

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Options say how a topology is built.
type Options struct {
	// Binary is the weft binary whose controller is run. Without one the
	// hosts are built and nothing is declared or plugged.
	Binary string
	// ControllerArgs are added to `weft controller --data-dir …`.
	ControllerArgs []string
	// Instance tells labs of one topology apart; default the topology's name.
	Instance string
	// Dir holds everything that the lab writes; default a directory for the
	// instance below [os.TempDir]. It must be new, or a lab's.
	Dir string
	// Keep leaves what was built in place when building fails, to be looked at.
	Keep bool
	// Progress is told what is being done, in a few words; may be nil.
	Progress func(string)
}

// DefaultDir is where the lab of an instance is kept unless told otherwise.
func DefaultDir(instance string) string {
	return filepath.Join(os.TempDir(), dirPrefix+instance)
}

const dirPrefix = "weft-lab-"

func (o *Options) fillDefaults(t *Topology) error {
	o.Instance = cmp.Or(o.Instance, t.Name)
	if !labName.MatchString(o.Instance) {
		return fmt.Errorf("%q is not a name for a lab: use 1 to 30 of a-z, 0-9 and '-'", o.Instance)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	var err error
	if o.Binary != "" {
		// The controller is started in another directory than ours.
		if o.Binary, err = filepath.Abs(o.Binary); err != nil {
			return err
		}
	}
	o.Dir, err = filepath.Abs(cmp.Or(o.Dir, DefaultDir(o.Instance)))
	return err
}

// Lab is a topology that is up, or half up.
type Lab struct {
	Topology *Topology
	Instance string
	Dir      string

	options Options
	hosts   []*Host
	outside []*Machine // the internet, and machines that know nothing of Weft
	control *control

	responders responders

	mu         sync.Mutex // containers come and go at run time
	containers map[string]*Container
	complete   bool
	before     map[string]string // see CheckBefore: what was wrong with an expectation, or nothing
}

func newLab(t *Topology, o Options) *Lab {
	l := &Lab{Topology: t, Instance: o.Instance, Dir: o.Dir, options: o, containers: map[string]*Container{}}
	for _, spec := range t.Hosts {
		l.hosts = append(l.hosts, l.newHost(spec))
	}
	if a := t.Internet.Addresses; len(a) > 0 {
		l.outside = append(l.outside, &Machine{Name: internetName, in: l.namespace(internetName), device: nic, addresses: a})
	}
	for _, m := range t.Machines {
		l.outside = append(l.outside, &Machine{Name: m.Name, in: l.namespace(m.Name), device: nic, addresses: m.Addresses})
	}
	l.control = l.newControl()
	return l
}

// prefix begins the names of the lab's namespaces. It depends on nothing but
// the instance and its directory, so that what a crash left behind is found
// even without the state file.
func prefix(instance, dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return fmt.Sprintf("weft-%s-%x-", instance, sum[:2])
}

func (l *Lab) namespace(machine string) namespace {
	return namespace(prefix(l.Instance, l.Dir) + machine)
}

// Host returns a host by name, or nil.
func (l *Lab) Host(name string) *Host {
	i := slices.IndexFunc(l.hosts, func(h *Host) bool { return h.Name == name })
	if i < 0 {
		return nil
	}
	return l.hosts[i]
}

// Hosts returns the hosts in the order of the topology.
func (l *Lab) Hosts() []*Host { return slices.Clone(l.hosts) }

// Container returns a container by name, or nil.
func (l *Lab) Container(name string) *Container {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.containers[name]
}

// Up builds a topology, declares its networks and endpoints, plugs its
// containers and returns when the controller says that all are installed. What
// an earlier lab of the same instance left behind is removed first; one that is
// still in order is refused. When Up fails it takes down what it had built,
// unless told to keep it.
func Up(ctx context.Context, t *Topology, o Options) (*Lab, error) {
	l, err := Build(ctx, t, o)
	if err != nil {
		return nil, err
	}
	if l.options.Binary == "" {
		return l, nil
	}
	if err = l.CheckBefore(ctx); err == nil {
		err = l.Declare(ctx)
	}
	if err == nil {
		err = l.PlugAll(ctx)
	}
	if err != nil {
		return nil, l.giveUp(err)
	}
	return l, nil
}

// giveUp adds what may explain the failure before it is gone.
func (l *Lab) giveUp(err error) error {
	if said := l.control.process.output(); said != "" {
		err = fmt.Errorf("%w\nthe controller's last words:\n%s", err, said)
	}
	if l.options.Keep {
		return err
	}
	return errors.Join(err, l.Down())
}

// Build makes hosts, underlay, empty containers and the controller, to which
// the hosts are pointed.
func Build(ctx context.Context, t *Topology, o Options) (*Lab, error) {
	if err := o.fillDefaults(t); err != nil {
		return nil, err
	}
	if err := CheckMachine(); err != nil {
		return nil, err
	}
	if err := clearLeftovers(o.Instance, o.Dir); err != nil {
		return nil, err
	}
	l := newLab(t, o)
	if err := l.build(ctx); err != nil {
		return nil, l.giveUp(err)
	}
	return l, nil
}

func (l *Lab) build(ctx context.Context) error {
	if err := os.MkdirAll(l.Dir, 0o700); err != nil {
		return err
	}
	// Before anything else, so that whatever happens, down knows the lab.
	if err := l.save(); err != nil {
		return err
	}
	l.options.Progress("underlay")
	if err := errors.Join(l.buildUnderlay(), l.buildInternet(), l.buildLANs()); err != nil {
		return err
	}
	l.options.Progress("hosts and controller")
	all, building := errgroup.WithContext(ctx)
	for _, h := range l.hosts {
		all.Go(func() error {
			if err := h.build(building); err != nil {
				return fmt.Errorf("build host %s: %w", h.Name, err)
			}
			return nil
		})
	}
	all.Go(func() error { return l.control.build(building) })
	for _, m := range l.Topology.Machines {
		all.Go(func() error { return l.buildMachine(m) })
	}
	for _, c := range l.Topology.Containers {
		all.Go(func() error {
			_, err := l.AddContainer(c.Name, c.Host)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if l.options.Binary == "" {
		return l.finish()
	}
	// Only now: Open vSwitch waits ever longer between its attempts.
	for _, h := range l.hosts {
		if err := h.join(ctx); err != nil {
			return err
		}
		if l.Topology.runsAgent(h.spec) {
			if err := h.StartAgent(); err != nil {
				return err
			}
		}
	}
	return l.finish()
}

func (l *Lab) finish() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complete = true
	return l.save()
}

// CheckMachine says what this machine lacks for any lab.
func CheckMachine() error {
	if os.Geteuid() != 0 {
		return errors.New("a lab makes network namespaces, which needs root: run it with sudo")
	}
	for _, tool := range []string{"ovs-vswitchd", "ovsdb-server", "ovsdb-tool", "ovs-vsctl"} {
		if _, err := exec.LookPath(tool); errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s is not installed: install Open vSwitch (Debian: apt install openvswitch-switch)", tool)
		}
	}
	if _, err := os.Stat("/dev/net/tun"); errors.Is(err, fs.ErrNotExist) {
		return errors.New("/dev/net/tun is missing, which Open vSwitch needs for its internal ports: modprobe tun")
	}
	return nil
}
