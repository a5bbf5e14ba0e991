package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/localdb"
)

func newAgent() *cobra.Command {
	var cfg agent.Config
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
			return runAgent(c.Context(), cfg)
		}),
	}
	flags := c.Flags()
	flags.StringVar(&cfg.OVSDB, "ovsdb", localdb.DefaultRemote, "socket of this host's ovsdb-server")
	flags.BoolVar(&remove, "remove", false, "take everything away that an agent has set up on this host, and end")
	flags.BoolVarP(&verbose, "verbose", "v", false, "log more")
	return c
}

func runAgent(ctx context.Context, cfg agent.Config) error {
	return ignoreEnd(agent.Run(ctx, cfg))
}
