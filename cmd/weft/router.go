package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newRouter(s *session) *cobra.Command {
	return group("router", "Routers: networks that reach each other through their gateways",
		listRouters(s), showRouter(s), createRouter(s), deleteRouter(s))
}

func listRouters(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the routers", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			routers, err := api.Routers(c.Context())
			if err != nil {
				return err
			}
			rows := [][]string{{"NAME", "NETWORKS", "CONDITIONS"}}
			for _, r := range routers {
				rows = append(rows, []string{r.Name, joined(r.Networks, same), joined(r.Conditions, conditionType)})
			}
			return s.print(c, routers, rows)
		}),
	}
}

func showRouter(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show a router", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(routerNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			r, err := api.Router(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.print(c, r, withConditions([][]string{
				{"name", r.Name},
				{"networks", joined(r.Networks, same)},
				{"revision", number(r.Revision)},
			}, r.Conditions))
		}),
	}
}

func createRouter(s *session) *cobra.Command {
	var file string
	var networks []string
	c := &cobra.Command{
		Use:     "create NAME | create -f FILE",
		Short:   "Let networks reach each other; the same again is no change",
		Example: `  weft router create r1 --network net1 --network net2`,
		Args:    nameOrFile(&file, 1),
	}
	c.Flags().StringSliceVar(&networks, "network", nil, "a network that is on it, may be repeated")
	c.RegisterFlagCompletionFunc("network", s.anyOf(networkNames))
	addFileFlag(c, &file, "network")
	options := addWriteFlags(c)
	create := func(c *cobra.Command, api *client.Client, args []string) (model.Router, client.Outcome, error) {
		if file == "" {
			return api.CreateRouter(c.Context(), model.Router{Name: args[0], Networks: networks}, *options)
		}
		body, err := readObject(c, file)
		if err != nil {
			return model.Router{}, client.Outcome{}, err
		}
		return api.CreateRouterJSON(c.Context(), body, *options)
	}
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		stored, done, err := create(c, api, args)
		if err != nil {
			return err
		}
		return s.report(c, stored, options, done, fmt.Sprintf("router %s %s: networks %s", stored.Name, verbOf(done), orNone(joined(stored.Networks, same))))
	})
	return c
}

func deleteRouter(s *session) *cobra.Command {
	c := &cobra.Command{Use: "delete NAME", Short: "Delete a router; its networks stay, and are apart", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(routerNames)}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		done, err := api.DeleteRouter(c.Context(), args[0], *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("router %s deleted", args[0]))
	})
	return c
}

func routerNames(ctx context.Context, api *client.Client) ([]string, error) {
	routers, err := api.Routers(ctx)
	names := make([]string, len(routers))
	for i, r := range routers {
		names[i] = r.Name
	}
	return names, err
}
