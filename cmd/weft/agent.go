package main

import (
	"log/slog"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/localdb"
)

func newAgent() *cobra.Command {
	var cfg agent.Config
	var member joinFlags
	var stateDir string
	var remove, verbose bool
	c := &cobra.Command{
		Use:   "agent",
		Short: "Set the host side of gateways up, on a host with Open vSwitch",
		Long: `Set the host side of gateways up. On each gateway host the agent gives the kernel
the addresses, routes, forwarding and nftables rules that lead out of br-weft and
back, as the controller has written them into the Open vSwitch of that host, and
takes exactly these away when the host is a gateway no more. It needs root, and no
connection to the controller. When it ends, everything stays as it is.

What it does can also be done by hand: see docs/gateways.md.`,
		Args: cobra.NoArgs,
		RunE: doing(func(c *cobra.Command, _ []string) error {
			level := slog.LevelInfo
			if verbose {
				level = slog.LevelDebug
			}
			cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
			if remove {
				return agent.Remove(c.Context(), cfg)
			}
			if !member.wanted(stateDir) {
				return ignoreEnd(agent.Run(c.Context(), cfg))
			}
			all, ctx := errgroup.WithContext(c.Context())
			all.Go(func() error { return agent.Run(ctx, cfg) })
			all.Go(func() error { return member.run(ctx, stateDir, cfg.OVSDB, cfg.Log) })
			return ignoreEnd(all.Wait())
		}),
	}
	flags := c.Flags()
	flags.StringVar(&cfg.OVSDB, "ovsdb", localdb.DefaultRemote, "socket of this host's ovsdb-server")
	flags.StringVar(&stateDir, "state-dir", "/var/lib/weft-agent", "directory of what must survive a restart")
	member.add(c)
	flags.BoolVar(&remove, "remove", false, "take everything away that an agent has set up on this host, and end")
	flags.BoolVarP(&verbose, "verbose", "v", false, "log more")
	return c
}
