package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/model"
)

// state is what later commands need to know about a lab. It is written before
// the first namespace is made and after every change.
type state struct {
	Instance       string            `json:"instance"`
	Complete       bool              `json:"complete"` // false while it is being built
	Builder        record            `json:"builder"`  // the process that builds it
	Topology       *Topology         `json:"topology"`
	Binary         string            `json:"binary,omitempty"`
	ControllerArgs []string          `json:"controllerArgs,omitempty"`
	Containers     []containerState  `json:"containers"`
	Before         map[string]string `json:"before,omitempty"`
}

type containerState struct {
	Name     string         `json:"name"`
	Host     string         `json:"host"`
	Endpoint model.Endpoint `json:"endpoint"`
}

const stateFile = "lab.json"

// save writes the state file; the caller holds l.mu, or nobody else has l yet.
func (l *Lab) save() error {
	builder, err := recordOf(os.Getpid())
	if err != nil {
		return err
	}
	s := state{
		Instance: l.Instance, Complete: l.complete, Builder: builder, Topology: l.Topology,
		Binary: l.options.Binary, ControllerArgs: l.options.ControllerArgs, Before: l.before,
	}
	for _, name := range sortedKeys(l.containers) {
		c := l.containers[name]
		s.Containers = append(s.Containers, containerState{Name: c.Name, Host: c.Host.Name, Endpoint: c.endpoint})
	}
	if err := writeJSON(filepath.Join(l.Dir, stateFile), s); err != nil {
		return fmt.Errorf("remember the lab: %w", err)
	}
	return nil
}

// Open returns the lab that an earlier process brought up in a directory.
func Open(dir string) (*Lab, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	var s state
	err = readJSON(filepath.Join(dir, stateFile), &s)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no lab is in %s: bring it up with `weft lab up`", dir)
	}
	if err != nil {
		return nil, err
	}
	if !s.Complete {
		return nil, fmt.Errorf("lab %s is only half built: run `weft lab up` again, or `weft lab down`", s.Instance)
	}
	o := Options{Instance: s.Instance, Dir: dir, Binary: s.Binary, ControllerArgs: s.ControllerArgs}
	if err := o.fillDefaults(s.Topology); err != nil {
		return nil, err
	}
	l := newLab(s.Topology, o)
	l.complete, l.before = true, s.Before
	for _, c := range s.Containers {
		l.containers[c.Name] = l.newContainer(c.Name, l.Host(c.Host), c.Endpoint)
	}
	return l, nil
}

// InstanceIn returns the name of the lab in a directory, built or half built.
func InstanceIn(dir string) (string, error) {
	var s state
	err := readJSON(filepath.Join(dir, stateFile), &s)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no lab is in %s", dir)
	}
	return s.Instance, err
}

// Down ends the lab and leaves nothing of it behind. It may be called again.
func (l *Lab) Down() error { return sweep(l.Instance, l.Dir) }

// Down takes down whatever there is of a lab, also when it is only half built
// or its state file is lost. Nothing there is not an error.
func Down(instance, dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := checkDir(dir); err != nil {
		return err
	}
	return sweep(instance, dir)
}

// Instances lists the labs in their default directories.
func Instances() []string {
	files, _ := filepath.Glob(filepath.Join(DefaultDir("*"), stateFile)) // the pattern is well-formed
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimPrefix(filepath.Base(filepath.Dir(file)), dirPrefix))
	}
	return names
}

// clearLeftovers makes room for a new lab, unless a working one is there.
func clearLeftovers(instance, dir string) error {
	if err := checkDir(dir); err != nil {
		return err
	}
	var s state
	if readJSON(filepath.Join(dir, stateFile), &s) == nil {
		now, err := recordOf(s.Builder.PID)
		switch {
		case s.Complete && allRunning(dir):
			return fmt.Errorf("lab %s is up already: take it down first with `weft lab down`", instance)
		case !s.Complete && err == nil && now == s.Builder && s.Builder.PID != os.Getpid():
			return fmt.Errorf("lab %s is being built by process %d", instance, s.Builder.PID)
		}
	}
	return sweep(instance, dir)
}

// checkDir keeps a lab from using, and later deleting, somebody's directory.
func checkDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == stateFile }) {
		return fmt.Errorf("%s has files in it that are not a lab's: give a new directory with --dir", dir)
	}
	return nil
}

func recordFiles(dir string) []string {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"+recordSuffix)) // the pattern is well-formed
	return files
}

func allRunning(dir string) bool {
	files := recordFiles(dir)
	return len(files) > 0 && !slices.ContainsFunc(files, func(file string) bool {
		handle, err := find(file)
		if handle == nil || err != nil {
			return true
		}
		return handle.Release() != nil
	})
}

// sweep removes processes, namespaces and files of a lab, in this order, and
// goes on where something cannot be removed.
func sweep(instance, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var failed []error
	for _, file := range recordFiles(dir) {
		failed = append(failed, killRecorded(ctx, file))
	}
	namespaces, err := namespacesWithPrefix(prefix(instance, dir))
	failed = append(failed, err)
	for _, n := range namespaces {
		failed = append(failed, n.killAll(ctx), n.remove())
	}
	failed = append(failed, killContainers(ctx, prefix(instance, dir)))
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("take lab %s down: %w", instance, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("take lab %s down: %w", instance, err)
	}
	return nil
}

// killAll ends what still runs in a namespace of ours: a shell or a ping that
// somebody started there, and what was started but not yet recorded when a
// build was interrupted. Being inside is what makes it the lab's.
func (n namespace) killAll(ctx context.Context) error {
	return until(ctx, "nothing runs in "+string(n), func() (bool, error) {
		pids, err := n.processes()
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		return len(pids) == 0, err
	})
}
