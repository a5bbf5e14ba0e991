package lab

import (
	"context"
	"fmt"
	"os"
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
	if err := agent.start(append([]string{h.lab.options.Binary, "agent", "--ovsdb", "unix:db.sock"}, args...)...); err != nil {
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
