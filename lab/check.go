package lab

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// CheckResult says of one expectation whether it holds.
type CheckResult struct {
	Expectation Expectation
	Err         error  // nil: it holds
	Note        string // what was measured, where something was
}

const (
	// checkPatience is how long something that must work may take to begin
	// to: a container's first packet waits for ARP and duplicate address
	// detection.
	checkPatience = 5 * time.Second
	// bulkPatience bounds a bulk transfer. Packets too large for the underlay
	// let a connection open and then hang.
	bulkPatience = 30 * time.Second
)

// Check tests expectations with real packets and answers for each of them, in
// their order. The error is that checking itself was not possible.
func (l *Lab) Check(ctx context.Context, expectations []Expectation) ([]CheckResult, error) {
	responders, err := l.startResponders(ctx, expectations)
	defer func() {
		for _, r := range responders {
			r.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	results := make([]CheckResult, len(expectations))
	for i, e := range expectations {
		results[i].Expectation = e
	}
	// First what must work, all at once; then what must not, for which the
	// first serve as controls; what would disturb other probes last, one by one.
	l.each(results, Expectation.positive, func(r *CheckResult) {
		r.Err = l.reaches(ctx, l.Container(r.Expectation.From), l.Container(r.Expectation.To))
	})
	l.each(results, func(e Expectation) bool { return !e.positive() }, func(r *CheckResult) {
		from, to := r.Expectation.From, r.Expectation.To
		friend, err := l.friend(results, from)
		if err != nil {
			r.Err = err
			return
		}
		control, err := l.friend(results, to)
		if err != nil {
			r.Err = err
			return
		}
		r.Err = l.checkIsolated(ctx, l.Container(from), l.Container(to), friend, control)
	})
	for i := range results {
		r := &results[i]
		if r.Expectation.Neighbour == neighbourLocal && r.Err == nil {
			r.Err = l.neighbourIsLocal(ctx, l.Container(r.Expectation.From), l.Container(r.Expectation.To))
		}
		if r.Expectation.Bulk != 0 && r.Err == nil {
			r.Note, r.Err = l.bulk(ctx, r.Expectation)
		}
	}
	return results, ctx.Err()
}

func (l *Lab) each(results []CheckResult, which func(Expectation) bool, check func(*CheckResult)) {
	var all sync.WaitGroup
	for i := range results {
		if which(results[i].Expectation) {
			all.Go(func() { check(&results[i]) })
		}
	}
	all.Wait()
}

// startResponders starts one in every container that is plugged, also in those
// that no expectation names: they would show who answers in their place.
func (l *Lab) startResponders(ctx context.Context, expectations []Expectation) ([]*responder, error) {
	for _, e := range expectations {
		for _, name := range []string{e.From, e.To} {
			if c := l.Container(name); c == nil || !c.Plugged() {
				return nil, fmt.Errorf("%s: container %q is not plugged in this lab: was it brought up from this file?", e, name)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	var (
		mu      sync.Mutex
		started []*responder
		all     errgroup.Group
	)
	for _, c := range l.Containers() {
		all.Go(func() error {
			r, err := c.startResponder(ctx)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			started = append(started, r)
			return nil
		})
	}
	return started, all.Wait()
}

// reaches asks over TCP, UDP and ICMP, at every address that the two can have
// in common, and for networks without addresses with plain frames.
func (l *Lab) reaches(ctx context.Context, from, to *Container) error {
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	var all errgroup.Group
	common := commonAddresses(from, to)
	if len(common) == 0 {
		return framesArrive(ctx, from, to)
	}
	for _, a := range common {
		for _, network := range []string{"tcp", "udp"} {
			all.Go(func() error { return answersAs(ctx, from, to.Name, network, a) })
		}
		all.Go(func() error {
			err := until(ctx, "an echo request is answered", func() (bool, error) {
				return from.echoes(ctx, a, rand.Text())
			})
			if err != nil {
				return fmt.Errorf("icmp to %s: %w", a, err)
			}
			return nil
		})
	}
	return all.Wait()
}

func answersAs(ctx context.Context, from *Container, want, network string, a netip.Addr) error {
	var last error
	err := until(ctx, "somebody answers", func() (bool, error) {
		name, err := from.whoIs(ctx, network, a, rand.Text())
		if err != nil {
			last = err
			return false, nil
		}
		if name != want {
			return false, fmt.Errorf("answered by %s", name)
		}
		return true, nil
	})
	switch {
	case err == nil:
		return nil
	case last != nil:
		return fmt.Errorf("%s to %s: %w (%w)", network, a, err, last)
	}
	return fmt.Errorf("%s to %s: %w", network, a, err)
}

// friend is a container that name was just seen to reach, or that reached it.
func (l *Lab) friend(results []CheckResult, name string) (*Container, error) {
	for _, r := range results {
		e := r.Expectation
		if !e.positive() || r.Err != nil {
			continue
		}
		switch name {
		case e.From:
			return l.Container(e.To), nil
		case e.To:
			return l.Container(e.From), nil
		}
	}
	return nil, fmt.Errorf("nothing is proved, because %s was not seen to reach anybody", name)
}

func (l *Lab) bulk(ctx context.Context, e Expectation) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bulkPatience)
	defer cancel()
	from, to := l.Container(e.From), l.Container(e.To)
	common := commonAddresses(from, to)
	if len(common) == 0 {
		return "", fmt.Errorf("%s and %s have no addresses in one family: bulk is TCP", from.Name, to.Name)
	}
	start := time.Now()
	name, err := from.sendBulk(ctx, common[0], e.Bulk)
	switch {
	case err != nil:
		return "", fmt.Errorf("send %s: %w", e.Bulk, err)
	case name != to.Name:
		return "", fmt.Errorf("%s arrived at %s", e.Bulk, name)
	}
	rate := float64(e.Bulk) * 8 / time.Since(start).Seconds() / 1e6
	return fmt.Sprintf("%.0f Mbit/s", rate), nil
}

// Containers returns all containers, by name.
func (l *Lab) Containers() []*Container {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []*Container
	for _, name := range sortedKeys(l.containers) {
		all = append(all, l.containers[name])
	}
	return all
}
