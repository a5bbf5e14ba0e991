package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/agent/join"
	"github.com/weft-sdn/weft/membership"
)

// joinFlags are what `weft agent` may be told about the cluster.
type joinFlags struct {
	join.Config
	gossipListen string
}

// add adds them to the command. The state directory and the database are those
// of the whole agent.
func (f *joinFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.Address, "join", "", "join the cluster of the controller at this address, as weft token says; remembered")
	flags.StringVar(&f.Token, "token", "", "token of the cluster, as weft token says; remembered")
	flags.BoolVar(&f.Insecure, "insecure", false, "join also by a token without a gossip key")
	flags.StringVar(&f.Hostname, "hostname", "", "name of this host at the controller (default: its hostname)")
	flags.StringVar(&f.gossipListen, "gossip-listen", fmt.Sprintf(":%d", membership.DefaultPort), "address, TCP and UDP, for the gossip")
	flags.BoolVar(&f.UserspaceUnderlay, "userspace-underlay", false, "without the kernel's datapath: move the underlay's NIC and its address into the bridge br-phy")
}

// wanted reports whether the host is, or is to become, a member.
func (f *joinFlags) wanted(stateDir string) bool {
	return f.Address != "" || f.Token != "" || join.Joined(stateDir)
}

// run keeps the host a member until ctx ends.
func (f *joinFlags) run(ctx context.Context, stateDir, ovsdb string, log *slog.Logger) error {
	cfg := f.Config
	cfg.StateDir, cfg.OVSDB, cfg.Version, cfg.Log = stateDir, ovsdb, version(), log
	var err error
	if cfg.Listen, err = gossipAddress(f.gossipListen); err != nil {
		return err
	}
	return join.Run(ctx, cfg)
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
