package attach

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/vishvananda/netns"
)

// within calls fn on a thread in the network namespace of a process.
func within(pid int, fn func() error) error {
	done := make(chan error)
	go func() { done <- enter(pid, fn) }()
	return <-done
}

func enter(pid int, fn func() error) error {
	outside, err := netns.Get()
	if err != nil {
		return fmt.Errorf("open the network namespace of this process: %w", err)
	}
	defer outside.Close()
	inside, err := netns.GetFromPid(pid)
	if err != nil {
		return fmt.Errorf("open the container's network namespace: %w", err)
	}
	defer inside.Close()
	if inside.Equal(outside) {
		return errors.New("the container shares the network of the host (--net host): start it with --net none")
	}
	runtime.LockOSThread()
	if err := netns.Set(inside); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter the container's network namespace: %w", err)
	}
	err = fn()
	// A thread that stays locked ends with its goroutine.
	if netns.Set(outside) == nil {
		runtime.UnlockOSThread()
	}
	return err
}
