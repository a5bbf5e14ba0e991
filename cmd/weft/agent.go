package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/attach"
	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/agent/docker"
	"github.com/weft-sdn/weft/agent/join"
	"github.com/weft-sdn/weft/agent/localdb"
	"github.com/weft-sdn/weft/agent/plug"
)

// defaultStateDir is where the agent keeps what must survive a restart.
const defaultStateDir = "/var/lib/weft-agent"

// agentFlags are what `weft agent` may be told.
type agentFlags struct {
	member  joinFlags
	ovsdb   string
	remove  bool
	verbose bool

	docker        bool
	dockerIfThere bool // it was not said whether to be Docker's driver
	controllers   []string
	tokenFile     string
	host          string
	stateDir      string
	dockerSocket  string
	pluginSocket  string
	runDir        string
	bridged       string
}

func newAgent() *cobra.Command {
	var f agentFlags
	c := &cobra.Command{
		Use:   "agent",
		Short: "Serve containers and the host side of gateways, on a host with Open vSwitch",
		Long: `Look after a host with Open vSwitch. By the line that "weft token" prints on the
controller, with --join and --token, the host becomes a member of the cluster: the
agent finds the controller, points Open vSwitch at it, and serves Docker if the host
has it. All of that is remembered. See docs/install.md.

On each gateway host the agent gives the kernel the addresses, routes, forwarding
and nftables rules that lead out of br-weft and back, as the controller has written
them into the Open vSwitch of that host, and takes exactly these away when the host
is a gateway no more. For that it needs no connection to the controller, nor to
have joined. It can also be done by hand: see docs/gateways.md.

With --docker the agent is Docker's network driver "weft" as well, for which it
calls the controller: see docs/docker.md.

It needs root. When it ends, everything stays as it is.`,
		Args: cobra.NoArgs,
		RunE: doing(func(c *cobra.Command, _ []string) error {
			f.dockerIfThere = !c.Flags().Changed("docker")
			return f.run(c.Context(), c.OutOrStdout())
		}),
	}
	flags := c.Flags()
	f.member.add(c)
	flags.StringVar(&f.ovsdb, "ovsdb", localdb.DefaultRemote, "socket of this host's ovsdb-server")
	flags.BoolVar(&f.docker, "docker", false, "be Docker's network driver (default: on a host that has joined and has Docker); needs --join or --controller")
	flags.StringSliceVar(&f.controllers, "controller", nil, "URL of the controller's REST API, such as http://192.0.2.1:8181")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the token of that API")
	flags.StringVar(&f.host, "host", "", "name of this host at the controller (default: what its OVSDB says)")
	flags.StringVar(&f.stateDir, "state-dir", defaultStateDir, "directory of what must survive a restart")
	flags.StringVar(&f.dockerSocket, "docker-socket", docker.DefaultEngine, "socket of Docker's API")
	flags.StringVar(&f.pluginSocket, "plugin-socket", docker.DefaultPluginSocket, "socket at which Docker finds its driver")
	flags.StringVar(&f.bridged, "bridge-network", "", "network that containers on Docker's default bridge are in besides, as their eth1")
	flags.StringVar(&f.runDir, "run-dir", attach.DefaultRunDir, "directory of the socket for weft attach and weft detach")
	flags.BoolVar(&f.remove, "remove", false, "take everything away that an agent has set up for gateways on this host, and end")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
	return c
}

func (f *agentFlags) run(ctx context.Context, out io.Writer) error {
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	cfg := agent.Config{OVSDB: f.ovsdb, Log: log}
	if f.remove {
		return agent.Remove(ctx, cfg)
	}
	if f.member.check {
		check, err := f.member.config(f.stateDir, f.ovsdb, log)
		if err != nil {
			return err
		}
		return f.member.checks(ctx, out, check)
	}
	if f.member.leave {
		return f.member.leaves(ctx, f.stateDir, cfg)
	}
	if f.member.handsOver(ctx) {
		return f.member.handOver(ctx, out, f.stateDir, f.ovsdb, log)
	}
	joins := f.member.wanted(f.stateDir)
	f.docker = f.docker || joins && f.dockerIfThere && dockerInstalled()
	var calls *control.Control
	if f.docker {
		var err error
		if calls, err = f.newControl(joins, log); err != nil {
			return err
		}
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return agent.Run(ctx, cfg) })
	if joins {
		all.Go(func() error { return f.member.run(ctx, f.stateDir, f.ovsdb, log) })
	}
	if f.docker {
		all.Go(func() error { return f.serveDocker(ctx, calls, log) })
	}
	return ignoreEnd(all.Wait())
}

// newControl prepares the calls to the controllers: those that were given, or
// the one that the host follows as a member.
func (f *agentFlags) newControl(joins bool, log *slog.Logger) (*control.Control, error) {
	if len(f.controllers) == 0 && !joins {
		return nil, errors.New("--docker needs --join, as weft token says on the controller, or --controller with the URL of its REST API, such as http://192.0.2.1:8181")
	}
	if err := os.MkdirAll(f.stateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the agent's state: %w", err)
	}
	cfg := control.Config{Controllers: f.controllers, TokenFile: f.tokenFile, File: filepath.Join(f.stateDir, "networks.json"), Log: log}
	if len(f.controllers) > 0 {
		return control.New(cfg)
	}
	var url string
	if url, cfg.TokenFile = join.API(f.stateDir); url != "" {
		cfg.Controllers = []string{url}
	}
	c, err := control.New(cfg)
	if err != nil {
		return nil, err
	}
	f.member.Found = func(url string) {
		if err := c.Use(url); err != nil {
			log.Error("cannot call the controller", "url", url, "error", err)
		}
	}
	return c, nil
}

// serveDocker is the part of the agent that talks to Docker and to the controller.
func (f *agentFlags) serveDocker(ctx context.Context, c *control.Control, log *slog.Logger) error {
	driver, err := docker.New(docker.Config{
		Host: f.hostName, StateDir: f.stateDir, PluginSocket: f.pluginSocket, Engine: f.dockerSocket,
		Control: c, Socket: plug.At(f.ovsdb), Log: log,
	})
	if err != nil {
		return err
	}
	attacher, err := attach.New(attach.Config{
		Host: f.hostName, StateDir: f.stateDir, RunDir: f.runDir, Engine: f.dockerSocket, Bridged: f.bridged,
		Control: c, Socket: plug.At(f.ovsdb), Log: log,
	})
	if err != nil {
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		c.Run(ctx)
		return ctx.Err()
	})
	all.Go(func() error { return driver.Run(ctx) })
	all.Go(func() error { return attacher.Run(ctx) })
	return all.Wait()
}

// hostName is asked whenever it matters: joining may change what the database
// says.
func (f *agentFlags) hostName(ctx context.Context) (string, error) {
	if f.host != "" {
		return f.host, nil
	}
	return localdb.HostName(ctx, f.ovsdb)
}

// dockerInstalled reports whether this host has Docker, which may be started
// after the agent.
func dockerInstalled() bool {
	_, err := exec.LookPath("dockerd")
	return err == nil
}
