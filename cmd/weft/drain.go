package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/rest/client"
)

func drainHost(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "drain NAME",
		Short: "Take a host out as a gateway without loss",
		Long: `Take a host out as a gateway without loss: new connections leave their networks
through the other gateway hosts, those that it has stay until they end.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(hostNames),
	}
	options := addWriteFlags(c)
	c.Flags().BoolVar(&options.Force, "force", false, "also where it is a network's only gateway host")
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		done, err := api.DrainHost(c.Context(), args[0], *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("host %s drained", args[0]))
	})
	return c
}

func undrainHost(s *session) *cobra.Command {
	c := &cobra.Command{
		Use: "undrain NAME", Short: "Let a host be a gateway again", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(hostNames),
	}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		done, err := api.UndrainHost(c.Context(), args[0], *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("host %s is a gateway again", args[0]))
	})
	return c
}
