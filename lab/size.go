package lab

import (
	"context"
	"fmt"
	"strconv"

	"github.com/vishvananda/netlink"
)

// fits demands that a container's interface has an MTU, and that packets of just
// that size arrive, which may not be fragmented on the way.
func (l *Lab) fits(ctx context.Context, e Expectation) error {
	from := l.Machine(e.From)
	var mtu int
	err := from.in.link(func(h *netlink.Handle) error {
		dev, err := h.LinkByName(from.device)
		if err == nil {
			mtu = dev.Attrs().MTU
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case mtu != e.MTU:
		return fmt.Errorf("the MTU of %s is %d, not %d", e.From, mtu, e.MTU)
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	for _, a := range l.destinationOf(e).common {
		headers := ipv4Length + echoHeaderLength
		if a.Is6() {
			headers = ipv6Length + echoHeaderLength
		}
		size := strconv.Itoa(mtu - headers)
		var last error
		err := until(ctx, "an echo request of that size is answered", func() (bool, error) {
			_, last = from.Run(ctx, "ping", "-n", "-c", "1", "-W", "1", "-M", "do", "-s", size, a.String())
			return last == nil, nil
		})
		if err != nil {
			return fmt.Errorf("%d bytes to %s: %w (%w)", mtu, a, err, last)
		}
	}
	return nil
}

// looksLike demands that packets from one container to another are seen on the
// cable of the first one's host in a tunnel of that kind, and nowhere else.
func (l *Lab) looksLike(ctx context.Context, from, to *Container, want Wire) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	watch, err := l.watchCable(from.Host.Name)
	if err != nil {
		return err
	}
	defer watch.stop()
	for _, a := range commonAddresses(&from.Machine, &to.Machine) {
		own := from.addressLike(a)
		if err := from.isEchoed(ctx, a); err != nil {
			return err
		}
		err := until(ctx, "the packets are seen on the underlay", func() (bool, error) { return len(watch.seen(own, a)) > 0, nil })
		if err != nil {
			return fmt.Errorf("%s to %s: %w", own, a, err)
		}
		for as, n := range watch.seen(own, a) {
			if as != want {
				return fmt.Errorf("%d packets from %s to %s were in UDP to port %d with VNI %d", n, own, a, as.UDP, as.VNI)
			}
		}
	}
	return nil
}
