package lab

import (
	"cmp"
	"context"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/model"
)

// Container is a namespace with, once it is plugged, one interface into its
// host's br-weft.
type Container struct {
	Machine
	Host *Host

	endpoint model.Endpoint // as plugged; the zero value when it is not
}

const (
	portPrefix       = "v-" // the host's end of a container's interface
	defaultInterface = model.DefaultInterface
)

func (l *Lab) newContainer(name string, h *Host, e model.Endpoint) *Container {
	c := &Container{Machine: Machine{Name: name, in: l.namespace(name)}, Host: h}
	c.become(e)
	return c
}

// become notes as which endpoint the container is plugged; the caller holds the
// lab's lock, or nobody else has the container yet.
func (c *Container) become(e model.Endpoint) {
	c.endpoint, c.device, c.addresses = e, cmp.Or(e.Interface, defaultInterface), prefixesOf(e)
}

// Port is the name of the container's port on br-weft.
func (c *Container) Port() string { return interfaceName(portPrefix, c.Name) }

// Endpoint is the endpoint that the container was last plugged as.
func (c *Container) Endpoint() model.Endpoint { return c.endpoint }

// AddContainer makes an empty container, not plugged into anything.
func (l *Lab) AddContainer(name, host string) (*Container, error) {
	h := l.Host(host)
	if h == nil {
		return nil, fmt.Errorf("add container %s: this lab has no host %q", name, host)
	}
	c := l.newContainer(name, h, model.Endpoint{})
	if err := c.in.create(); err != nil {
		return nil, fmt.Errorf("add container %s: %w", name, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.containers[name] = c
	return c, l.save()
}

// Plug connects the container with br-weft as the given endpoint, which has to
// be as the controller shows it. One with Container set is plugged as the stock
// ovs-docker does it: by container_id and container_iface, with a MAC address
// that nobody was told. Any other one is plugged by iface-id.
func (c *Container) Plug(ctx context.Context, e model.Endpoint) error {
	if err := c.plug(ctx, e); err != nil {
		return fmt.Errorf("plug container %s into %s: %w", c.Name, c.Host.Name, err)
	}
	l := c.Host.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	c.become(e)
	return l.save()
}

func (c *Container) plug(ctx context.Context, e model.Endpoint) error {
	inside := linkEnd{in: c.in, name: defaultInterface}
	ids := []string{"external_ids:iface-id=" + e.ID}
	switch {
	case e.Container != "":
		if e.Interface != "" {
			inside.name = e.Interface
		}
		ids = []string{"external_ids:container_id=" + e.Container, "external_ids:container_iface=" + inside.name}
	case !e.MAC.IsZero():
		inside.mac = net.HardwareAddr(e.MAC.Bytes[:])
	}
	if err := addVeth(linkEnd{in: c.Host.in, name: c.Port()}, inside, cmp.Or(e.MTU, c.Host.lab.Topology.Underlay.MTU)); err != nil {
		return err
	}
	if err := c.Host.takeOver(c.Port()); err != nil {
		return err
	}
	// The port comes first, the container's addresses second, so that the
	// probes of duplicate address detection already cross the switch.
	add := []string{"--timeout=20", "--may-exist", "add-port", overlayBridge, c.Port(), "--", "set", "Interface", c.Port()}
	if _, err := c.Host.Run(ctx, "ovs-vsctl", append(add, ids...)...); err != nil {
		return err
	}
	return c.configure(inside.name, e)
}

// Adopt gives a container that was plugged before its endpoint was declared what
// the endpoint turned out to be: its MTU, further addresses, its gateway.
func (c *Container) Adopt(e model.Endpoint) error {
	if err := c.configure(c.device, e); err != nil {
		return fmt.Errorf("configure container %s: %w", c.Name, err)
	}
	l := c.Host.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	c.become(e)
	return l.save()
}

// configure gives the container's interface what its endpoint says.
func (c *Container) configure(dev string, e model.Endpoint) error {
	return c.in.link(func(h *netlink.Handle) error {
		if err := setUp(h, dev); err != nil {
			return err
		}
		if e.MTU != 0 {
			if err := setMTU(h, dev, e.MTU); err != nil {
				return err
			}
		}
		for _, p := range e.Prefixes {
			if err := addAddress(h, dev, p.Prefix); err != nil {
				return err
			}
		}
		for _, g := range e.Gateway {
			if err := addDefaultRoute(h, dev, g.Addr); err != nil {
				return err
			}
		}
		return nil
	})
}

// Unplug removes the container's port and its interface.
func (c *Container) Unplug(ctx context.Context) error {
	if _, err := c.Host.Run(ctx, "ovs-vsctl", "--timeout=20", "--if-exists", "del-port", overlayBridge, c.Port()); err != nil {
		return fmt.Errorf("unplug container %s: %w", c.Name, err)
	}
	return c.Vanish()
}

// Vanish destroys the container's interface and leaves its rows in the
// database behind, as a container runtime does that ends without telling OVS.
func (c *Container) Vanish() error {
	err := c.Host.in.link(func(h *netlink.Handle) error {
		port, err := h.LinkByName(c.Port())
		if err == nil {
			err = h.LinkDel(port)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("remove the interface of container %s: %w", c.Name, err)
	}
	l := c.Host.lab
	l.mu.Lock()
	defer l.mu.Unlock()
	c.become(model.Endpoint{})
	return l.save()
}

// Plugged reports whether the container has its interface.
func (c *Container) Plugged() bool { return c.endpoint.ID != "" || c.endpoint.Container != "" }
