package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newWatch(s *session) *cobra.Command {
	since := client.FromNow
	c := &cobra.Command{
		Use: "watch", Short: "Print changes as they happen, until interrupted", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			for event, err := range api.Watch(c.Context(), since) {
				if err != nil {
					return err
				}
				if err := s.printEvent(c, event); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	c.Flags().Uint64Var(&since, "since", client.FromNow, "the `revision` after which changes are wanted (default from now on)")
	c.Flags().Lookup("since").DefValue = "0" // keeps the default's digits out of the help
	return c
}

// printEvent writes an event on a line of its own, or as a YAML document.
func (s *session) printEvent(c *cobra.Command, e model.Event) error {
	switch s.format {
	case formatJSON:
		return json.NewEncoder(c.OutOrStdout()).Encode(e)
	case formatYAML:
		fmt.Fprintln(c.OutOrStdout(), "---")
		return printYAML(c.OutOrStdout(), e)
	}
	_, err := fmt.Fprintln(c.OutOrStdout(), printable(fmt.Sprintf("%d %s %s %s", e.Revision, e.Type, e.Kind, e.Name)))
	return err
}
