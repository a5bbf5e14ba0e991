package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newTrace(s *session) *cobra.Command {
	var question model.TraceRequest
	c := &cobra.Command{
		Use:   "trace FROM TO",
		Short: "Say what becomes of a packet from one endpoint to another, flow by flow",
		Long: `Say what becomes of a packet from one endpoint to another: through which
flows of which hosts it goes, where it comes out, or which flow drops it and
why. First comes the question for the receiver's MAC, as a container sends it.

FROM and TO are endpoints: an id, a name (NETWORK/NAME where several networks
have it), or an address. TO may be any address.

The packet is followed through the flows that the hosts should have. Where they
are connected it is followed through those that they do have, too, and a
difference is shown. Nothing is sent. The exit code is 1 if the packet does not
arrive, or if a switch does something else than is wanted.`,
		Example: `  weft trace doc1 doc2
  weft trace red/doc1 10.0.1.20 --proto tcp --port 443`,
		Args: cobra.ExactArgs(2), ValidArgsFunction: s.anyOf(endpointIDs),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			var err error
			if question.From, err = traceEnd(c, api, args[0]); err != nil {
				return err
			}
			if question.To, err = traceEnd(c, api, args[1]); err != nil {
				return err
			}
			result, err := api.Trace(c.Context(), question)
			if err != nil {
				return err
			}
			if s.format != formatTable {
				if err := s.print(c, result, nil); err != nil {
					return err
				}
			} else {
				printTrace(c.OutOrStdout(), result)
			}
			if !result.Delivered || result.Differs {
				return fmt.Errorf("%s", result.Verdict)
			}
			return nil
		}),
	}
	c.Flags().StringVar(&question.Network, "network", "", "the network in which names and addresses are looked for")
	c.Flags().StringVar(&question.Proto, "proto", "", "icmp, tcp, udp, or only the question: arp or nd (default icmp)")
	c.Flags().IntVar(&question.Port, "port", 0, fmt.Sprintf("of tcp and udp (default %d)", model.DefaultTracePort))
	return c
}

// traceEnd turns NETWORK/NAME into an id. The rest the controller understands.
func traceEnd(c *cobra.Command, api *client.Client, said string) (string, error) {
	if !strings.Contains(said, "/") {
		return said, nil
	}
	return endpointID(c.Context(), api, said)
}

func printTrace(w io.Writer, r model.TraceResult) {
	fmt.Fprintf(w, "from  %s\nto    %s\n", tracedText(r.From), tracedText(r.To))
	for _, p := range r.Packets {
		fmt.Fprintf(w, "\n%s\n", printable(p.What))
		printWalk(w, p.Wanted)
		switch {
		case p.Note != "":
			fmt.Fprintf(w, "  not compared with the switches: %s\n", printable(p.Note))
		case p.Difference == "":
			fmt.Fprintf(w, "  the switches do the same\n")
		default:
			fmt.Fprintf(w, "  THE SWITCHES DIFFER: %s\n\n%s, as installed\n", printable(p.Difference), printable(p.What))
			printWalk(w, *p.Installed)
		}
	}
	if r.Delivered && !r.Differs { // else it is the error
		fmt.Fprintf(w, "\n%s\n", printable(r.Verdict))
	}
}

func printWalk(w io.Writer, way model.Walk) {
	for _, step := range way.Steps {
		indent := strings.Repeat("  ", step.Depth+2)
		switch {
		case step.End:
			fmt.Fprintf(w, "%s=> %s\n", indent, printable(step.Text))
		case step.Owner != "":
			fmt.Fprintf(w, "%s%s\n%s    # %s\n", indent, printable(step.Text), indent, printable(step.Owner))
		default:
			fmt.Fprintf(w, "%s%s\n", indent[2:], printable(step.Text))
		}
	}
}

func tracedText(e model.TracedEndpoint) string {
	title := "no endpoint"
	if e.ID != "" {
		title = (&model.Endpoint{ID: e.ID, Name: e.Name}).Title()
	}
	parts := []string{title}
	if e.Address.IsValid() {
		parts = append(parts, e.Address.String())
	}
	if !e.MAC.IsZero() {
		parts = append(parts, e.MAC.String())
	}
	if e.Network != "" {
		parts = append(parts, "network "+e.Network)
	}
	switch {
	case e.Host != "":
		parts = append(parts, fmt.Sprintf("host %s port %d", e.Host, e.Port))
	case e.ID != "":
		parts = append(parts, "on no host")
	}
	return printable(strings.Join(parts, ", "))
}
