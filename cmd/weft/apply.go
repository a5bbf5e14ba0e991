package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newApply(s *session) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Declare the networks, endpoints, routers, forwards and links of a file: all of them or none",
		Long: `Declare the networks, endpoints, routers and forwards of a file, JSON or YAML:
all of them or none.

A topology file may be given: what only the lab needs of it (underlay, hosts,
containers, expect) is left aside.`,
		Args: cobra.NoArgs,
	}
	addFileFlag(c, &file)
	c.MarkFlagRequired("file")
	options := addWriteFlags(c)
	c.Flags().StringVar(&options.Prune, "prune", "", "the name of this file's `source`: delete what its earlier versions had and this has not")
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
		topology, err := readObject(c, file)
		if err != nil {
			return err
		}
		body, err := documentOf(topology)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		stored, done, err := api.ApplyJSON(c.Context(), body, *options)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return s.report(c, stored, options, done, fmt.Sprintf("declared: %s, at revision %d",
			declaredText(stored), done.Revision))
	})
	return c
}

// declaredText counts what a document declared; routers and forwards where
// there are any.
func declaredText(d model.Document) string {
	text := count(len(d.Networks), "network") + ", " + count(len(d.Endpoints), "endpoint")
	if n := len(d.Routers); n > 0 {
		text += ", " + count(n, "router")
	}
	if n := len(d.Forwards); n > 0 {
		text += ", " + count(n, "forward")
	}
	return text
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
