package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func newForward(s *session) *cobra.Command {
	return group("forward", "Forwards: ports of gateway hosts that lead to endpoints",
		listForwards(s), showForward(s), createForward(s), deleteForward(s))
}

func listForwards(s *session) *cobra.Command {
	var network string
	c := &cobra.Command{
		Use: "list", Short: "List the forwards", Args: cobra.NoArgs,
		RunE: s.with(func(c *cobra.Command, api *client.Client, _ []string) error {
			forwards, err := api.Forwards(c.Context(), network)
			if err != nil {
				return err
			}
			rows := [][]string{{"NETWORK", "ID", "PORT", "ENDPOINT", "ENDPOINT-PORT", "CONDITIONS"}}
			for _, f := range forwards {
				rows = append(rows, []string{f.Network, f.ID, f.Title(), f.Endpoint, fmt.Sprint(f.EndpointPort), joined(f.Conditions, conditionType)})
			}
			return s.print(c, forwards, rows)
		}),
	}
	c.Flags().StringVar(&network, "network", "", "only those of this network")
	c.RegisterFlagCompletionFunc("network", s.anyOf(networkNames))
	return c
}

func showForward(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "show NETWORK/ID", Short: "Show a forward", Args: oneForward, ValidArgsFunction: s.firstOf(forwardNames),
		RunE: s.with(func(c *cobra.Command, api *client.Client, args []string) error {
			network, id, _ := strings.Cut(args[0], "/")
			f, err := api.Forward(c.Context(), network, id)
			if err != nil {
				return err
			}
			return s.print(c, f, withConditions([][]string{
				{"id", f.ID},
				{"network", f.Network},
				{"port", f.Title()},
				{"endpoint", f.Endpoint},
				{"endpoint port", fmt.Sprint(f.EndpointPort)},
				{"revision", number(f.Revision)},
			}, f.Conditions))
		}),
	}
}

func createForward(s *session) *cobra.Command {
	var f forwardFlags
	c := &cobra.Command{
		Use:   "create [ID] --network NETWORK --port PORT --endpoint ENDPOINT | create -f FILE",
		Short: "Lead a port of a network's gateway hosts to an endpoint; the same again is no change",
		Example: `  weft forward create --network net1 --port 8080 --endpoint web --endpoint-port 80
  weft forward create dns --network net1 --protocol udp --address 192.0.2.1 --port 53 --endpoint ns1`,
		Args: nameOrFile(&f.file, 0),
	}
	f.add(c)
	c.RegisterFlagCompletionFunc("network", s.anyOf(networkNames))
	c.RegisterFlagCompletionFunc("endpoint", s.anyOf(endpointIDs))
	c.PreRunE = func(*cobra.Command, []string) error {
		if f.network == "" && f.file == "" {
			return errors.New("a forward leads to an endpoint of a network: give --network NETWORK")
		}
		return nil
	}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		stored, done, err := f.create(c, api, args, *options)
		if err != nil {
			return err
		}
		return s.report(c, stored, options, done, fmt.Sprintf("forward %s/%s %s: %s leads to port %d of endpoint %s",
			stored.Network, stored.ID, verbOf(done), stored.Title(), stored.EndpointPort, stored.Endpoint))
	})
	return c
}

func deleteForward(s *session) *cobra.Command {
	c := &cobra.Command{Use: "delete NETWORK/ID", Short: "Delete a forward", Args: oneForward, ValidArgsFunction: s.firstOf(forwardNames)}
	options := addWriteFlags(c)
	c.RunE = s.with(func(c *cobra.Command, api *client.Client, args []string) error {
		network, id, _ := strings.Cut(args[0], "/")
		done, err := api.DeleteForward(c.Context(), network, id, *options)
		if err != nil {
			return err
		}
		return s.report(c, nil, options, done, fmt.Sprintf("forward %s deleted", args[0]))
	})
	return c
}

// forwardFlags are the flags from which a forward is made.
type forwardFlags struct {
	file, network, address, protocol, endpoint string
	port, endpointPort                         int
}

func (f *forwardFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.network, "network", "", "the network of the endpoint")
	flags.StringVar(&f.address, "address", "", "of the gateway hosts (any of theirs)")
	flags.IntVar(&f.port, "port", 0, "of the gateway hosts")
	flags.StringVar(&f.protocol, "protocol", "", "tcp or udp (tcp)")
	flags.StringVar(&f.endpoint, "endpoint", "", "the id or name of the endpoint")
	flags.IntVar(&f.endpointPort, "endpoint-port", 0, "of the endpoint (the same as --port)")
	addFileFlag(c, &f.file, "address", "port", "protocol", "endpoint", "endpoint-port")
}

func (f *forwardFlags) create(c *cobra.Command, api *client.Client, args []string, o client.WriteOptions) (model.Forward, client.Outcome, error) {
	if f.file != "" {
		return f.createFromFile(c, api, o)
	}
	forward := model.Forward{Network: f.network, Port: f.port, Protocol: f.protocol, Endpoint: f.endpoint, EndpointPort: f.endpointPort}
	if f.address != "" {
		forward.Address.UnmarshalText([]byte(f.address)) // takes anything; the controller says what is wrong
	}
	if len(args) > 0 {
		forward.ID = args[0]
	}
	return api.CreateForward(c.Context(), forward, o)
}

// createFromFile takes the network from the flag or else from the file.
func (f *forwardFlags) createFromFile(c *cobra.Command, api *client.Client, o client.WriteOptions) (model.Forward, client.Outcome, error) {
	body, err := readObject(c, f.file)
	if err != nil {
		return model.Forward{}, client.Outcome{}, err
	}
	network, err := networkOf(body, f.network, f.file)
	if err != nil {
		return model.Forward{}, client.Outcome{}, err
	}
	return api.CreateForwardJSON(c.Context(), network, body, o)
}

// networkOf is the network that was said, or else that of an object in a file.
func networkOf(object []byte, said, file string) (string, error) {
	if said != "" {
		return said, nil
	}
	var in struct {
		Network string `json:"network"`
	}
	if err := json.Unmarshal(object, &in); err != nil || in.Network == "" {
		return "", fmt.Errorf("%s names no network: add one, or give --network NETWORK", file)
	}
	return in.Network, nil
}

// oneForward takes a forward as it is listed.
func oneForward(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("one NETWORK/ID, not %d arguments", len(args))
	}
	if network, id, ok := strings.Cut(args[0], "/"); !ok || network == "" || id == "" {
		return fmt.Errorf("%q is not NETWORK/ID: weft forward list lists them", args[0])
	}
	return nil
}

func forwardNames(ctx context.Context, api *client.Client) ([]string, error) {
	forwards, err := api.Forwards(ctx, "")
	names := make([]string, len(forwards))
	for i, f := range forwards {
		names[i] = f.Network + "/" + f.ID + "\t" + f.Title()
	}
	return names, err
}
