package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newHost(s *session) *cobra.Command {
	return group("host", "Hosts: machines whose Open vSwitch points at the controller",
		listHosts(s), showHost(s), listPorts(s), newHostPort(s), drainHost(s), undrainHost(s), adoptHost(s), deleteHost(s))
}

func listHosts(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the hosts", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			hosts, err := api.Hosts(c.Context())
			if err != nil {
				return err
			}
			rows := [][]string{{"NAME", "VTEP", "OVSDB", "OPENFLOW", "GOSSIP", "ENDPOINTS", "FLOWS", "SYNCHRONIZED", "CONDITIONS"}}
			for _, h := range hosts {
				rows = append(rows, []string{
					h.Name, h.VTEP, h.OVSDB, h.OpenFlow, h.Gossip, fmt.Sprint(h.Endpoints), fmt.Sprint(h.Flows),
					yesNo(h.Synchronized), joined(h.Conditions, conditionType),
				})
			}
			return s.print(c, hosts, rows)
		}),
	}
}

func showHost(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a host", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(hostNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			h, err := api.Host(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.print(c, h, hostRows(h))
		}),
	}
}

func hostRows(h model.Host) [][]string {
	seen := ""
	if !h.LastSeen.IsZero() {
		seen = h.LastSeen.Format(time.RFC3339)
	}
	return withConditions([][]string{
		{"name", h.Name},
		{"system-id", h.SystemID},
		{"number", fmt.Sprint(h.Number)},
		{"vtep", h.VTEP},
		{"address", h.Address},
		{"ovsdb", h.OVSDB},
		{"openflow", h.OpenFlow},
		{"gossip", h.Gossip},
		{"datapath", h.Datapath},
		{"datapath id", h.DatapathID},
		{"ovs version", h.OVSVersion},
		{"underlay mtu", number(h.UnderlayMTU)},
		{"endpoints", fmt.Sprint(h.Endpoints)},
		{"networks", fmt.Sprint(h.Networks)},
		{"flows", fmt.Sprint(h.Flows)},
		{"draining", yesNo(h.Draining)},
		{"synchronized", yesNo(h.Synchronized)},
		{"repairs", fmt.Sprint(h.Repairs)},
		{"last seen", seen},
		{"last error", h.LastError},
	}, h.Conditions)
}

func listPorts(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "ports HOST",
		Short: "List the ports of a host's br-weft",
		Long: `List the ports of a host's br-weft, and the endpoint that each has.

A port that is "unmatched" fits no endpoint: often its iface-id is mistyped.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(hostNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			ports, err := api.HostPorts(c.Context(), args[0])
			if err != nil {
				return err
			}
			rows := [][]string{{"PORT", "NUMBER", "KIND", "ENDPOINT", "NETWORK", "VLAN", "IFACE-ID", "CONTAINER", "CONDITIONS", "ERROR"}}
			for _, p := range ports {
				rows = append(rows, []string{
					p.Name, number(p.Number), p.Kind, p.Endpoint, p.Network, number(p.VLAN), p.IfaceID, containerText(p.ContainerID, p.ContainerIface),
					joined(p.Conditions, conditionType), p.Error,
				})
			}
			return s.print(c, ports, rows)
		}),
	}
}

func adoptHost(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "adopt NAME",
		Short: "Take over a host that bears another cluster's mark",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(hostNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			if err := api.AdoptHost(c.Context(), args[0]); err != nil {
				return err
			}
			return s.say(c, nil, fmt.Sprintf("host %s adopted", args[0]))
		}),
	}
}

func deleteHost(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "delete NAME", Short: "Forget a host, with what was last known of it", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(hostNames),
	}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		done, err := api.DeleteHost(c.Context(), args[0], *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("host %s forgotten", args[0]))
	})
	return c
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func hostNames(ctx context.Context, api *client.Client) ([]string, error) {
	hosts, err := api.Hosts(ctx)
	var names []string
	for _, h := range hosts {
		if printable(h.Name) == h.Name {
			names = append(names, h.Name)
		}
	}
	return names, err
}
