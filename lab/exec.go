package lab

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
)

// Machines are the names that Exec takes: hosts, containers, machines
// outside, the router and the controller.
func (l *Lab) Machines() []string {
	var names []string
	for _, h := range l.hosts {
		names = append(names, h.Name)
	}
	for _, c := range l.Containers() {
		names = append(names, c.Name)
	}
	for _, m := range l.outside {
		names = append(names, m.Name)
	}
	return append(names, routerName, controllerName)
}

// Exec turns this process into a command on one of the lab's machines; it
// returns only when that is not possible. On a host, the tools of Open vSwitch
// talk to that host's own.
func (l *Lab) Exec(machine string, argv []string) error {
	if !slices.Contains(l.Machines(), machine) {
		return fmt.Errorf("lab %s has no machine %q: it has %s", l.Instance, machine, strings.Join(l.Machines(), ", "))
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	env := os.Environ()
	if h := l.Host(machine); h != nil {
		env = h.ovs.database.env
	}
	// execve(2) makes the calling thread the only one, with its namespace.
	return l.namespace(machine).do(func() error {
		if err := syscall.Exec(path, argv, env); err != nil {
			return fmt.Errorf("run %s on %s: %w", path, machine, err)
		}
		return nil
	})
}
