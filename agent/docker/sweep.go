package docker

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/weft-sdn/weft/model"
	restclient "github.com/weft-sdn/weft/rest/client"
)

// sweep removes the reservations of which Docker made no endpoint, and those that
// may have been made after they were to be deleted.
func (d *Driver) sweep() {
	var old, doubtful []string
	d.ledger.read(func(now *records) {
		for id, since := range now.Doubts {
			if time.Since(since) > abandoned {
				doubtful = append(doubtful, id)
			}
		}
		for id, r := range now.Reservations {
			if time.Since(r.Since) > abandoned {
				old = append(old, id)
			}
		}
	})
	if len(doubtful) > 0 {
		err := d.ledger.change(func(now *records) error {
			for _, id := range doubtful {
				delete(now.Doubts, id)
				now.Later = append(now.Later, errand{Endpoint: id})
			}
			return nil
		})
		if err != nil {
			d.log.Error("reservations that may be left are not deleted", "error", err)
		}
		d.poke()
	}
	for _, id := range old {
		d.log.Info("an address was reserved and not used", "reservation", id)
		d.unreserve(id, true)
	}
}

// review compares the endpoints of one of Docker's networks with Docker's own
// list: those that Docker has no more are swept, and the others are called what
// Docker calls their containers, which it does not say earlier.
func (d *Driver) review(ctx context.Context, n network.Summary) {
	old := make(map[string]bool)
	unnamed := make(map[string]bool)
	d.ledger.read(func(now *records) {
		for id, e := range now.Endpoints {
			if e.Network == n.ID && time.Since(e.Since) > abandoned {
				old[id] = true
			}
			if e.Network == n.ID && !e.Named && !e.Undeclared {
				unnamed[id] = true
			}
		}
	})
	if len(old) == 0 && len(unnamed) == 0 {
		return
	}
	// Asked for after the records were read: what is listed in them and not here
	// has gone, or never was.
	seen, err := d.engine.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
	if err != nil {
		d.log.Debug("Docker does not show a network", "network", n.Name, "error", err)
		return
	}
	for _, e := range seen.Network.Containers {
		delete(old, e.EndpointID)
		if unnamed[e.EndpointID] && e.Name != "" {
			d.name(ctx, e.EndpointID, e.Name)
		}
	}
	for id := range old {
		d.log.Info("an endpoint is swept that Docker has not", "endpoint", id, "network", n.Name)
		if err := d.forget(ctx, id); err != nil {
			d.log.Error("an endpoint cannot be swept", "endpoint", id, "error", err)
		}
	}
}

// sweepPorts removes the ports of endpoints that neither the records nor Docker
// have: Open vSwitch was away when they were to go.
func (d *Driver) sweepPorts(ctx context.Context, networks []network.Summary) {
	ports, err := d.socket.Ports(ctx, keyEndpoint)
	if err != nil {
		d.log.Debug("Open vSwitch does not list its ports", "error", err)
		return
	}
	d.ledger.read(func(now *records) {
		maps.DeleteFunc(ports, func(_, endpoint string) bool { return now.Endpoints[endpoint] != nil })
	})
	if len(ports) == 0 {
		return
	}
	for _, n := range networks {
		seen, err := d.engine.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
		if err != nil {
			return
		}
		for _, e := range seen.Network.Containers {
			maps.DeleteFunc(ports, func(_, endpoint string) bool { return endpoint == e.EndpointID })
		}
	}
	for port, endpoint := range ports {
		d.log.Info("a port is swept whose endpoint Docker has not", "port", port, "endpoint", endpoint)
		if err := errors.Join(d.socket.Out(ctx, port), d.socket.Remove(port)); err != nil {
			d.log.Error("a port cannot be swept", "port", port, "error", err)
		}
	}
}

// name gives an endpoint the name of its container. Where that is no name for an
// endpoint, or another host has a container of that name, it has none.
func (d *Driver) name(ctx context.Context, id, name string) {
	e := d.endpoint(id)
	if e.ID == "" {
		return
	}
	e.Name = name
	// Only if it is as it was: a PUT would make it anew where it is deleted
	// meanwhile.
	unchanged := restclient.WriteOptions{IfMatch: e.Revision}
	if model.CheckName("name", name) == nil {
		err := d.control.Call(ctx, func(ctx context.Context, api *restclient.Client) (err error) {
			_, _, err = api.PutEndpoint(ctx, e, unchanged)
			return err
		})
		if err != nil && retried(err) {
			return
		}
		if err != nil {
			d.log.Debug("an endpoint is not called like its container", "name", name, "error", err)
		}
	}
	err := d.ledger.change(func(now *records) error {
		if rec := now.Endpoints[id]; rec != nil {
			rec.Named = true
		}
		return nil
	})
	if err != nil {
		d.log.Error("an endpoint will be named again", "endpoint", id, "error", err)
	}
}
