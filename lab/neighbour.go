package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// neighbourIsLocal lets two containers on different hosts find each other anew
// and looks at the cable of the first one's host: their packets must be seen
// in the tunnel there, and no question for their addresses.
func (l *Lab) neighbourIsLocal(ctx context.Context, from, to *Container) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	for _, a := range commonAddresses(&from.Machine, &to.Machine) {
		own := from.addressLike(a)
		watching, err := l.watchCable(from.Host.Name)
		if err != nil {
			return err
		}
		err = errors.Join(from.forget(a), to.forget(own))
		if err == nil {
			err = until(ctx, "an echo request is answered", func() (bool, error) {
				return from.echoes(ctx, a, rand.Text())
			})
		}
		if err == nil {
			// Frames are seen in their order: with the first answer, every
			// question that led to it has been seen.
			err = until(ctx, "the answer is seen in the tunnel at "+from.Host.Name, func() (bool, error) {
				return len(watching.seen(a, own)) > 0, nil
			})
		}
		watching.stop()
		questions := watching.asked(own, a)
		switch {
		case err != nil:
			return fmt.Errorf("find %s: %w", a, err)
		case questions > 0:
			return fmt.Errorf("%d questions for %s or %s crossed the tunnel", questions, own, a)
		}
	}
	return nil
}

// forget removes what the container learned of a neighbour; what somebody set
// permanently stays.
func (c *Container) forget(a netip.Addr) error {
	return c.in.link(func(h *netlink.Handle) error {
		dev, err := h.LinkByName(c.Interface())
		if err != nil {
			return err
		}
		known, err := h.NeighList(dev.Attrs().Index, 0)
		if err != nil {
			return fmt.Errorf("list the neighbours of %s: %w", c.Name, err)
		}
		for _, n := range known {
			if ip, _ := netip.AddrFromSlice(n.IP); ip.Unmap() != a || n.State&netlink.NUD_PERMANENT != 0 {
				continue
			}
			if err := h.NeighDel(&n); err != nil && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("make %s forget %s: %w", c.Name, a, err)
			}
		}
		return nil
	})
}
