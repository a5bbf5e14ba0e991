package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newVerify(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Prove that networks are kept apart and everybody in one is reached",
		Long: `Read the flows of all switches and prove of every packet that an endpoint can
send that it stays in its network, and that endpoints of a network reach each
other; or show a packet, and the flows that it takes, for which that is not so.

The exit code is 0 if it is proved and 1 if not.`,
		Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			v, err := api.Verify(c.Context())
			if err != nil {
				return err
			}
			if s.format != formatTable {
				err = s.print(c, v, nil)
			} else {
				err = printVerification(c.OutOrStdout(), v)
			}
			if err == nil && !v.Proved {
				err = fmt.Errorf("not proved: %d findings", len(v.Findings))
			}
			return err
		}),
	}
}

func printVerification(w io.Writer, v model.Verification) error {
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s: %s\n", f.Kind, printable(f.Text))
		fmt.Fprintf(w, "  endpoint %s sends\n    %s\n", printable(f.From), printable(f.Packet))
		for _, hop := range f.Way {
			fmt.Fprintf(w, "  on %s\n    %s\n", printable(hop.Host), printable(hop.Text))
			if hop.Owner != "" {
				fmt.Fprintf(w, "    # %s\n", printable(hop.Owner))
			}
		}
	}
	if v.More {
		fmt.Fprintln(w, "There may be more: not all was looked for after so many.")
	}
	for _, host := range v.Assumed {
		fmt.Fprintln(w, printable(host))
	}
	result := "Proved"
	if !v.Proved {
		result = "Not proved"
	}
	_, err := fmt.Fprintf(w, "%s, from %d flows: what %d endpoints send stays in their networks, and %d pairs reach each other.\n",
		result, v.Flows, v.Endpoints, v.Pairs)
	return err
}
