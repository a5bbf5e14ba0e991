package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// agentOf is the process of weft agent on a host. It is told nothing but where
// the host's database is.
func (h *Host) agentOf() process {
	return process{name: "agent", in: h.in, dir: h.ovs.dir, env: os.Environ()}
}

// StartAgent starts weft agent on the host, with further arguments. It does not
// wait for what the agent does: the controller says when a gateway host is ready.
func (h *Host) StartAgent(args ...string) error {
	// A path relative to its working directory: that of a socket is at most
	// 107 bytes (unix(7)).
	agent := h.agentOf()
	if err := agent.start(append([]string{h.lab.options.Binary, "agent", "--ovsdb", "unix:db.sock", "--state-dir", "agent", "--run-dir", "run"}, args...)...); err != nil {
		return fmt.Errorf("start the agent of %s: %w", h.Name, err)
	}
	return nil
}

// KillAgent ends the agent without warning: it leaves behind what it has set up.
func (h *Host) KillAgent(ctx context.Context) error {
	agent := h.agentOf()
	return agent.kill(ctx)
}

// StopAgent asks the agent to end and waits until it has.
func (h *Host) StopAgent(ctx context.Context) error {
	agent := h.agentOf()
	if err := agent.signal(os.Interrupt); err != nil {
		return err
	}
	return until(ctx, "the agent of "+h.Name+" has ended", func() (bool, error) { return !agent.running(), nil })
}

// AgentRuns reports whether the host's agent runs.
func (h *Host) AgentRuns() bool {
	agent := h.agentOf()
	return agent.running()
}

// Join starts the host's agent by the line that weft token prints, which is all
// that it is told. A host that was pointed at the controller by hand is not any
// more, so that it is the agent who does it.
func (h *Host) Join(ctx context.Context, args ...string) error {
	if _, err := h.Run(ctx, "ovs-vsctl", "--no-wait", "--timeout=10", "del-manager"); err != nil {
		return err
	}
	line, err := h.lab.Token(ctx)
	if err != nil {
		return err
	}
	return h.StartAgent(append(append(line, "--hostname", h.Name, "--docker=false", "--foreground"), args...)...)
}

// Token is what weft token prints on the machine of the controller, without
// "weft agent".
func (l *Lab) Token(ctx context.Context) ([]string, error) {
	out, err := run(ctx, l.control.in, os.Environ(), l.options.Binary, "token", "--data-dir", filepath.Join(l.control.process.dir, "data"))
	words := strings.Fields(out)
	if err == nil && (len(words) < 3 || words[0] != "weft" || words[1] != "agent") {
		err = fmt.Errorf("weft token printed %q", out)
	}
	if err != nil {
		return nil, err
	}
	return words[2:], nil
}
