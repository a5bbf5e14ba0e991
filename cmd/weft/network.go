package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newNetwork(s *session) *cobra.Command {
	return group("network", "Networks: isolated layer 2 segments that span hosts",
		listNetworks(s), showNetwork(s), createNetwork(s), deleteNetwork(s))
}

func listNetworks(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the networks", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			networks, err := api.Networks(c.Context())
			if err != nil {
				return err
			}
			rows := [][]string{{"NAME", "VNI", "SUBNETS", "GATEWAY", "MTU", "ENDPOINTS", "CONDITIONS"}}
			for _, n := range networks {
				rows = append(rows, []string{
					n.Name, number(n.VNI), joined(n.Subnets, prefixText), gatewayText(n.Gateway),
					number(n.MTU), fmt.Sprint(n.Endpoints), joined(n.Conditions, conditionType),
				})
			}
			return s.print(c, networks, rows)
		}),
	}
}

func showNetwork(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a network", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(networkNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			n, err := api.Network(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.print(c, n, withConditions([][]string{
				{"name", n.Name},
				{"vni", number(n.VNI)},
				{"subnets", joined(n.Subnets, prefixText)},
				{"gateway", gatewayText(n.Gateway)},
				{"mtu", number(n.MTU)},
				{"mtu limit", limitText(n.MTULimit)},
				{"encap", n.Encap},
				{"unknown", n.Unknown},
				{"endpoints", fmt.Sprint(n.Endpoints)},
				{"revision", number(n.Revision)},
			}, n.Conditions))
		}),
	}
}

func createNetwork(s *session) *cobra.Command {
	var f networkFlags
	c := &cobra.Command{
		Use:   "create NAME | create -f FILE",
		Short: "Create a network; the same again is no change",
		Example: `  weft network create net1 --subnet 10.0.1.0/24
  weft network create net1 --subnet 10.0.1.0/24 --vni 5000 --gateway 10.0.1.1 --mode snat --gateway-host host1`,
		Args: nameOrFile(&f.file, 1),
	}
	f.add(c)
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		for _, name := range []string{"vni", "mtu"} {
			if flag := c.Flags().Lookup(name); flag.Changed && flag.Value.String() == "0" {
				return fmt.Errorf("--%s 0 is not possible: give another number, or leave it out and one is chosen", name)
			}
		}
		return nil
	}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		stored, done, err := f.create(c, api, args, *options)
		if err != nil {
			return err
		}
		return s.report(c, stored, options, done, fmt.Sprintf("network %s %s: VNI %d, MTU %d", stored.Name, verbOf(done), stored.VNI, stored.MTU))
	})
	return c
}

func deleteNetwork(s *session) *cobra.Command {
	c := &cobra.Command{Use: "delete NAME", Short: "Delete a network", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(networkNames)}
	options := addWriteFlags(c)
	c.Flags().BoolVar(&options.Force, "force", false, "together with its endpoints and NICs, and take it off its routers")
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		done, err := api.DeleteNetwork(c.Context(), args[0], *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("network %s deleted", args[0]))
	})
	return c
}

// networkFlags are the flags from which a network is made.
type networkFlags struct {
	file            string
	subnets         []string
	vni             uint32
	mtu             int
	encap, unknown  string
	gateways, hosts []string
	mode            string
	hostAccess      bool
}

func (f *networkFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.subnets, "subnet", nil, "a subnet, may be repeated; none: layer 2 only")
	flags.Uint32Var(&f.vni, "vni", 0, "the network's number on the wire (chosen when left out)")
	flags.IntVar(&f.mtu, "mtu", 0, "bytes of an IP packet (chosen when left out)")
	flags.StringVar(&f.encap, "encap", "", "how frames travel between hosts (vxlan)")
	flags.StringVar(&f.unknown, "unknown", "", "questions for addresses nobody has: drop or flood")
	flags.StringSliceVar(&f.gateways, "gateway", nil, "the gateway's address, may be repeated for several subnets")
	flags.StringVar(&f.mode, "mode", "", "of the gateway: none, local, routed or snat")
	flags.StringSliceVar(&f.hosts, "gateway-host", nil, "a host that is the way out, may be repeated; none: every host is its own")
	flags.BoolVar(&f.hostAccess, "host-access", false, "the gateway host itself reaches in")
	addFileFlag(c, &f.file, "subnet", "vni", "mtu", "encap", "unknown", "gateway", "mode", "gateway-host", "host-access")
}

func (f *networkFlags) create(c *cobra.Command, api *client.Client, args []string, o client.WriteOptions) (model.Network, client.Outcome, error) {
	if f.file != "" {
		body, err := readObject(c, f.file)
		if err != nil {
			return model.Network{}, client.Outcome{}, err
		}
		return api.CreateNetworkJSON(c.Context(), body, o)
	}
	n := model.Network{
		Name: args[0], Subnets: texts[model.Prefix](f.subnets), VNI: f.vni, MTU: f.mtu, Encap: f.encap, Unknown: f.unknown,
	}
	if len(f.gateways)+len(f.hosts) > 0 || f.mode != "" || f.hostAccess {
		n.Gateway = &model.Gateway{Addresses: texts[model.Addr](f.gateways), Mode: f.mode, Hosts: f.hosts, HostAccess: f.hostAccess}
	}
	return api.CreateNetwork(c.Context(), n, o)
}

func limitText(l *model.MTULimit) string {
	if l == nil {
		return ""
	}
	return fmt.Sprintf("%d (host %s)", l.MTU, l.Host)
}

func gatewayText(g *model.Gateway) string {
	if g == nil {
		return ""
	}
	if len(g.Addresses) == 0 {
		return g.Mode
	}
	return fmt.Sprintf("%s (%s)", joined(g.Addresses, addressText), g.Mode)
}

func networkNames(ctx context.Context, api *client.Client) ([]string, error) {
	networks, err := api.Networks(ctx)
	names := make([]string, len(networks))
	for i, n := range networks {
		names[i] = n.Name
	}
	return names, err
}
