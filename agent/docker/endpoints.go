package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/docker/go-plugins-helpers/network"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// createEndpoint declares an endpoint at the controller, with Docker's id and
// the addresses that were reserved for it.
func (d *Driver) createEndpoint(ctx context.Context, r *network.CreateEndpointRequest) (*network.CreateEndpointResponse, error) {
	name, err := d.nameOf(ctx, r.NetworkID)
	if err != nil {
		return nil, err
	}
	if err := d.canPublish(name, r.Options); err != nil {
		return nil, err
	}
	host, err := d.host(ctx)
	if err != nil {
		return nil, err
	}
	wanted := model.Endpoint{ID: r.EndpointID, Network: name, Host: host}
	given := r.Interface
	if given == nil {
		given = &network.EndpointInterface{}
	}
	for _, text := range []string{given.Address, given.AddressIPv6} {
		if text == "" {
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not an address with its prefix", text)
		}
		wanted.Addresses = append(wanted.Addresses, model.AddrFrom(p.Addr()))
	}
	if given.MacAddress != "" {
		if err := wanted.MAC.UnmarshalText([]byte(given.MacAddress)); err != nil {
			return nil, err
		}
	}
	stored, err := d.complete(ctx, wanted)
	if err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	err = d.ledger.change(func(now *records) error {
		now.Endpoints[r.EndpointID] = &endpointRecord{Network: r.NetworkID, Wanted: stored, Since: time.Now()}
		return nil
	})
	if err != nil {
		return nil, err
	}
	answer := &network.CreateEndpointResponse{Interface: &network.EndpointInterface{}}
	if given.MacAddress == "" {
		answer.Interface.MacAddress = stored.MAC.String() // Docker refuses what it has said itself
	}
	return answer, nil
}

// complete puts an endpoint in the place of the reservations of its addresses.
// No one else can get an address in between: each step is one transaction.
func (d *Driver) complete(ctx context.Context, wanted model.Endpoint) (stored model.Endpoint, err error) {
	reserved := map[model.Addr]string{}
	var free []model.Addr
	for _, a := range wanted.Addresses {
		if id := d.reservationOf(wanted.Network, a.Addr); id != "" {
			reserved[a] = id
		} else {
			free = append(free, a)
		}
	}
	if len(reserved) == 0 {
		return d.apply(ctx, wanted, "")
	}
	wanted.Addresses = free
	for a, id := range reserved {
		wanted.Addresses = append(wanted.Addresses, a)
		if stored, err = d.apply(ctx, wanted, id); err != nil {
			return stored, err
		}
		err = d.ledger.change(func(now *records) error {
			delete(now.Reservations, id)
			return nil
		})
		if err != nil {
			return stored, err
		}
	}
	return stored, nil
}

// apply declares an endpoint and, in the same transaction, removes the one that
// reserved an address for it.
func (d *Driver) apply(ctx context.Context, wanted model.Endpoint, reservation string) (model.Endpoint, error) {
	var stored model.Document
	err := d.control.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
		stored, _, err = api.Apply(ctx, model.Document{Endpoints: []model.Endpoint{wanted}}, client.WriteOptions{Prune: reservation})
		return err
	})
	switch {
	case errors.Is(err, control.ErrAway):
		return model.Endpoint{}, fmt.Errorf("a container can only be connected while the controller answers: %w", err)
	case err != nil:
		return model.Endpoint{}, plain(err)
	case len(stored.Endpoints) != 1:
		return model.Endpoint{}, fmt.Errorf("the controller answered with %d endpoints instead of one: is it of this version?", len(stored.Endpoints))
	}
	return stored.Endpoints[0], nil
}

// reservationOf is the reservation of an address, "" if it was given out in
// another way.
func (d *Driver) reservationOf(network string, a netip.Addr) (id string) {
	d.ledger.read(func(now *records) {
		for one, res := range now.Reservations {
			if res.Network == network && res.Address == a {
				id = one
			}
		}
	})
	return id
}

// deleteEndpoint accepts, always: Docker forgets the endpoint whatever it hears.
func (d *Driver) deleteEndpoint(ctx context.Context, r *network.DeleteEndpointRequest) (*none, error) {
	if err := d.forget(ctx, r.EndpointID); err != nil {
		return nil, err
	}
	d.doErrands(ctx)
	return &none{}, nil
}

// forget removes what the host has of an endpoint, and leaves to the errands
// what the controller has.
func (d *Driver) forget(ctx context.Context, id string) error {
	if err := errors.Join(d.socket.Out(ctx, portName(id)), d.socket.Remove(portName(id))); err != nil {
		d.log.Error("what is left of an endpoint cannot be removed", "endpoint", id, "error", err)
	}
	return d.ledger.change(func(now *records) error {
		delete(now.Endpoints, id)
		now.Later = append(now.Later, errand{Endpoint: id})
		return nil
	})
}

// endpointInfo is what docker inspect could show besides. It shows nothing of
// other drivers than its own.
func (d *Driver) endpointInfo(context.Context, *network.InfoRequest) (*network.InfoResponse, error) {
	return &network.InfoResponse{Value: map[string]string{}}, nil
}
