package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/agent/statefile"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

const (
	// period is how long it goes unnoticed that a controller is gone whose
	// connection did not break.
	period = 5 * time.Second

	retryFirst, retryLast = 200 * time.Millisecond, 5 * time.Second
)

// networks is what is known of them.
type networks struct {
	byName map[string]model.Network
	fresh  bool // a controller is being followed
}

// Networks are the networks by name. They are fresh if a controller says so at
// this moment, otherwise they are what was known last.
func (c *Control) Networks() (list []model.Network, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list = slices.Collect(maps.Values(c.known.byName))
	slices.SortFunc(list, func(a, b model.Network) int { return strings.Compare(a.Name, b.Name) })
	return list, c.known.fresh
}

// Network is the network of that name.
func (c *Control) Network(name string) (n model.Network, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, known = c.known.byName[name]
	return n, known
}

// Changed has a value when Networks may have changed.
func (c *Control) Changed() <-chan struct{} { return c.changed }

// Run follows a controller until ctx ends.
func (c *Control) Run(ctx context.Context) {
	wait, complained := retryFirst, false
	for ctx.Err() == nil {
		started := time.Now()
		err := c.follow(ctx)
		c.set(func(n *networks) { n.fresh = false })
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > retryLast {
			wait, complained = retryFirst, false
		}
		if !complained && !errors.Is(err, client.ErrWatchEnded) {
			c.log.Warn("no controller to follow; the networks are those that were known last", "error", err)
			complained = true
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, retryLast)
	}
}

// follow lists the networks and takes in what changes, until that fails.
func (c *Control) follow(ctx context.Context) error {
	revision, err := c.list(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.mu.Lock()
	c.again = cancel
	c.mu.Unlock()
	if err := c.listTaken(ctx); err != nil {
		return err
	}
	go func() {
		// A connection that is cut without a word goes on for ever.
		for tick := time.NewTicker(period); ; {
			select {
			case <-tick.C:
				if _, err := c.list(ctx); err != nil {
					cancel(err)
				}
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	}()
	c.mu.Lock()
	one := c.clients[0]
	c.mu.Unlock()
	for event, err := range one.Watch(ctx, revision) {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		if event.Kind == "endpoint" {
			c.endpointChanged(event)
		}
		if event.Kind != "network" {
			continue
		}
		own := c.ownSlices()
		n, put := event.Object.(model.Network)
		c.set(func(known *networks) {
			// The list may have been ahead of the watch.
			if have, is := known.byName[event.Name]; is && have.Revision > event.Revision {
				return
			}
			if put {
				known.byName[event.Name] = n
			} else {
				delete(known.byName, event.Name)
			}
		})
		if !reflect.DeepEqual(own, c.ownSlices()) {
			if err := c.listTaken(ctx); err != nil {
				return err
			}
		}
	}
	return context.Cause(ctx)
}

// Refresh asks a controller for the networks, and returns when they are known.
func (c *Control) Refresh(ctx context.Context) error {
	_, err := c.list(ctx)
	return err
}

func (c *Control) list(ctx context.Context) (revision uint64, err error) {
	var list []model.Network
	err = c.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
		list, revision, err = api.NetworksAsOf(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	now := make(map[string]model.Network, len(list))
	for _, n := range list {
		now[n.Name] = n
	}
	c.set(func(known *networks) { known.byName, known.fresh = now, true })
	return revision, nil
}

// set changes what is known, and tells and keeps what is different then.
func (c *Control) set(change func(*networks)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := networks{maps.Clone(c.known.byName), c.known.fresh}
	change(&c.known)
	if reflect.DeepEqual(before, c.known) {
		return
	}
	if !reflect.DeepEqual(before.byName, c.known.byName) {
		if err := statefile.Save(c.file, c.known.byName); err != nil {
			c.log.Error("what is known of the networks is not kept", "file", c.file, "error", err)
		}
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

func (c *Control) load() error {
	c.known.byName = make(map[string]model.Network)
	text, err := os.ReadFile(c.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what is known of the networks: %w", err)
	}
	if err := json.Unmarshal(text, &c.known.byName); err != nil {
		// A controller will say it again.
		c.log.Warn("what was known of the networks cannot be read", "file", c.file, "error", err)
		c.known.byName = make(map[string]model.Network)
	}
	return nil
}
