package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes: scripts can tell a request that was refused from one that was
// never understood.
const (
	exitDone    = 0
	exitRefused = 1
	exitUsage   = 2
)

// run carries out one command line and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	command, err := root.ExecuteContextC(ctx)
	var refused *failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &refused):
		fmt.Fprintf(stderr, "weft: %s\n", oneLine(err.Error()))
		return exitRefused
	}
	fmt.Fprintf(stderr, "weft: %s (see %s --help)\n", oneLine(err.Error()), command.CommandPath())
	return exitUsage
}

// linked is the version that `make build` took from git.
var linked string

// version is what was linked, or what the toolchain knows of where the binary
// comes from, as with `go install`.
func version() string {
	if linked != "" {
		return linked
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// newRoot builds the command line.
func newRoot() *cobra.Command {
	root := group("weft", "Networks for containers on many hosts, over Open vSwitch")
	root.Version = version()
	root.SilenceErrors, root.SilenceUsage = true, true
	s := addSession(root)
	root.AddCommand(
		newController(),
		newAgent(),
		newToken(s),
		newLab(),
		newNetwork(s),
		newEndpoint(s),
		newRouter(s),
		newForward(s),
		newHost(s),
		newUnderlay(s),
		newApply(s),
		newFlows(s),
		newWhy(s),
		newTrace(s),
		newVerify(s),
		newAttach(s),
		newDetach(),
		newWatch(s),
	)
	return root
}

// group makes a command that only holds others. A mistyped one among them is
// an error; cobra alone would print the help and call that success.
func group(name, short string, children ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{
		Use:   name,
		Short: short,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := ""
			if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
				hint = "; did you mean " + strings.Join(similar, " or ") + "?"
			}
			return fmt.Errorf("no command %q of %s%s", args[0], c.CommandPath(), hint)
		},
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
		SuggestionsMinimumDistance: 2,
	}
	g.AddCommand(children...)
	return g
}

// A failure is an error of what a command did, as against how it was called.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// doing makes a cobra RunE whose errors are failures.
func doing(do func(c *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := do(c, args); err != nil {
			return &failure{err}
		}
		return nil
	}
}

func oneLine(s string) string { return printable(strings.Join(strings.Fields(s), " ")) }
