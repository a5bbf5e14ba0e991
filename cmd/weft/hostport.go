package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newHostPort(s *session) *cobra.Command {
	return group("port", "Interfaces of hosts that are in networks, with the machines behind them",
		showHostPort(s), putHostPort(s), deleteHostPort(s))
}

func showHostPort(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show HOST INTERFACE", Short: "Show an interface that is in a network", Args: cobra.ExactArgs(2), ValidArgsFunction: s.firstOf(hostNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			n, err := api.NIC(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return s.print(c, n, withConditions([][]string{
				{"host", n.Host},
				{"interface", n.Interface},
				{"network", n.Network},
				{"vlan", number(n.VLAN)},
				{"revision", number(n.Revision)},
			}, n.Conditions))
		}),
	}
}

func putHostPort(s *session) *cobra.Command {
	var network string
	var vlan int
	c := &cobra.Command{
		Use:   "put HOST INTERFACE --network NETWORK",
		Short: "Put an interface into a network, or into another than it was in",
		Long: `Put an interface of a host into a network, or into another than it was in.

The machines behind it are then in the network. The interface is the network's
alone: an address of the host on it no longer works.`,
		Args: cobra.ExactArgs(2), ValidArgsFunction: s.firstOf(hostNames),
	}
	c.Flags().StringVar(&network, "network", "", "the network")
	c.Flags().IntVar(&vlan, "vlan", 0, "the tag that its frames have on the wire (0: none)")
	c.MarkFlagRequired("network")
	c.RegisterFlagCompletionFunc("network", s.anyOf(networkNames))
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		stored, done, err := api.PutNIC(c.Context(), model.NIC{Host: args[0], Interface: args[1], Network: network, VLAN: vlan}, *options)
		if err != nil {
			return err
		}
		return s.report(c, stored, options, done, fmt.Sprintf("interface %s of host %s is in network %s", stored.Interface, stored.Host, stored.Network))
	})
	return c
}

func deleteHostPort(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "delete HOST INTERFACE", Short: "Take an interface out of its network", Args: cobra.ExactArgs(2), ValidArgsFunction: s.firstOf(hostNames),
	}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		done, err := api.DeleteNIC(c.Context(), args[0], args[1], *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("interface %s of host %s is in no network", args[1], args[0]))
	})
	return c
}
