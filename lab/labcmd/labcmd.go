// Package labcmd is `weft lab`: the commands around package lab. Only cmd/weft
// imports it, to hang [Command] below its root.
package labcmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/lab"
)

// Command returns `weft lab` with its verbs.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "lab",
		Short: "Build a topology file on this machine, with real Open vSwitch",
		Long: `Build a topology file on this machine: hosts as network namespaces, each with
its own Open vSwitch, a routed underlay, containers, and the controller.
Needs root and Open vSwitch's programs; no kernel module, and nothing of this
machine's own network or Open vSwitch is changed.`,
	}
	c.AddCommand(upCommand(), plugCommand(), checkCommand(), downCommand(), execCommand())
	return c
}

// choice is how the commands are told which lab is meant.
type choice struct {
	file, name, dir string
}

func (c *choice) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&c.file, "file", "f", "", "topology file")
	cmd.Flags().StringVar(&c.name, "name", "", "name of the lab, to have several of one file (default the topology's)")
	cmd.Flags().StringVar(&c.dir, "dir", "", "directory of the lab (default a new one below the system's for temporary files)")
}

// find says which lab is meant: the file's, the named one, or the only one.
// Without a file the topology is nil.
func (c *choice) find() (instance, dir string, t *lab.Topology, err error) {
	if c.file != "" {
		if t, err = lab.Load(c.file); err != nil {
			return "", "", nil, err
		}
		instance = t.Name
	}
	instance = cmp.Or(c.name, instance)
	if instance == "" && c.dir != "" {
		if instance, err = lab.InstanceIn(c.dir); err != nil {
			return "", "", nil, err
		}
	}
	if instance == "" {
		switch all := lab.Instances(); len(all) {
		case 0:
			return "", "", nil, errors.New("no lab is up: bring one up with `weft lab up -f FILE`")
		case 1:
			instance = all[0]
		default:
			return "", "", nil, fmt.Errorf("several labs are up (%s): say which with -f FILE or --name NAME", strings.Join(all, ", "))
		}
	}
	return instance, cmp.Or(c.dir, lab.DefaultDir(instance)), t, nil
}

// open opens the lab that is meant, with the topology of the file that was
// given, or its own.
func (c *choice) open() (*lab.Lab, *lab.Topology, error) {
	_, dir, t, err := c.find()
	if err != nil {
		return nil, nil, err
	}
	l, err := lab.Open(dir)
	if err == nil && t == nil {
		t = l.Topology
	}
	return l, t, err
}

func upCommand() *cobra.Command {
	var (
		which   choice
		options lab.Options
		bare    bool
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   "up -f FILE",
		Short: "Build the hosts, start the controller, declare and plug everything",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := lab.Load(which.file)
			if err != nil {
				return err
			}
			if options.Binary, err = os.Executable(); err != nil {
				return err
			}
			options.Instance, options.Dir = which.name, which.dir
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if bare {
				return UpBare(ctx, cmd.OutOrStdout(), t, options)
			}
			return Up(ctx, cmd.OutOrStdout(), t, options)
		},
	}
	which.flags(cmd)
	cmd.MarkFlagRequired("file")
	cmd.Flags().StringArrayVar(&options.ControllerArgs, "controller-arg", nil, "argument for `weft controller`; may be repeated")
	cmd.Flags().BoolVar(&bare, "bare", false, "only build hosts, containers and controller: you declare, and then `weft lab plug`")
	cmd.Flags().BoolVar(&options.Keep, "keep", false, "leave a lab that fails to come up as it is")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after this time")
	return cmd
}

// Up brings a topology up and says how to look around in it.
func Up(ctx context.Context, out io.Writer, t *lab.Topology, o lab.Options) error {
	start := time.Now()
	o.Progress = func(what string) { fmt.Fprintf(out, "%5.2fs  %s\n", time.Since(start).Seconds(), what) }
	l, err := lab.Up(ctx, t, o)
	if err != nil {
		return err
	}
	o.Progress("up")
	which, host := reference(l), l.Hosts()[0].Name
	fmt.Fprintf(out, "\nLook around:\n")
	fmt.Fprintf(out, "  weft lab exec%s %s -- ovs-ofctl --names dump-flows br-weft\n", which, host)
	fmt.Fprintf(out, "  weft lab exec%s %s -- ovs-vsctl show\n", which, host)
	fmt.Fprintf(out, "  weft lab exec%s ctl -- curl -s http://127.0.0.1:8181/endpoints\n", which)
	if from, to := pair(l); to != nil && len(to.Addresses()) > 0 {
		fmt.Fprintf(out, "  weft lab exec%s %s -- ping %s\n", which, from.Name, to.Addresses()[0])
	}
	fmt.Fprintf(out, "The machines are %s; logs are in %s.\n", strings.Join(l.Machines(), ", "), l.Dir)
	fmt.Fprintf(out, "\nTest it:      weft lab check%s\nTake it down: weft lab down%s\n", which, which)
	return nil
}

// UpBare builds everything, and declares and plugs nothing.
func UpBare(ctx context.Context, out io.Writer, t *lab.Topology, o lab.Options) error {
	l, err := lab.Build(ctx, t, o)
	if err != nil {
		return err
	}
	if err := l.WaitJoined(ctx); err != nil {
		return errors.Join(err, l.Down())
	}
	fmt.Fprintf(out, "The machines are %s; logs are in %s.\n", strings.Join(l.Machines(), ", "), l.Dir)
	return nil
}

func plugCommand() *cobra.Command {
	var (
		which   choice
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use:   "plug [-f FILE] [CONTAINER...]",
		Short: "Plug every container of the topology, or some, after `weft lab up --bare` and declaring their endpoints",
		RunE: func(cmd *cobra.Command, names []string) error {
			l, _, err := which.open()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return Plug(ctx, l, names)
		},
	}
	which.flags(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", time.Minute, "give up after this time")
	return cmd
}

// Plug plugs the containers of these names, or all of the topology.
func Plug(ctx context.Context, l *lab.Lab, names []string) error {
	if len(names) == 0 {
		return l.PlugAll(ctx)
	}
	var some []lab.ContainerSpec
	for _, name := range names {
		i := slices.IndexFunc(l.Topology.Containers, func(c lab.ContainerSpec) bool { return c.Name == name })
		if i < 0 {
			return fmt.Errorf("lab %s has no container %q in its topology", l.Instance, name)
		}
		some = append(some, l.Topology.Containers[i])
	}
	return l.PlugSome(ctx, some)
}

// pair is two containers that are expected to reach each other, or nil.
func pair(l *lab.Lab) (from, to *lab.Container) {
	for _, e := range l.Topology.Expect {
		if e.Reaches != nil && *e.Reaches {
			return l.Container(e.From), l.Container(e.To)
		}
	}
	return nil, nil
}

// reference is the flag that later commands need to find this lab.
func reference(l *lab.Lab) string {
	switch {
	case l.Dir != lab.DefaultDir(l.Instance):
		return " --dir " + l.Dir
	case len(lab.Instances()) > 1:
		return " --name " + l.Instance
	}
	return ""
}

func checkCommand() *cobra.Command {
	var which choice
	var options lab.Options
	cmd := &cobra.Command{
		Use:   "check [-f FILE | -f FOLDER]",
		Short: "Test every expectation of the topology with real packets",
		Long: `Test every expectation of the topology of the lab that is up with real packets.

Of a folder, every topology is brought up, tested and taken down, one after the
other; a table says what holds.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if about, err := os.Stat(which.file); err == nil && about.IsDir() {
				if options.Binary, err = os.Executable(); err != nil {
					return err
				}
				return CheckFolder(cmd.Context(), cmd.OutOrStdout(), which.file, options)
			}
			l, t, err := which.open()
			if err != nil {
				return err
			}
			return Check(cmd.Context(), cmd.OutOrStdout(), l, t.Expect)
		},
	}
	which.flags(cmd)
	return cmd
}

// Check prints what became of every expectation; one that does not hold is an
// error.
func Check(ctx context.Context, out io.Writer, l *lab.Lab, expectations []lab.Expectation) error {
	start := time.Now()
	results, err := l.Check(ctx, expectations)
	if err != nil {
		return err
	}
	if failed := len(results) - printResults(out, results); failed > 0 {
		return fmt.Errorf("lab %s: %d of %d expectations do not hold", l.Instance, failed, len(results))
	}
	fmt.Fprintf(out, "All %d expectations hold (%.1f s).\n", len(results), time.Since(start).Seconds())
	return nil
}

func downCommand() *cobra.Command {
	var which choice
	cmd := &cobra.Command{
		Use:   "down [-f FILE]",
		Short: "End the lab and leave nothing behind, also when it is half built",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			instance, dir, _, err := which.find()
			if err != nil {
				return err
			}
			return Down(cmd.OutOrStdout(), instance, dir)
		},
	}
	which.flags(cmd)
	return cmd
}

// Down takes a lab down.
func Down(out io.Writer, instance, dir string) error {
	if err := lab.Down(instance, dir); err != nil {
		return err
	}
	fmt.Fprintf(out, "lab %s is down\n", instance)
	return nil
}

func execCommand() *cobra.Command {
	var which choice
	cmd := &cobra.Command{
		Use:   "exec [-f FILE] MACHINE [--] COMMAND [ARGUMENT...]",
		Short: "Run a command on a host, in a container, on the router or next to the controller (ctl)",
		Example: `  weft lab exec host1 -- ovs-ofctl --names dump-flows br-weft
  weft lab exec doc1 -- ping 10.0.1.20
  weft lab exec ctl -- curl -s http://127.0.0.1:8181/hosts`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			l, _, err := which.open()
			if err != nil {
				return err
			}
			return l.Exec(args[0], commandOf(args))
		},
	}
	which.flags(cmd)
	// What follows the machine is the command's, flags included.
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func commandOf(args []string) []string {
	if args[1] == "--" && len(args) > 2 {
		return args[2:]
	}
	return args[1:]
}
