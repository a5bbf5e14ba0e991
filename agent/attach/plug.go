package attach

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/agent/plug"
)

// Keys in the external_ids of a port. The first two are those of ovs-docker, by
// which it finds the port as well.
const (
	keyContainer = "container_id"
	keyInterface = "container_iface"
	keyEndpoint  = "iface-id"
	keyAttached  = "weft-attach" // the container's id in full
)

// Names of the ends of a pair: the container's id, as Docker shows it, and four
// digits. A name has 15 characters at the most.
//
// Each pair has other names than the last one of the container: ovs-vswitchd does
// not notice that a device is another if a port of the same name comes at once.
func pairNames(container string) (port, inside string) {
	suffix := fmt.Sprintf("%.8s%04x", container, rand.N(0x10000))
	return "wa" + suffix, "wi" + suffix
}

// plugIn makes the interface of a container that runs, and remembers that.
func (a *Attacher) plugIn(ctx context.Context, r Attachment, c one) error {
	if r.Port != "" {
		if err := a.unplug(ctx, r.Port); err != nil {
			return err
		}
	}
	var inside string
	r.Port, inside = pairNames(r.Container)
	r.Run = ""
	// Whatever happens now, the port is known to be ours.
	if err := a.ledger.put(r); err != nil {
		return err
	}
	cord := plug.Cord{
		Port: r.Port, Inside: inside, MAC: r.MAC.Bytes[:], MTU: r.MTU,
		ExternalIDs: map[string]string{keyContainer: r.Name, keyInterface: r.Interface, keyAttached: r.Container},
	}
	if r.Made {
		cord.ExternalIDs[keyEndpoint] = r.Endpoint
	}
	if err := a.socket.In(ctx, cord); err != nil {
		return err
	}
	if err := moveIn(c.pid, cord.Inside, r); err != nil {
		return errors.Join(err, a.unplug(context.WithoutCancel(ctx), r.Port))
	}
	r.Run = c.run
	r.Complete = false // to the controller it is another port, whose MAC it does not know
	if err := a.ledger.put(r); err != nil {
		return err
	}
	a.log.Info("attached", "container", r.Name, "interface", r.Interface, "network", r.Network, "port", r.Port)
	return nil
}

// unplug removes a port and its pair. That they are not there is no error.
func (a *Attacher) unplug(ctx context.Context, port string) error {
	return errors.Join(a.socket.Out(ctx, port), a.socket.Remove(port))
}

// forget takes an attachment away, and its endpoint when that can be.
func (a *Attacher) forget(ctx context.Context, r Attachment) error {
	if r.Port != "" {
		if err := a.unplug(ctx, r.Port); err != nil {
			a.log.Warn("a port cannot be removed yet", "port", r.Port, "error", err)
		}
	}
	return a.ledger.drop(r)
}

// index is that of an interface of the host, 0 if there is none.
func index(device string) (int, error) {
	link, err := netlink.LinkByName(device)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for interface %s: %w", device, err)
	}
	return link.Attrs().Index, nil
}
