package main

import (
	"fmt"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/weft-sdn/weft/agent/attach"
	"github.com/weft-sdn/weft/model"
)

// attachFlags are what both commands may be told.
type attachFlags struct {
	runDir, iface string
}

func (f *attachFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.runDir, "run-dir", attach.DefaultRunDir, "directory of the agent's socket")
	c.Flags().StringVar(&f.iface, "interface", model.DefaultInterface, "interface of the container")
}

func newAttach(s *session) *cobra.Command {
	var f attachFlags
	var q attach.Request
	var mac string
	c := &cobra.Command{
		Use:   "attach CONTAINER NETWORK",
		Short: "Attach a container of this host's Docker to a network (on the host, as root)",
		Long: `Give a container of this host's Docker, started with --net none, an interface in
a network. It needs the agent on this host. The container gets the interface
whenever it starts, until weft detach, or until the container is removed.`,
		Example: `  docker run -d --name doc1 --net none busybox sleep 100000
  weft attach doc1 net1 --ip 10.0.1.10`,
		Args: cobra.ExactArgs(2),
		RunE: doing(func(c *cobra.Command, args []string) error {
			q.Container, q.Network, q.Interface = args[0], args[1], f.iface
			if mac != "" {
				if err := q.MAC.UnmarshalText([]byte(mac)); err != nil {
					return fmt.Errorf("--mac: %w", err)
				}
			}
			r, err := attach.Ask(c.Context(), attach.SocketIn(f.runDir), q)
			if err != nil {
				return err
			}
			when := ""
			if r.Run == "" {
				when = ", when it starts"
			}

			return s.say(c, r, fmt.Sprintf("container %s attached%s: %s in network %s, addresses %s, MAC %s",
				r.Name, when, r.Interface, r.Network, orNone(joined(r.Addresses, netip.Prefix.String)), r.MAC))
		}),
	}
	f.add(c)
	c.Flags().StringSliceVar(&q.Addresses, "ip", nil, "its IP address, may be repeated (chosen when left out)")
	c.Flags().StringVar(&mac, "mac", "", "its MAC address (chosen when left out)")
	return c
}

func newDetach() *cobra.Command {
	var f attachFlags
	c := &cobra.Command{
		Use:   "detach CONTAINER",
		Short: "Take an interface of a container away that was attached (on the host, as root)",
		Args:  cobra.ExactArgs(1),
		RunE: doing(func(c *cobra.Command, args []string) error {
			if err := attach.AskToDetach(c.Context(), attach.SocketIn(f.runDir), args[0], f.iface); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "container %s detached: %s is gone\n", args[0], f.iface)
			return err
		}),
	}
	f.add(c)
	return c
}
