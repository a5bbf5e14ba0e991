// Package hosttest gives a test a host of its own: the test runs again in a
// process with its own network and mount namespaces, as the only one there. So
// it may change addresses, routes and nftables as it likes, and whatever it
// leaves goes with the process.
//
// Only tests import it. It knows nothing of Weft.
package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// inside is set, to the test's name, in the process that has the namespaces.
const inside = "WEFT_HOSTTEST"

// patience is how long is waited for what takes milliseconds.
const patience = 20 * time.Second

// Host reports whether this process is the test's own host. If it is not, the
// test has been run there, and its outcome is this one's:
//
//	if !hosttest.Host(t) {
//		return
//	}
func Host(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) == t.Name() {
		furnish(t)
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("SKIPPED, NEEDS ROOT: a namespace with a kernel's addresses, routes and nftables")
	}
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	c.Env = append(os.Environ(), inside+"="+t.Name())
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	out, err := c.CombinedOutput()
	switch text := string(out); {
	case err != nil:
		t.Errorf("in a namespace of its own: %v\n%s", err, text)
	case strings.Contains(text, "\n--- SKIP: "+t.Name()+" "):
		t.Skip(text)
	case !strings.Contains(text, "\n--- PASS: "+t.Name()+" "):
		t.Errorf("in a namespace of its own the test did not run:\n%s", text)
	case testing.Verbose():
		t.Log(text)
	}
	return false
}

// furnish sets loopback up, and hides /run, where namespaces have their names.
func furnish(t *testing.T) {
	t.Helper()
	if err := syscall.Mount("weft-hosttest", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatalf("mount a /run of the test's own: %v", err)
	}
	Run(t, "ip", "link", "set", "lo", "up")
}

// Run runs a command and returns what it prints.
func Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	return run(t, "", name, args...)
}

// Shell runs lines of sh(1), until one of them fails.
func Shell(t testing.TB, lines string) string {
	t.Helper()
	return run(t, lines, "sh", "-eu")
}

func run(t testing.TB, input, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Stdin = strings.NewReader(input)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, errs.String(), input)
	}
	return string(out)
}

// Namespace is another network namespace beside the host's, with a name by
// which ip -n and ip netns exec know it.
type Namespace string

// Add makes a namespace with loopback set up.
func Add(t testing.TB, name string) Namespace {
	t.Helper()
	Run(t, "ip", "netns", "add", name)
	Run(t, "ip", "-n", name, "link", "set", "lo", "up")
	return Namespace(name)
}

// Do runs fn on a thread inside the namespace. Sockets that fn opens belong to
// the namespace for good.
func (n Namespace) Do(fn func() error) error {
	done := make(chan error, 1)
	go func() { done <- n.do(fn) }()
	return <-done
}

func (n Namespace) do(fn func() error) error {
	outside, err := netns.Get()
	if err != nil {
		return fmt.Errorf("open the network namespace of this process: %w", err)
	}
	defer outside.Close()
	handle, err := netns.GetFromName(string(n))
	if err != nil {
		return fmt.Errorf("open namespace %s: %w", n, err)
	}
	defer handle.Close()
	runtime.LockOSThread()
	if err := netns.Set(handle); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter namespace %s: %w", n, err)
	}
	err = fn()
	// A thread that stays locked ends with its goroutine, and takes along the
	// processes that it started to die with it.
	if netns.Set(outside) == nil {
		runtime.UnlockOSThread()
	}
	return err
}

// Eventually waits until a condition holds that something else brings about.
// is returns what is in the way, or an empty string.
func Eventually(t testing.TB, is func() string) {
	t.Helper()
	var missing string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if missing = is(); missing == "" {
			return
		}
	}
	t.Fatalf("after %s still: %s", patience, missing)
}
