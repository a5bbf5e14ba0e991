package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sync/errgroup"
)

// reaches asks over every protocol, at every address that the two can have in
// common, and for networks without addresses with plain frames.
func (l *Lab) reaches(ctx context.Context, e Expectation) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	d, from := l.destinationOf(e), l.Machine(e.From)
	if len(d.common) == 0 {
		sender, receiver := l.Container(e.From), l.Container(e.To)
		if sender == nil || receiver == nil {
			return fmt.Errorf("%s and %s have no addresses in one family", e.From, e.To)
		}
		return l.FramesArrive(ctx, sender, &receiver.Machine)
	}
	want := e.Answers
	if d.machine != nil {
		want = d.machine.Name
	}
	var all errgroup.Group
	for _, a := range d.common {
		for _, proto := range d.protos {
			all.Go(func() error {
				if proto == overICMP {
					return from.isEchoed(ctx, a)
				}
				return l.answersAs(ctx, from, want, e.SeenAs, proto, netip.AddrPortFrom(a, d.port))
			})
		}
	}
	return all.Wait()
}

func (m *Machine) isEchoed(ctx context.Context, a netip.Addr) error {
	err := until(ctx, "an echo request is answered", func() (bool, error) {
		return m.echoes(ctx, a, rand.Text())
	})
	if err != nil {
		return fmt.Errorf("icmp to %s: %w", a, err)
	}
	return nil
}

// answersAs waits until somebody answers, and demands that it is the right one
// and saw who asked as he should. Nobody wanted means that anybody is right.
func (l *Lab) answersAs(ctx context.Context, from *Machine, want, seenAs, network string, at netip.AddrPort) error {
	var last error
	err := until(ctx, "somebody answers", func() (bool, error) {
		answer, err := from.ask(ctx, network, netip.AddrPort{}, at, rand.Text())
		switch {
		case err != nil:
			last = err
			return false, nil
		case want != "" && answer.By != want:
			return false, fmt.Errorf("answered by %s", answer.By)
		case seenAs != "" && !slices.Contains(l.addressesOf(seenAs), answer.SeenAs.Addr()):
			return false, fmt.Errorf("%s saw %s ask, not %s", answer.By, answer.SeenAs.Addr(), seenAs)
		}
		return true, nil
	})
	where := at.Addr().String()
	if at.Port() != responderPort {
		where = at.String()
	}
	switch {
	case err == nil:
		return nil
	case last != nil:
		return fmt.Errorf("%s to %s: %w (%w)", network, where, err, last)
	}
	return fmt.Errorf("%s to %s: %w", network, where, err)
}

// addressesOf are the addresses of a machine, or the one that is written.
func (l *Lab) addressesOf(who string) []netip.Addr {
	if m := l.Machine(who); m != nil {
		return m.Addresses()
	}
	a, _, _ := parseAddress(who) // was read before
	return []netip.Addr{a}
}
