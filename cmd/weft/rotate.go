package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// rotationPause is between looks at how far the members are, who take some
// seconds for each step.
const rotationPause = 500 * time.Millisecond

func rotateToken(s *session) *cobra.Command {
	var force bool
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Replace the gossip's key without losing a member",
		Long: `Replace the gossip's key without losing a member: all learn the new one, then use
it, then forget the old one. Broken off, it goes on where it was when it is called
again.

A rotation does not lock out who has the old key, for the new one comes to members
by what they have. Where a token has leaked, change the API token, too, and give
hosts the line that weft token prints then.`,
		Args: cobra.NoArgs,
	}
	c.Flags().BoolVar(&force, "force", false, "do not wait for members that are dead: they have to join anew")
	c.Flags().DurationVar(&timeout, "timeout", 2*time.Minute, "how long to wait for members")
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
		ctx, cancel := context.WithTimeout(c.Context(), timeout)
		defer cancel()
		var last model.Rotation
		for {
			now, err := api.RotateKey(ctx, force)
			if ctx.Err() != nil && c.Context().Err() == nil && len(last.WaitingFor) > 0 {
				return fmt.Errorf("the new key %s is not everywhere, and the old one stays in use, for within %s these were not through with %s it: %s; say --force if they are gone for good, and look at weft agent --check on them otherwise", last.Key, timeout, last.Step, strings.Join(last.WaitingFor, ", "))
			}
			if err != nil {
				return err
			}
			if now.Step != last.Step || !slices.Equal(now.WaitingFor, last.WaitingFor) {
				fmt.Fprintln(c.OutOrStdout(), rotationLine(now))
			}
			if now.Step == model.RotationDone {
				return nil
			}
			last = now
			select {
			case <-time.After(rotationPause):
			case <-ctx.Done():
			}
		}
	})
	return c
}

func rotationLine(r model.Rotation) string {
	line := fmt.Sprintf("key %s: %s", r.Key, r.Step)
	if len(r.WaitingFor) > 0 {
		line += ", waiting for " + strings.Join(r.WaitingFor, ", ")
	}
	return line
}
