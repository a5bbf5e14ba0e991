package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/agent"
	"github.com/weft-sdn/weft/agent/join"
	"github.com/weft-sdn/weft/membership"
)

// joinFlags are what `weft agent` may be told about the cluster.
type joinFlags struct {
	join.Config
	gossipListen string
	leave        bool
	foreground   bool
	check        bool
}

// add adds them to the command. The state directory and the database are those
// of the whole agent.
func (f *joinFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.Address, "join", "", "join the cluster of the controller at this address, as weft token says; remembered")
	flags.StringVar(&f.Token, "token", "", "token of the cluster, as weft token says; remembered")
	flags.BoolVar(&f.Insecure, "insecure", false, "join also by a token without a gossip key")
	flags.BoolVar(&f.foreground, "foreground", false, "with --join: run here, also where "+agentUnit+" is installed, which would be started")
	flags.BoolVar(&f.check, "check", false, "say what this host lacks and how to mend it, and end; with --join, also before it joins")
	flags.BoolVar(&f.leave, "leave", false, "end the membership, take away what it has brought to this host, br-weft included, and end")
	flags.StringVar(&f.Hostname, "hostname", "", "name of this host at the controller (default: its hostname)")
	flags.StringVar(&f.gossipListen, "gossip-listen", fmt.Sprintf(":%d", membership.DefaultPort), "address, TCP and UDP, for the gossip")
	flags.BoolVar(&f.UserspaceUnderlay, "userspace-underlay", false, "without the kernel's datapath: move the underlay's NIC and its address into the bridge br-phy")
}

// leaves ends the membership, and takes the host side of gateways away.
func (f *joinFlags) leaves(ctx context.Context, stateDir string, host agent.Config) error {
	cfg, err := f.config(stateDir, host.OVSDB, host.Log)
	if err != nil {
		return err
	}
	if err := join.Leave(ctx, cfg); err != nil {
		return err
	}
	return agent.Remove(ctx, host)
}

// wanted reports whether the host is, or is to become, a member.
func (f *joinFlags) wanted(stateDir string) bool {
	return f.Address != "" || f.Token != "" || join.Joined(stateDir)
}

// run keeps the host a member until ctx ends.
func (f *joinFlags) run(ctx context.Context, stateDir, ovsdb string, log *slog.Logger) error {
	cfg, err := f.config(stateDir, ovsdb, log)
	if err != nil {
		return err
	}
	return join.Run(ctx, cfg)
}

func (f *joinFlags) config(stateDir, ovsdb string, log *slog.Logger) (join.Config, error) {
	cfg := f.Config
	cfg.StateDir, cfg.OVSDB, cfg.Version, cfg.Log = stateDir, ovsdb, version(), log
	var err error
	cfg.Listen, err = gossipAddress(f.gossipListen)
	return cfg, err
}

func gossipAddress(listen string) (netip.AddrPort, error) {
	if len(listen) > 0 && listen[0] == ':' {
		listen = "0.0.0.0" + listen
	}
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return at, fmt.Errorf("--gossip-listen %q is not an address with a port such as :%d", listen, membership.DefaultPort)
	}
	return at, nil
}
