package controller

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/store"
)

// Watch is every durable change after a revision: what is wanted, and where
// endpoints are. It ends, and the channel is closed, with ctx, with the
// controller, or when the caller is too slow for the history that is kept.
func (c *Controller) Watch(ctx context.Context, since uint64) (<-chan model.Event, error) {
	if have := c.Revision(); since > have {
		return nil, model.Errorf(model.Gone, "since", "revision %d is of another controller's state: the newest here is %d; read everything again and watch from there", since, have)
	}
	if err := c.store.Reaches(since); err != nil {
		return nil, model.Errorf(model.Gone, "since", "changes since revision %d are no longer kept: read everything again and watch from its revision", since)
	}
	events := make(chan model.Event)
	go func() {
		defer close(events)
		for change, err := range c.store.Watch(ctx, since) {
			if err != nil {
				if !errors.Is(err, context.Canceled) && !errors.Is(err, store.ErrClosed) {
					c.log.Info("a watcher was ended", "err", err)
				}
				return
			}
			// The store tells of a change while its commit still runs, and readers
			// do not see it before that has ended.
			if c.do(ctx, func() {}) != nil {
				return
			}
			var relevant []model.Event
			for _, e := range change.Events {
				if event, ok := c.event(change.Revision, e); ok {
					relevant = append(relevant, event)
				}
			}
			for i, event := range relevant {
				event.More = i < len(relevant)-1
				select {
				case events <- event:
				case <-ctx.Done():
					return
				case <-c.done:
					return
				}
			}
		}
	}()
	return events, nil
}

// event is what the API shows of a change in the store: the object as it is by
// now, which may be newer than the change.
func (c *Controller) event(revision uint64, e store.Event) (model.Event, bool) {
	v := c.snapshot()
	kind, name, _ := strings.Cut(e.Key, "/")
	out := model.Event{Revision: revision, Type: "put", Name: name}
	switch kind + "/" {
	case keyNetwork:
		out.Kind = "network"
		if r := v.network(name); r != nil {
			out.Object = v.networkView(r)
		}
	case keyPlace:
		if v.endpoint(name) == nil {
			return out, false // its own deletion tells that
		}
		fallthrough
	case keyEndpoint:
		out.Kind = "endpoint"
		if r := v.endpoint(name); r != nil {
			out.Object = v.endpointView(r)
		}
	case keyRouter:
		out.Kind = "router"
		if r := v.router(name); r != nil {
			out.Object = r.Router
		}
	case keyForward:
		out.Kind = "forward"
		network, id, _ := strings.Cut(name, "/")
		if f := v.forward(network, id); f != nil {
			out.Object = f.Forward
		}
	case keyNIC:
		out.Kind = "nic"
		out.Name, out.Object = v.nicIn(name)
	case keyUnderlay, keyUnused:
		out.Kind, out.Name = "underlay", "underlay"
		switch u := v.declaredUnderlay(); {
		case u != nil:
			out.Object = v.underlayView(u)
		case kind+"/" == keyUnused:
			return out, false // its own deletion tells that
		}
	case keyHost:
		out.Kind = "host"
		if systemID, ok := unescape(name); ok {
			if h := v.host(systemID); h != nil {
				out.Name, out.Object = h.Name, c.hostView(v, h)
			} else {
				out.Name = hostNameIn(e)
			}
		}
	default:
		return out, false
	}
	seen := kind+"/" == keyPlace || kind+"/" == keyUnused // of an object that has another key
	if e.Value == nil && !seen || out.Object == nil {
		out.Type, out.Object = "delete", nil
	}
	return out, true
}

func unescape(name string) (string, bool) {
	s, err := url.PathUnescape(name)
	return s, err == nil
}

// hostNameIn is the name that a host had when it was deleted.
func hostNameIn(e store.Event) string {
	var h hostRecord
	if json.Unmarshal(e.Previous, &h) != nil {
		return ""
	}
	return h.Name
}
