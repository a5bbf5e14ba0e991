package lab

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/weft-sdn/weft/model"
)

const (
	outliveInterval = 10 * time.Millisecond // between pings; a gap is known no better than that
	outliveCalm     = 50                    // answers that show that traffic flows
	outlivePatience = 30 * time.Second      // for everything to be as before
)

// outlives stops a host while one machine pings another, and demands that they
// go on by another way after no more than so long. The host comes back
// afterwards.
func (l *Lab) outlives(ctx context.Context, e Expectation) (note string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*outlivePatience)
	defer cancel()
	if err := l.WaitLinks(ctx); err != nil {
		return "", err
	}
	d := l.destinationOf(e)
	if len(d.common) == 0 {
		return "", fmt.Errorf("%s and %s have no addresses in one family to ping", e.From, e.To)
	}
	pings, err := l.Machine(e.From).Ping(d.common[0], outliveInterval)
	if err != nil {
		return "", err
	}
	stopped := l.Host(e.Without)
	err = l.moves(ctx, pings, stopped)
	result := pings.Stop()
	if startErr := stopped.StartVswitchd(ctx); err == nil {
		err = startErr
	}
	if err == nil {
		err = l.WaitLinks(ctx)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("%w (%s)", err, result)
	case result.LongestGap > time.Duration(e.Gap):
		return "", fmt.Errorf("%s, and %s is allowed", result, e.Gap)
	}
	return result.String(), nil
}

// moves stops the host and returns when pings are answered without it.
func (l *Lab) moves(ctx context.Context, pings *Pings, stopped *Host) error {
	if err := answered(ctx, pings, outliveCalm); err != nil {
		return err
	}
	if err := stopped.KillVswitchd(ctx); err != nil {
		return err
	}
	return answered(ctx, pings, outliveCalm)
}

// answered returns when so many more pings of a series were answered, counted
// from one that is sent from now on.
func answered(ctx context.Context, pings *Pings, more int) error {
	before := pings.Result()
	return until(ctx, "pings are answered", func() (bool, error) {
		return pings.answeredSince(before.Sent) >= more, nil
	})
}

// WaitLinks waits until every declared link between hosts is up.
func (l *Lab) WaitLinks(ctx context.Context) error {
	if !l.Topology.linked() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, outlivePatience)
	defer cancel()
	var missing []model.LinkState
	err := until(ctx, "every link is up", func() (bool, error) {
		var u model.Underlay
		if err := l.call(ctx, http.MethodGet, "/underlay", nil, &u); err != nil {
			return false, err
		}
		missing = nil
		for _, link := range u.State.Links {
			if link.State != model.LinkUp {
				missing = append(missing, link)
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil && len(missing) > 0 {
		return fmt.Errorf("%w; still missing: %+v", err, missing)
	}
	return err
}
