package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// addWriteFlags adds what every write can be asked.
func addWriteFlags(c *cobra.Command) *client.WriteOptions {
	o := &client.WriteOptions{}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "change nothing, show what would change on each host")
	c.Flags().BoolVar(&o.Wait, "wait", false, "return when every host concerned has confirmed")
	c.Flags().DurationVar(&o.Timeout, "timeout", 0, "with --wait: how long, such as 10s")
	c.MarkFlagsMutuallyExclusive("dry-run", "wait")
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("timeout") && (!o.Wait || o.Timeout < time.Millisecond) {
			return fmt.Errorf("--timeout says how long --wait waits: give both, and a time such as 10s")
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
	return o
}

// report says what became of a write: in a dry run the differences, otherwise
// what was done.
func (s *session) report(c *cobra.Command, object any, o *client.WriteOptions, done client.Outcome, sentence string) error {
	switch {
	case !o.DryRun && object == nil && s.format != formatTable:
		return nil // deleted: there is nothing to show
	case !o.DryRun:
		return s.say(c, object, sentence)
	case s.format != formatTable:
		preview, err := withDifferences(object, done.Differences)
		if err != nil {
			return err
		}
		return s.print(c, preview, nil)
	}
	_, err := fmt.Fprint(c.OutOrStdout(), differenceText(done.Differences))
	return err
}

// withDifferences shows a dry run as REST does: the differences are a member
// of the object.
func withDifferences(object any, differences []model.HostDifference) (map[string]any, error) {
	preview := map[string]any{}
	if object != nil {
		text, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &preview); err != nil {
			return nil, err
		}
	}
	preview["differences"] = differences
	return preview, nil
}

func differenceText(differences []model.HostDifference) string {
	if len(differences) == 0 {
		return "no host would change\n"
	}
	var b strings.Builder
	for _, d := range differences {
		fmt.Fprintf(&b, "%s:\n", printable(d.Host))
		for _, line := range d.Lines {
			fmt.Fprintf(&b, "  %s\n", printable(line))
		}
	}
	return b.String()
}

// verbOf words an outcome.
func verbOf(done client.Outcome) string {
	if done.Created {
		return "created"
	}
	return "was there already"
}
