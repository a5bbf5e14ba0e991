package docker

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/weft-sdn/weft/model"
)

const (
	// period is how long it goes unnoticed what no event tells of.
	period = 15 * time.Second
	// engineTime bounds one look at everything: Docker may hang.
	engineTime = time.Minute
	// retryEngine is how often Docker is looked for while it is away.
	retryEngine = time.Second
)

// ownRemovals are the networks that the follower has Docker remove at this
// moment. The handler hears of these removals as of all others.
type ownRemovals struct {
	mu  sync.Mutex
	ids map[string]bool
}

func (o *ownRemovals) set(id string, now bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ids == nil {
		o.ids = make(map[string]bool)
	}
	if now {
		o.ids[id] = true
	} else {
		delete(o.ids, id)
	}
}

func (o *ownRemovals) has(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ids[id]
}

// follow makes the engine's networks equal to the controller's whenever either
// may have changed, until ctx ends. It compares what there is with what should
// be, and relies on no event to be told of.
func (d *Driver) follow(ctx context.Context) error {
	go d.listenToEngine(ctx)
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.control.Changed():
		case <-d.wake:
		case <-tick.C:
		}
		if host, err := d.host(ctx); err == nil {
			d.control.SlicesOf(host)
		}
		d.sweep()
		d.doErrands(ctx)
		d.declareLater(ctx)
		d.reconcile(ctx)
	}
}

// listenToEngine pokes the follower when Docker comes, and when it says that
// something about its networks has changed.
func (d *Driver) listenToEngine(ctx context.Context) {
	for ctx.Err() == nil {
		stream := d.engine.Events(ctx, client.EventsListOptions{Filters: make(client.Filters).Add("type", string(events.NetworkEventType))})
		d.poke()
		for streaming := true; streaming; {
			select {
			case <-stream.Messages:
				d.poke()
			case err := <-stream.Err:
				d.log.Debug("no events of Docker", "error", err)
				streaming = false
			}
		}
		select {
		case <-time.After(retryEngine):
		case <-ctx.Done():
		}
	}
}

// reconcile compares and corrects everything once.
func (d *Driver) reconcile(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	list, err := d.engine.NetworkList(ctx, client.NetworkListOptions{})
	if err != nil {
		d.log.Debug("Docker does not list its networks", "error", err)
		return
	}
	ours := slices.DeleteFunc(slices.Clone(list.Items), func(n network.Summary) bool { return n.Driver != Name })
	for _, n := range ours {
		d.identify(ctx, n)
	}
	wanted, fresh := d.control.Networks()
	byName := make(map[string]model.Network, len(wanted))
	for _, n := range wanted {
		if !d.leaving(n.Name) {
			byName[n.Name] = n
		}
	}
	for _, have := range ours {
		d.compare(ctx, have, byName, fresh)
	}
	if list, err = d.engine.NetworkList(ctx, client.NetworkListOptions{}); err != nil {
		return
	}
	for _, n := range wanted {
		_, is := byName[n.Name]
		i := slices.IndexFunc(list.Items, func(have network.Summary) bool { return have.Name == n.Name })
		switch {
		case !is:
		case i < 0:
			d.create(ctx, n, nil)
		case list.Items[i].Driver != Name:
			d.say("Docker has a network of this name with another driver, so the controller's is not shown here; remove or rename one of the two", n.Name, "driver", list.Items[i].Driver)
		}
	}
	for _, n := range ours {
		d.review(ctx, n)
	}
	if time.Since(d.swept) > period {
		d.swept = time.Now()
		d.sweepPorts(ctx, ours)
	}
}

// leaving reports whether a network is to be deleted at the controller.
func (d *Driver) leaving(name string) (is bool) {
	d.ledger.read(func(now *records) {
		is = slices.ContainsFunc(now.Later, func(e errand) bool { return e.ofNetwork() && e.Network == name })
	})
	return is
}

// recordOf is a copy of what is known of one of Docker's networks.
func (d *Driver) recordOf(id string) (rec networkRecord, known bool) {
	d.ledger.read(func(now *records) {
		if r := now.Networks[id]; r != nil {
			rec, known = *r, true
		}
	})
	return rec, known
}

// compare removes a network of Docker's that the controller has not, and makes
// it anew where it shows what is not so.
func (d *Driver) compare(ctx context.Context, have network.Summary, wanted map[string]model.Network, fresh bool) {
	rec, known := d.recordOf(have.ID)
	switch n, is := wanted[rec.Name]; {
	case !known:
	case rec.Refused != "":
		d.remove(ctx, have, "the controller refused it")
	case rec.Name == "" || !is && !fresh:
	case !is:
		d.remove(ctx, have, "the controller has it no more")
	case rec.Foreign || differs(have, n):
		d.replace(ctx, have, n)
	}
}
