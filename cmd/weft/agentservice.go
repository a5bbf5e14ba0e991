package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"

	"github.com/weft-sdn/weft/agent/join"
)

// agentUnit is the service that a package installs.
const agentUnit = "weft-agent.service"

// handsOver reports whether a join is for the service to go on with: a person
// types the line that weft token prints, and gets the prompt back.
func (f *joinFlags) handsOver(ctx context.Context) bool {
	if f.Address == "" || f.foreground || os.Getenv("INVOCATION_ID") != "" { // systemd.exec(5)
		return false
	}
	return systemctl(ctx, "cat", agentUnit) == nil
}

// handOver joins, and has the service be the agent from now on.
func (f *joinFlags) handOver(ctx context.Context, out io.Writer, stateDir, ovsdb string, log *slog.Logger) error {
	cfg, err := f.config(stateDir, ovsdb, log)
	if err != nil {
		return err
	}
	if stateDir != defaultStateDir {
		return fmt.Errorf("--state-dir is for --foreground: %s has %s", agentUnit, defaultStateDir)
	}
	ran := systemctl(ctx, "is-active", agentUnit) == nil
	if ran {
		if err := systemctl(ctx, "stop", agentUnit); err != nil {
			return err
		}
	}
	cluster, err := join.Once(ctx, cfg)
	if err != nil {
		if ran {
			err = errors.Join(err, systemctl(context.WithoutCancel(ctx), "start", agentUnit))
		}
		return err
	}
	if err := systemctl(ctx, "enable", "--now", agentUnit); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "this host is a member of cluster %s; %s is its agent\n", cluster, agentUnit)
	return err
}

func systemctl(ctx context.Context, args ...string) error {
	c := exec.CommandContext(ctx, "systemctl", args...)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return nil
}
