package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newEndpoint(s *session) *cobra.Command {
	return group("endpoint", "Endpoints: interfaces of containers, VMs and hosts in networks",
		listEndpoints(s), showEndpoint(s), createEndpoint(s), deleteEndpoint(s))
}

func listEndpoints(s *session) *cobra.Command {
	var network string
	c := &cobra.Command{
		Use: "list", Short: "List the endpoints", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			endpoints, err := api.Endpoints(c.Context(), network)
			if err != nil {
				return err
			}
			rows := [][]string{{"ID", "NAME", "NETWORK", "ADDRESSES", "MAC", "LOCATION", "STATE", "CONDITIONS"}}
			for _, e := range endpoints {
				rows = append(rows, []string{
					e.ID, e.Name, e.Network, joined(e.Addresses, addressText), macText(e.MAC),
					e.Location, e.State, joined(e.Conditions, conditionType),
				})
			}
			return s.print(c, endpoints, rows)
		}),
	}
	c.Flags().StringVar(&network, "network", "", "only those of this network")
	c.RegisterFlagCompletionFunc("network", s.anyOf(networkNames))
	return c
}

func showEndpoint(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show ID|NAME|NETWORK/NAME", Short: "Show an endpoint", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(endpointIDs),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			id, err := endpointID(c.Context(), api, args[0])
			if err != nil {
				return err
			}
			e, err := api.Endpoint(c.Context(), id)
			if err != nil {
				return err
			}
			return s.print(c, e, withConditions([][]string{
				{"id", e.ID},
				{"name", e.Name},
				{"network", e.Network},
				{"addresses", joined(e.Prefixes, prefixText)},
				{"mac", macText(e.MAC)},
				{"gateway", joined(e.Gateway, addressText)},
				{"mtu", number(e.MTU)},
				{"container", containerText(e.Container, e.Interface)},
				{"pinned to", e.Host},
				{"location", e.Location},
				{"state", e.State},
				{"revision", number(e.Revision)},
			}, e.Conditions))
		}),
	}
}

func createEndpoint(s *session) *cobra.Command {
	var f endpointFlags
	c := &cobra.Command{
		Use:   "create [NAME] --network NETWORK | create -f FILE",
		Short: "Create an endpoint; what is left out is chosen",
		Example: `  weft endpoint create doc1 --network net1 --address 10.0.1.10 --container doc1
  weft endpoint create --network net1 --id $(uuidgen)`,
		Args: nameOrFile(&f.file, 0),
	}
	f.add(c)
	c.RegisterFlagCompletionFunc("network", s.anyOf(networkNames))
	c.RegisterFlagCompletionFunc("host", s.anyOf(hostNames))
	c.PreRunE = func(*cobra.Command, []string) error {
		if f.network == "" && f.file == "" {
			return errors.New("an endpoint is in a network: give --network NETWORK")
		}
		return nil
	}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		stored, done, err := f.create(c, api, args, *options)
		if err != nil {
			return err
		}
		return s.report(c, stored, options, done, fmt.Sprintf("endpoint %s %s: network %s, addresses %s, MAC %s",
			stored.ID, verbOf(done), stored.Network, orNone(joined(stored.Addresses, addressText)), orNone(macText(stored.MAC))))
	})
	return c
}

func deleteEndpoint(s *session) *cobra.Command {
	c := &cobra.Command{Use: "delete ID|NAME|NETWORK/NAME", Short: "Delete an endpoint", Args: cobra.ExactArgs(1), ValidArgsFunction: s.firstOf(endpointIDs)}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		id, err := endpointID(c.Context(), api, args[0])
		if err != nil {
			return err
		}
		done, err := api.DeleteEndpoint(c.Context(), id, *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("endpoint %s deleted", args[0]))
	})
	return c
}

// endpointFlags are the flags from which an endpoint is made.
type endpointFlags struct {
	file, network, id, mac, container, iface, host, kind string
	addresses                                            []string
}

func (f *endpointFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.network, "network", "", "the network it is in")
	flags.StringVar(&f.id, "id", "", "its id, which is the iface-id of its port (chosen when left out)")
	flags.StringVar(&f.mac, "mac", "", "its MAC address (chosen when left out)")
	flags.StringSliceVar(&f.addresses, "address", nil, "an IP address, may be repeated (chosen when left out)")
	flags.StringVar(&f.container, "container", "", "the container it belongs to, as ovs-docker names it")
	flags.StringVar(&f.iface, "interface", "", "the interface of the container (eth0)")
	flags.StringVar(&f.kind, "kind", "", "host: it is the host of --host itself, which gets an interface in the network")
	flags.StringVar(&f.host, "host", "", "pins it to this host")
	addFileFlag(c, &f.file, "id", "mac", "address", "container", "interface", "host", "kind")
}

func (f *endpointFlags) create(c *cobra.Command, api *client.Client, args []string, o client.WriteOptions) (model.Endpoint, client.Outcome, error) {
	if f.file != "" {
		return f.createFromFile(c, api, o)
	}
	e := model.Endpoint{
		ID: f.id, Network: f.network, Addresses: texts[model.Addr](f.addresses),
		Container: f.container, Interface: f.iface, Host: f.host, Kind: f.kind,
	}
	e.MAC.UnmarshalText([]byte(f.mac)) // takes anything; the controller says what is wrong
	if len(args) > 0 {
		e.Name = args[0]
	}
	return api.CreateEndpoint(c.Context(), e, o)
}

// createFromFile takes the network from the flag or else from the file.
func (f *endpointFlags) createFromFile(c *cobra.Command, api *client.Client, o client.WriteOptions) (model.Endpoint, client.Outcome, error) {
	body, err := readObject(c, f.file)
	if err != nil {
		return model.Endpoint{}, client.Outcome{}, err
	}
	network, err := networkOf(body, f.network, f.file)
	if err != nil {
		return model.Endpoint{}, client.Outcome{}, err
	}
	return api.CreateEndpointJSON(c.Context(), network, body, o)
}

func macText(m model.MAC) string {
	if m.IsZero() {
		return ""
	}
	return m.String()
}

func containerText(container, iface string) string {
	if container == "" {
		return ""
	}
	return container + " " + iface
}

func orNone(s string) string {
	if s == "" {
		return "none yet"
	}
	return s
}

func endpointIDs(ctx context.Context, api *client.Client) ([]string, error) {
	endpoints, err := api.Endpoints(ctx, "")
	ids := make([]string, len(endpoints))
	for i, e := range endpoints {
		ids[i] = e.ID + "\t" + e.Name + " in " + e.Network
	}
	return ids, err
}
