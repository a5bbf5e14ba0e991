package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/rest"
)

// controllerFlags are what `weft controller` may be told.
type controllerFlags struct {
	dataDir        string
	ovsdbListen    string
	openflowListen string
	restListen     string
	restNames      []string
	gossipListen   string
	advertise      string
	admit          []string
	tokenFile      string
	insecure       bool
	noRepair       bool
	takeoverAfter  time.Duration
	transit4       string
	transit6       string
	bfdInterval    time.Duration
	vxlanPort      uint16
	genevePort     uint16
	verbose        bool
}

func newController() *cobra.Command {
	var f controllerFlags
	c := &cobra.Command{
		Use:   "controller",
		Short: "Run the controller",
		Long: `Run the controller. It needs no configuration. A host joins by

  ovs-vsctl set-manager tcp:CONTROLLER:6640

or, with an agent, by the line that "weft token" prints, and networks are declared with the other commands, or with curl.`,
		Args: cobra.NoArgs,
		RunE: doing(func(c *cobra.Command, _ []string) error { return f.run(c.Context()) }),
	}
	flags := c.Flags()
	flags.StringVar(&f.dataDir, "data-dir", defaultDataDir, "directory of what must survive a restart")
	flags.StringVar(&f.ovsdbListen, "ovsdb-listen", ":6640", "address for the OVSDB connections of hosts")
	flags.StringVar(&f.openflowListen, "openflow-listen", ":6653", "address for the OpenFlow connections of their bridges")
	flags.StringVar(&f.restListen, "rest-listen", rest.DefaultListen, "address of the REST API; beyond loopback requests must bear a token")
	flags.StringVar(&f.gossipListen, "gossip-listen", fmt.Sprintf(":%d", membership.DefaultPort), "address, TCP and UDP, for the gossip with the agents of hosts; empty: none")
	flags.StringSliceVar(&f.restNames, "rest-name", nil, "names by which clients know the REST API, besides addresses and localhost")
	flags.StringVar(&f.advertise, "advertise", "", "IP address at which hosts reach the controller (default, for bridges: where their host reached it; for agents: where the default route leaves)")
	flags.StringSliceVar(&f.admit, "admit", nil, "subnets whose machines may be hosts, such as 172.16.0.0/16 (default: anybody)")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the token that requests to the REST API must bear (default, beyond loopback: api-token in the data directory, made at the first start)")
	flags.BoolVar(&f.insecure, "insecure", false, "serve the REST API beyond loopback without a token")
	flags.BoolVar(&f.noRepair, "no-repair", false, "only report what others change on br-weft")
	flags.DurationVar(&f.takeoverAfter, "takeover-after", 10*time.Second, "how long a host is unreachable before another may have its endpoints")
	flags.StringVar(&f.transit4, "transit4", ipam.DefaultTransit().V4.String(), "IPv4 range, /14 or larger and used by nobody else, by which gateway hosts know endpoints")
	flags.StringVar(&f.transit6, "transit6", ipam.DefaultTransit().V6.String(), "the same for IPv6, /103 or larger")
	flags.DurationVar(&f.bfdInterval, "bfd-interval", 100*time.Millisecond, "how often hosts look for each other, over declared links and where a network has several gateways; one is dead when three looks in a row fail")
	flags.Uint16Var(&f.vxlanPort, "vxlan-port", 4789, "UDP port of VXLAN between hosts")
	flags.Uint16Var(&f.genevePort, "geneve-port", 6081, "UDP port of Geneve between hosts")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
	return c
}

func (f *controllerFlags) run(ctx context.Context) error {
	level := slog.LevelInfo
	if f.verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	admit, err := subnets(f.admit)
	if err != nil {
		return err
	}
	transit, err := f.transit()
	if err != nil {
		return err
	}
	if f.bfdInterval < time.Millisecond || f.bfdInterval%time.Millisecond != 0 {
		return fmt.Errorf("--bfd-interval %v: whole milliseconds are what Open vSwitch takes, 1ms or more", f.bfdInterval)
	}
	if f.vxlanPort == 0 || f.genevePort == 0 || f.vxlanPort == f.genevePort {
		return fmt.Errorf("--vxlan-port %d and --geneve-port %d are to be two UDP ports, 1 to 65535", f.vxlanPort, f.genevePort)
	}
	tokenFile, apiToken, err := f.apiToken()
	if err != nil {
		return err
	}
	c, err := controller.Open(controller.Config{
		DataDir: f.dataDir, OVSDBListen: f.ovsdbListen, OpenFlowListen: f.openflowListen,
		Advertise: f.advertise, Admit: admit, Repair: !f.noRepair, TakeoverAfter: f.takeoverAfter,
		Transit: transit, BFDInterval: f.bfdInterval, VXLANPort: f.vxlanPort, GenevePort: f.genevePort,
		Log:    log,
		Gossip: controller.GossipConfig{Listen: f.gossipListen, APIToken: apiToken, Version: version()},
	})
	if err != nil {
		return err
	}
	api, err := rest.New(rest.Config{
		Controller: c, Listen: f.restListen, TokenFile: tokenFile, Insecure: f.insecure, Names: f.restNames, Log: log,
	})
	if err != nil {
		return errors.Join(err, c.Close())
	}
	listener, err := api.Listen()
	if err != nil {
		return errors.Join(err, c.Close())
	}
	log.Info("REST API", "listen", listener.Addr(), "token file", tokenFile)
	c.PublishREST(listener.Addr())
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 2)
	go func() { ended <- c.Serve(ctx) }()
	go func() { ended <- api.Serve(ctx, listener) }()
	// Whichever ends first takes the other along.
	err = <-ended
	stop()
	err = errors.Join(ignoreEnd(err), ignoreEnd(<-ended), c.Close())
	return err
}

// transit are the ranges that were asked for.
func (f *controllerFlags) transit() (ipam.Transit, error) {
	v4, err4 := netip.ParsePrefix(f.transit4)
	v6, err6 := netip.ParsePrefix(f.transit6)
	t := ipam.Transit{V4: v4, V6: v6}
	if err := errors.Join(err4, err6); err != nil {
		return t, fmt.Errorf("--transit4 and --transit6 are ranges such as %s and %s: %w", ipam.DefaultTransit().V4, ipam.DefaultTransit().V6, err)
	}
	return t, t.Check()
}

// ignoreEnd takes the end that was asked for as none.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func subnets(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("--admit %q is not a subnet such as 172.16.0.0/16", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
