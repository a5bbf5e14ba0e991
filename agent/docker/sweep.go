package docker

import (
	"context"
	"time"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
)

// sweep removes what became of nothing: reservations of which Docker made no
// endpoint, and endpoints that Docker does not list and has had time to.
// Docker's list is asked for last, so that what is in it existed before.
func (d *Driver) sweep(ctx context.Context, networks []network.Summary) {
	var reservations []string
	endpoints := make(map[string][]string) // by Docker's id of the network
	d.ledger.read(func(now *records) {
		for id, r := range now.Reservations {
			if time.Since(r.Since) > abandoned {
				reservations = append(reservations, id)
			}
		}
		for id, e := range now.Endpoints {
			if time.Since(e.Since) > abandoned {
				endpoints[e.Network] = append(endpoints[e.Network], id)
			}
		}
	})
	for _, id := range reservations {
		d.log.Info("an address was reserved and not used", "reservation", id)
		d.unreserve(id, true)
	}
	for _, n := range networks {
		if len(endpoints[n.ID]) == 0 {
			continue
		}
		seen, err := d.engine.NetworkInspect(ctx, n.ID, client.NetworkInspectOptions{})
		if err != nil {
			continue
		}
		listed := make(map[string]bool)
		for _, e := range seen.Network.Containers {
			listed[e.EndpointID] = true
		}
		for _, id := range endpoints[n.ID] {
			if listed[id] {
				continue
			}
			d.log.Info("an endpoint is swept that Docker has not", "endpoint", id, "network", n.Name)
			if err := d.forget(ctx, id); err != nil {
				d.log.Error("an endpoint cannot be swept", "endpoint", id, "error", err)
			}
		}
	}
}
