package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// That one container does not reach another cannot be seen from answers alone:
// where both sides have equal addresses, an answer comes from the right one,
// or from the asking container itself. Therefore marked frames are sent past
// the sender's own network stack, by its own MAC and IP address as anti-spoofing
// demands, and a raw socket in the other container looks for the mark.

// checkIsolated proves that nothing of from gets to to. friend and control are
// what each of the two is known to reach: the probes count only if frames of
// the same kind come through there, sent after them.
func (l *Lab) checkIsolated(ctx context.Context, from, to, friend, control *Container) error {
	token := rand.Text()
	watch, err := to.watchFor(token)
	if err != nil {
		return err
	}
	defer watch.stop()

	probes, probing := errgroup.WithContext(ctx)
	probes.Go(func() error { return from.sendMarked(probing, to, token) })
	for _, a := range commonAddresses(from, to) {
		for _, network := range []string{"tcp", "udp"} {
			probes.Go(func() error {
				if name, _ := from.whoIs(probing, network, a, token); name == to.Name {
					return fmt.Errorf("%s answered over %s at %s", name, network, a)
				}
				return nil
			})
		}
		probes.Go(func() error {
			answered, err := from.echoes(probing, a, token)
			if answered && !l.somebodyElseHas(a, to) {
				return fmt.Errorf("%s answers echo requests of %s", a, from.Name)
			}
			return err
		})
	}
	if err := probes.Wait(); err != nil {
		return err
	}
	for _, pair := range [][2]*Container{{from, friend}, {control, to}} {
		if err := framesArrive(ctx, pair[0], pair[1]); err != nil {
			return fmt.Errorf("nothing is proved, because the control failed: %w", err)
		}
	}
	if seen := watch.seen(); seen > 0 {
		return fmt.Errorf("%d frames of %s came out at %s", seen, from.Name, to.Name)
	}
	return nil
}

// framesArrive is the positive control: marked frames get from one to another.
func framesArrive(ctx context.Context, from, to *Container) error {
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

// somebodyElseHas reports whether another container than c has the address.
func (l *Lab) somebodyElseHas(a netip.Addr, c *Container) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range l.containers {
		if other != c && slices.Contains(other.Addresses(), a) {
			return true
		}
	}
	return false
}

const (
	markedRounds = 10
	markedPause  = 20 * time.Millisecond

	// localExperimental is an EtherType that is nobody's (IEEE 802), for
	// networks without addresses.
	localExperimental = 0x88b5
)

// sendMarked sends frames that carry the token, to the MAC address of the other
// container and to everybody.
func (c *Container) sendMarked(ctx context.Context, to *Container, token string) error {
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
	for _, mac := range [][]byte{theirs, broadcast} {
		frames = append(frames, append(ethernet(mac, w.mac, localExperimental), token...))
		for _, a := range commonAddresses(c, to) {
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

func (c *Container) watchFor(token string) (*watch, error) {
	w, err := c.in.tapWire(c.Interface(), unix.ETH_P_ALL)
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
