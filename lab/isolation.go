package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// That one machine does not reach another cannot be seen from answers alone:
// where both sides have equal addresses, an answer comes from the right one, or
// from the asking machine itself. Therefore containers send marked frames past
// their own network stack, by their own MAC and IP address as anti-spoofing
// demands, and a raw socket on the other machine looks for the mark.

// nothingArrives proves, with the controls that its caller makes afterwards,
// that nothing of an expectation's From gets to its To.
func (l *Lab) nothingArrives(ctx context.Context, e Expectation) error {
	d, from, token := l.destinationOf(e), l.Machine(e.From), rand.Text()
	probes, probing := errgroup.WithContext(ctx)
	var watch *watch
	if d.machine != nil {
		var err error
		if watch, err = d.machine.watchFor(token); err != nil {
			return err
		}
		defer watch.stop()
		if c := l.Container(e.From); c != nil {
			probes.Go(func() error { return c.sendMarked(probing, d.machine, token) })
		}
	}
	for _, a := range d.common {
		for _, proto := range d.protos {
			probes.Go(func() error { return l.doesNotAnswer(probing, from, d, proto, a, token) })
		}
	}
	if err := probes.Wait(); err != nil || watch == nil {
		return err
	}
	if seen := watch.seen(); seen > 0 {
		return fmt.Errorf("%d frames of %s came out at %s", seen, e.From, e.To)
	}
	return nil
}

// doesNotAnswer asks once. An answer of somebody else who has the same address
// is none.
func (l *Lab) doesNotAnswer(ctx context.Context, from *Machine, d destination, proto string, a netip.Addr, token string) error {
	if proto == overICMP {
		answered, err := from.echoes(ctx, a, token)
		if answered && (d.machine == nil || !l.somebodyElseHas(a, d.machine)) {
			return fmt.Errorf("%s answers echo requests of %s", a, from.Name)
		}
		return err
	}
	answer, err := from.ask(ctx, proto, netip.AddrPort{}, netip.AddrPortFrom(a, d.port), token)
	if err == nil && (d.machine == nil || answer.By == d.machine.Name) {
		return fmt.Errorf("%s answered over %s at %s", answer.By, proto, a)
	}
	return nil
}

// FramesArrive demands that marked frames get from a container to a machine, by
// its MAC address, by everybody's or by way of the gateway. It needs nothing of
// the container's own network stack.
func (l *Lab) FramesArrive(ctx context.Context, from *Container, to *Machine) error {
	token := rand.Text()
	watch, err := to.watchFor(token)
	if err != nil {
		return err
	}
	defer watch.stop()
	if err := from.sendMarked(ctx, to, token); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if until(ctx, "a frame arrives", func() (bool, error) { return watch.seen() > 0, nil }) != nil {
		return fmt.Errorf("no frame of %s came out at %s", from.Name, to.Name)
	}
	return nil
}

// somebodyElseHas reports whether another machine than m has the address.
func (l *Lab) somebodyElseHas(a netip.Addr, m *Machine) bool {
	return slices.ContainsFunc(l.machines(), func(other *Machine) bool {
		return other != m && slices.Contains(other.Addresses(), a)
	})
}

const (
	markedRounds = 10
	markedPause  = 20 * time.Millisecond

	// localExperimental is an EtherType that is nobody's (IEEE 802), for
	// networks without addresses.
	localExperimental = 0x88b5
)

// routerMAC is where containers send what is for other networks: every gateway
// has this MAC address.
var routerMAC = net.HardwareAddr{0x02, 0x77, 0x65, 0x66, 0x74, 0x01}

// sendMarked sends frames that carry the token: to the MAC address of the other
// machine, to everybody, and to the router.
func (c *Container) sendMarked(ctx context.Context, to *Machine, token string) error {
	w, err := c.in.tapWire(c.Interface(), localExperimental)
	if err != nil {
		return err
	}
	defer w.Close()
	theirs, err := to.hardwareAddress()
	if err != nil {
		return err
	}
	var frames [][]byte
	for _, mac := range []net.HardwareAddr{theirs, broadcast, routerMAC} {
		frames = append(frames, append(ethernet(mac, w.mac, localExperimental), token...))
		for _, a := range commonAddresses(&c.Machine, to) {
			frames = append(frames, udpDatagram(mac, w.mac, netip.AddrPortFrom(c.addressLike(a), responderPort), netip.AddrPortFrom(a, discardPort), []byte(token)))
		}
	}
	for range markedRounds {
		for _, f := range frames {
			if _, err := w.Write(f); err != nil {
				return fmt.Errorf("send a frame from %s: %w", c.Name, err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(markedPause):
		}
	}
	return nil
}

// discardPort is where nobody answers (RFC 863).
const discardPort = 9

// watch counts frames with a token.
type watch struct {
	wire     *wire
	finished sync.WaitGroup
	mu       sync.Mutex
	count    int
}

func (m *Machine) watchFor(token string) (*watch, error) {
	w, err := m.in.tapWire(m.Interface(), unix.ETH_P_ALL)
	if err != nil {
		return nil, err
	}
	watching := &watch{wire: w}
	watching.finished.Go(func() {
		frame := make([]byte, 1<<16)
		for {
			n, err := w.Read(frame)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if err == nil && bytes.Contains(frame[:n], []byte(token)) {
				watching.mu.Lock()
				watching.count++
				watching.mu.Unlock()
			}
		}
	})
	return watching, nil
}

func (w *watch) seen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func (w *watch) stop() {
	w.wire.Close()
	w.finished.Wait()
}
