package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newFlows(s *session) *cobra.Command {
	var installed, difference bool
	c := &cobra.Command{
		Use:   "flows HOST",
		Short: "Show the flows of a host, in ovs-ofctl's syntax, and whose they are",
		Args:  cobra.ExactArgs(1), ValidArgsFunction: s.completing(hostNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			which := client.FlowsWanted
			switch {
			case installed:
				which = client.FlowsInstalled
			case difference:
				which = client.FlowsDifference
			}
			flows, err := api.HostFlows(c.Context(), args[0], which)
			if err != nil {
				return err
			}
			if s.format != formatTable {
				return s.print(c, flows, nil)
			}
			return printFlows(c, flows)
		}),
	}
	c.Flags().BoolVar(&installed, "installed", false, "what a fresh dump of the switch shows")
	c.Flags().BoolVar(&difference, "diff", false, "+ is missing on the switch, - should not be there")
	c.MarkFlagsMutuallyExclusive("installed", "diff")
	return c
}

// printFlows writes lines that ovs-ofctl add-flows takes: whose flows follow
// is said in comments.
func printFlows(c *cobra.Command, flows []model.HostFlow) error {
	owner := ""
	for _, flow := range flows {
		if flow.Owner != owner {
			owner = flow.Owner
			fmt.Fprintf(c.OutOrStdout(), "# %s\n", printable(owner))
		}
		sign := ""
		if flow.Sign != "" {
			sign = flow.Sign + " "
		}
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%s%s\n", sign, printable(flow.Text)); err != nil {
			return err
		}
	}
	return nil
}
