package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
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
	stop, err := l.respond(ctx, expectations)
	if err != nil {
		return nil, err
	}
	defer stop()
	results := make([]CheckResult, len(expectations))
	for i, e := range expectations {
		results[i].Expectation = e
	}
	// First what must work, all at once; then what must not, for which the
	// first serve as controls; what would disturb other probes last, one by one.
	l.each(results, Expectation.positive, func(r *CheckResult) {
		r.Err = l.reaches(ctx, r.Expectation)
	})
	l.each(results, func(e Expectation) bool { return !e.positive() && !e.Before }, func(r *CheckResult) {
		r.Err = l.doesNotReach(ctx, results, r.Expectation)
	})
	for i := range results {
		r := &results[i]
		if r.Err == nil {
			l.closer(ctx, r)
		}
	}
	l.rememberBefore(results)
	return results, ctx.Err()
}

// closer checks what needs the underlay for itself.
func (l *Lab) closer(ctx context.Context, r *CheckResult) {
	e := r.Expectation
	if e.Neighbour == neighbourLocal {
		r.Err = l.neighbourIsLocal(ctx, l.Container(e.From), l.Container(e.To))
	}
	if r.Err == nil && e.Wire != nil {
		r.Err = l.looksLike(ctx, l.Container(e.From), l.Container(e.To), *e.Wire)
	}
	if r.Err == nil && e.MTU != 0 {
		r.Err = l.fits(ctx, e)
	}
	if r.Err == nil && e.Without != "" {
		r.Note, r.Err = l.outlives(ctx, e)
	}
	if r.Err == nil && e.Bulk != 0 {
		r.Note, r.Err = l.bulk(ctx, e)
	}
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

// respond starts responders in every container that is plugged, also in those
// that no expectation names: they would show who answers in their place.
func (l *Lab) respond(ctx context.Context, expectations []Expectation) (stop func(), err error) {
	for _, e := range expectations {
		for _, name := range []string{e.From, e.To} {
			_, _, isAddress := parseAddress(name)
			if c := l.Container(name); c != nil && !c.Plugged() || c == nil && l.Machine(name) == nil && !isAddress {
				return nil, fmt.Errorf("%s: container %q is not plugged in this lab: was it brought up from this file?", e, name)
			}
		}
	}
	return l.Respond(ctx)
}

// friend is an expectation in which a machine takes part and that was just seen
// to hold; one between containers if there is one.
func (l *Lab) friend(results []CheckResult, name string) (Expectation, error) {
	var found *Expectation
	for _, r := range results {
		e := r.Expectation
		if !e.positive() || r.Err != nil || e.From != name && e.To != name {
			continue
		}
		if l.Container(e.From) != nil && l.Container(e.To) != nil {
			return e, nil
		}
		found = &e
	}
	if found == nil {
		return Expectation{}, fmt.Errorf("nothing is proved, because %s was not seen to reach anybody", name)
	}
	return *found, nil
}

func (l *Lab) doesNotReach(ctx context.Context, results []CheckResult, e Expectation) error {
	names := []string{e.From}
	if l.Machine(e.To) != nil {
		names = append(names, e.To)
	}
	var controls []Expectation
	for _, name := range names {
		c, err := l.friend(results, name)
		if err != nil {
			return err
		}
		controls = append(controls, c)
	}
	if err := l.nothingArrives(ctx, e); err != nil {
		return err
	}
	for _, c := range controls {
		if err := l.again(ctx, c); err != nil {
			return fmt.Errorf("nothing is proved, because the control failed: %w", err)
		}
	}
	return nil
}

// again sees an expectation hold once more, in less time where both ends are
// containers.
func (l *Lab) again(ctx context.Context, e Expectation) error {
	from, to := l.Container(e.From), l.Container(e.To)
	if from != nil && to != nil {
		return l.FramesArrive(ctx, from, &to.Machine)
	}
	return l.reaches(ctx, e)
}

func (l *Lab) bulk(ctx context.Context, e Expectation) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, bulkPatience)
	defer cancel()
	from, to := l.Machine(e.From), l.Machine(e.To)
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

// rememberBefore fills in what was found before anything was declared.
func (l *Lab) rememberBefore(results []CheckResult) {
	for i := range results {
		e := results[i].Expectation
		if !e.Before {
			continue
		}
		l.mu.Lock()
		found, ok := l.before[e.String()]
		l.mu.Unlock()
		switch {
		case !ok:
			results[i].Err = errors.New("nobody looked: that is done by `weft lab up` without --bare")
		case found != "":
			results[i].Err = errors.New(found)
		}
	}
}
