package control

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"

	"github.com/weft-sdn/weft/agent/statefile"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// holder is an endpoint that has addresses in slices of this host, by its id.
type holder struct {
	Network   string       `json:"network"`
	Addresses []model.Addr `json:"addresses"`
	Revision  uint64       `json:"revision"`
}

// SlicesOf has the addresses followed that are taken in a host's own slices, by
// endpoints of whomever. It is called whenever the host's name may have changed.
func (c *Control) SlicesOf(host string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host == host {
		return
	}
	c.host = host
	if c.again != nil {
		c.again(client.ErrWatchEnded) // it lists anew
	}
}

// Taken reports which addresses of a network are taken in the host's slices, as
// far as a controller has told.
func (c *Control) Taken(network string) map[netip.Addr]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := make(map[netip.Addr]bool)
	for _, h := range c.taken {
		if h.Network == network {
			for _, a := range h.Addresses {
				taken[a.Addr] = true
			}
		}
	}
	return taken
}

// ownSlices are the host's slices, by network; nil while nobody's are followed.
func (c *Control) ownSlices() map[string]model.Ranges {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.host == "" {
		return nil
	}
	own := make(map[string]model.Ranges)
	for name, n := range c.known.byName {
		if ranges := n.Slices[c.host]; len(ranges) > 0 {
			own[name] = ranges
		}
	}
	return own
}

// listTaken asks who has addresses in the host's slices.
func (c *Control) listTaken(ctx context.Context) error {
	own := c.ownSlices()
	if own == nil {
		return nil
	}
	now := make(map[string]holder)
	for name, ranges := range own {
		var list []model.Endpoint
		err := c.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
			list, err = api.Endpoints(ctx, name)
			return err
		})
		if err != nil && model.KindOf(err) != model.NotFound {
			return err
		}
		for _, e := range list {
			if h := held(e, ranges); len(h.Addresses) > 0 {
				now[e.ID] = h
			}
		}
	}
	c.setTaken(func(taken map[string]holder) {
		clear(taken)
		maps.Copy(taken, now)
	})
	return nil
}

// endpointChanged takes in what an event tells of an endpoint.
func (c *Control) endpointChanged(event model.Event) {
	own := c.ownSlices()
	if own == nil {
		return
	}
	e, put := event.Object.(model.Endpoint)
	h := held(e, own[e.Network])
	c.setTaken(func(taken map[string]holder) {
		// The list may have been ahead of the watch.
		if have, is := taken[event.Name]; is && have.Revision > event.Revision {
			return
		}
		if put && len(h.Addresses) > 0 {
			taken[event.Name] = h
		} else {
			delete(taken, event.Name)
		}
	})
}

func held(e model.Endpoint, ranges model.Ranges) holder {
	h := holder{Network: e.Network, Revision: e.Revision}
	for _, a := range e.Addresses {
		if slices.ContainsFunc(ranges, func(p model.Prefix) bool { return p.Contains(a.Addr) }) {
			h.Addresses = append(h.Addresses, a)
		}
	}
	return h
}

// setTaken changes which addresses are taken, and keeps what is different then.
func (c *Control) setTaken(change func(map[string]holder)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := maps.Clone(c.taken)
	change(c.taken)
	if reflect.DeepEqual(before, c.taken) {
		return
	}
	if err := statefile.Save(c.takenFile(), c.taken); err != nil {
		c.log.Error("what is known of the host's slices is not kept", "file", c.takenFile(), "error", err)
	}
}

func (c *Control) takenFile() string { return c.file + ".taken" }

func (c *Control) loadTaken() {
	c.taken = make(map[string]holder)
	text, err := os.ReadFile(c.takenFile())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, &c.taken)
	}
	if err != nil || c.taken == nil {
		c.log.Warn("what was known of the host's slices cannot be read", "file", c.takenFile(), "error", err)
		c.taken = make(map[string]holder)
	}
}
