package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newUnderlay(s *session) *cobra.Command {
	return group("underlay", "Which hosts reach each other directly, where not all do",
		showUnderlay(s), setUnderlay(s), clearUnderlay(s))
}

func showUnderlay(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the links between hosts, and which of them work", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			u, err := api.Underlay(c.Context())
			if err != nil {
				return err
			}
			rows := [][]string{{"LINK", "COST", "STATE", "SINCE", "WHY"}}
			for _, l := range u.State.Links {
				since := ""
				if !l.Since.IsZero() {
					since = l.Since.Format(time.RFC3339)
				}
				rows = append(rows, []string{strings.Join(l.Hosts, " - "), strconv.Itoa(l.Cost), l.State, since, l.Why})
			}
			if err := s.print(c, u, rows); err != nil || s.format != formatTable {
				return err
			}
			for _, line := range troubleOf(u) {
				fmt.Fprintln(c.OutOrStdout(), printable(line))
			}
			return nil
		}),
	}
}

// troubleOf says which hosts do not reach each other, and what else is amiss.
func troubleOf(u model.Underlay) []string {
	var lines []string
	say := func(what string, pairs [][]string, count int) {
		if count == 0 {
			return
		}
		names := make([]string, len(pairs))
		for i, p := range pairs {
			names[i] = strings.Join(p, " - ")
		}
		if count > len(pairs) {
			names = append(names, fmt.Sprintf("and %d more", count-len(pairs)))
		}
		lines = append(lines, what+": "+strings.Join(names, ", "))
	}
	say("no way between", u.State.Unreachable, u.State.UnreachablePairs)
	say("more than 7 relays between", u.State.TooLong, u.State.TooLongPairs)
	for _, condition := range u.Conditions {
		lines = append(lines, condition.Type+": "+condition.Message)
	}
	return lines
}

func setUnderlay(s *session) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use: "set -f FILE", Short: "Say which hosts reach each other directly", Args: cobra.NoArgs,
		Long: `Say which hosts reach each other directly. All others are reached through these.

The file says, in JSON or YAML:

  links:
    - {hosts: [host1, host2], cost: 1}
  groups:                        # hosts that all see each other
    - {hosts: [host3, host4, host5], cost: 1}`,
	}
	addFileFlag(c, &file)
	c.MarkFlagRequired("file")
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
		body, err := readObject(c, file)
		if err != nil {
			return err
		}
		stored, done, err := api.PutUnderlayJSON(c.Context(), body, *options)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return s.report(c, stored, options, done, fmt.Sprintf("underlay %s: %s", verbOf(done), count(len(stored.State.Links), "link")))
	})
	return c
}

func clearUnderlay(s *session) *cobra.Command {
	c := &cobra.Command{Use: "clear", Short: "Have all hosts reach each other directly again", Args: cobra.NoArgs}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
		done, err := api.DeleteUnderlay(c.Context(), *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, "underlay cleared: all hosts reach each other directly")
	})
	return c
}
