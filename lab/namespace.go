package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// namespaceDir is where ip-netns(8) keeps names, so that `ip netns exec` works
// with ours too.
const namespaceDir = "/run/netns"

// namespace is a network namespace with a name under [namespaceDir].
type namespace string

func (n namespace) path() string { return filepath.Join(namespaceDir, string(n)) }

// create makes the namespace and sets its loopback up.
func (n namespace) create() error {
	err := onOwnThread(func() error {
		handle, err := netns.NewNamed(string(n))
		if err != nil {
			return fmt.Errorf("create network namespace %s: %w", n, err)
		}
		return handle.Close()
	})
	if err != nil {
		return err
	}
	return n.link(func(h *netlink.Handle) error { return setUp(h, "lo") })
}

// do runs fn on a thread inside the namespace. Sockets and processes that fn
// makes belong to the namespace for good; goroutines that it starts do not.
func (n namespace) do(fn func() error) error {
	return onOwnThread(func() error {
		return n.open(func(handle netns.NsHandle) error {
			if err := netns.Set(handle); err != nil {
				return fmt.Errorf("enter network namespace %s: %w", n, err)
			}
			return fn()
		})
	})
}

// onOwnThread runs fn, which may change the network namespace of its thread, on
// a thread that nothing else uses meanwhile.
func onOwnThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		before, err := netns.Get()
		if err != nil {
			done <- fmt.Errorf("open the network namespace of this thread: %w", err)
			return
		}
		defer before.Close()
		err = fn()
		// A thread that cannot be brought back stays locked, and the runtime
		// ends it with this goroutine.
		if netns.Set(before) == nil {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// link runs fn with a handle for the interfaces of the namespace.
func (n namespace) link(fn func(*netlink.Handle) error) error {
	return n.open(func(ns netns.NsHandle) error {
		h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("netlink in namespace %s: %w", n, err)
		}
		defer h.Close()
		return fn(h)
	})
}

func (n namespace) open(fn func(netns.NsHandle) error) error {
	ns, err := netns.GetFromPath(n.path())
	if err != nil {
		return fmt.Errorf("open network namespace %s: %w", n, err)
	}
	defer ns.Close()
	return fn(ns)
}

// sysctl writes a kernel setting below /proc/sys/net as the namespace sees it.
func (n namespace) sysctl(key, value string) error {
	return n.do(func() error {
		if err := os.WriteFile("/proc/sys/net/"+key, []byte(value), 0); err != nil {
			return fmt.Errorf("set net/%s to %s in namespace %s: %w", key, value, n, err)
		}
		return nil
	})
}

// processes lists what runs in the namespace, this process excepted.
func (n namespace) processes() ([]int, error) {
	var ours unix.Stat_t
	if err := unix.Stat(n.path(), &ours); err != nil {
		return nil, fmt.Errorf("look at network namespace %s: %w", n, err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		var theirs unix.Stat_t
		if unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &theirs) != nil {
			continue // it ended meanwhile
		}
		if theirs.Dev == ours.Dev && theirs.Ino == ours.Ino {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// remove deletes the name; the namespace itself goes with its last process.
func (n namespace) remove() error {
	err := unix.Unmount(n.path(), unix.MNT_DETACH)
	// EINVAL: only the file is there, as after a crash in the middle of create.
	if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount network namespace %s: %w", n, err)
	}
	if err := os.Remove(n.path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove network namespace %s: %w", n, err)
	}
	return nil
}

// namespacesWithPrefix lists the named namespaces of a lab.
func namespacesWithPrefix(prefix string) ([]namespace, error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list network namespaces: %w", err)
	}
	var found []namespace
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			found = append(found, namespace(e.Name()))
		}
	}
	return found, nil
}
