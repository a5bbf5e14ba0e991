package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is one daemon of a lab: it outlives the command that started it, and
// is found again by its record.
type process struct {
	name string
	in   namespace
	dir  string   // holds its record, its log and whatever it makes
	env  []string // for it and for the tools that talk to it
}

// record identifies a process for certain: a process id alone may by now be
// somebody else's.
type record struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // in clock ticks since boot, proc_pid_stat(5) field 22
	Boot  string `json:"boot"`
}

const recordSuffix = ".process.json"

func (p *process) recordFile() string { return filepath.Join(p.dir, p.name+recordSuffix) }
func (p *process) outputFile() string { return filepath.Join(p.dir, p.name+".out") }

// start runs argv as a daemon of its own session inside the namespace.
func (p *process) start(argv ...string) error {
	out, err := os.OpenFile(p.outputFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer out.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = p.env, p.dir, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := p.in.do(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	r, err := recordOf(cmd.Process.Pid)
	if errors.Is(err, errEnded) {
		err = fmt.Errorf("the %s ended at once: %s", p.name, p.output())
	}
	if err == nil {
		err = writeJSON(p.recordFile(), r)
	}
	if err != nil {
		_ = cmd.Process.Kill() // nobody would find it again
	}
	go func() { _ = cmd.Wait() }() // so that it leaves no zombie while we live
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

var errEnded = errors.New("the process has ended")

func recordOf(pid int) (record, error) {
	start, running := startTime(pid)
	if !running {
		return record{}, errEnded
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return record{PID: pid, Start: start, Boot: string(bytes.TrimSpace(boot))}, err
}

// startTime returns when a process started, and whether it still runs. A zombie
// does not, unless other threads of it are still ending: those keep its sockets
// open.
func startTime(pid int) (start string, running bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// The second field, the command in parentheses, may contain anything, so
	// counting begins after it: with the third, the state.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const state, threads, startedAt = 0, 20 - 3, 22 - 3
	if len(fields) <= startedAt || fields[state] == "X" {
		return "", false
	}
	alone := fields[threads] == "0" || fields[threads] == "1"
	return fields[startedAt], fields[state] != "Z" || !alone
}

// find returns a handle of the recorded process, or nil when it is gone. The
// handle is a pidfd, so the process id cannot change owners under it.
func find(file string) (*os.Process, error) {
	var r record
	err := readJSON(file, &r)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	handle, err := os.FindProcess(r.PID)
	if err != nil {
		return nil, err
	}
	if now, err := recordOf(r.PID); err != nil || now != r {
		return nil, handle.Release()
	}
	return handle, nil
}

func (p *process) running() bool {
	handle, err := find(p.recordFile())
	if handle == nil || err != nil {
		return false
	}
	return handle.Release() == nil
}

// signal sends a signal; that the process is gone is an error.
func (p *process) signal(s os.Signal) error {
	handle, err := find(p.recordFile())
	if err == nil && handle == nil {
		err = os.ErrProcessDone
	}
	if err == nil {
		err = handle.Signal(s)
	}
	if err != nil {
		return fmt.Errorf("send %v to %s: %w", s, p.name, err)
	}
	return handle.Release()
}

// freeze stops the process and returns when it has stopped, which is not at
// once where it has threads that run.
func (p *process) freeze() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return until(ctx, p.name+" has stopped", func() (bool, error) {
		var r record
		if err := readJSON(p.recordFile(), &r); err != nil {
			return false, err
		}
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", r.PID))
		for _, file := range threads {
			stat, err := os.ReadFile(file)
			if err == nil && !bytes.Contains(stat, []byte(") T ")) {
				return false, nil
			}
		}
		return true, err
	})
}

// thaw undoes freeze.
func (p *process) thaw() error { return p.signal(syscall.SIGCONT) }

// kill ends the process without warning and returns when it is gone.
func (p *process) kill(ctx context.Context) error {
	if err := killRecorded(ctx, p.recordFile()); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	return nil
}

func killRecorded(ctx context.Context, file string) error {
	handle, err := find(file)
	if handle == nil || err != nil {
		return err
	}
	defer handle.Release()
	if err := handle.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return until(ctx, "it is gone", func() (bool, error) {
		_, running := startTime(handle.Pid)
		return !running, nil
	})
}

// output is the end of what the process wrote, for error messages.
func (p *process) output() string {
	text, _ := os.ReadFile(p.outputFile()) // none: it was not started
	const enough = 2000
	if len(text) > enough {
		text = text[len(text)-enough:]
	}
	return strings.TrimSpace(string(text))
}

// until polls a condition until it holds, fails or ctx ends.
func until(ctx context.Context, what string, holds func() (bool, error)) error {
	pause := 2 * time.Millisecond
	for {
		ok, err := holds()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(pause):
		}
		pause = min(2*pause, 100*time.Millisecond)
	}
}

func writeJSON(file string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	// Renamed into place: a reader, or a crash, sees the old or the new one.
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func readJSON(file string, v any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
