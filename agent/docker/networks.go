package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/docker/go-plugins-helpers/network"

	restclient "github.com/weft-sdn/weft/rest/client"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/model"
)

// errNoSuchNetwork is what Docker hears of a network that we never heard of.
var errNoSuchNetwork = errors.New("the agent of Weft does not know this network of Docker's: docker network rm it, and it comes back if the controller has it")

// createNetwork takes a network that the follower made, or one that a person
// did. Docker does not say what the latter is called. So it is only checked
// here, and declared as soon as the follower knows its name.
func (d *Driver) createNetwork(ctx context.Context, r *network.CreateNetworkRequest) (*none, error) {
	options, err := generic(r.Options)
	if err != nil {
		return nil, err
	}
	if name := options[optionID]; name != "" {
		if err := model.CheckName(optionID, name); err != nil {
			return nil, err
		}
		return &none{}, d.ledger.change(func(now *records) error {
			now.Networks[r.NetworkID] = &networkRecord{Name: name}
			return nil
		})
	}
	wanted, err := networkOf(r)
	if err != nil {
		return nil, err
	}
	if err := d.wouldTake(ctx, wanted, r.NetworkID); err != nil {
		return nil, err
	}
	err = d.ledger.change(func(now *records) error {
		rec := &networkRecord{Wanted: &wanted, Foreign: foreign(r)}
		if !rec.Foreign {
			for _, p := range wanted.Subnets {
				if err := now.claimPool(p.Prefix, r.NetworkID); err != nil {
					return err
				}
			}
		}
		now.Networks[r.NetworkID] = rec
		return nil
	})
	d.poke()
	return &none{}, err
}

// wouldTake asks the controller whether it would take the network.
func (d *Driver) wouldTake(ctx context.Context, n model.Network, id string) error {
	// A name that nobody else has: who is called what comes later.
	n.Name = "docker-" + id[:min(12, len(id))]
	err := d.control.Call(ctx, func(ctx context.Context, api *restclient.Client) error {
		_, _, err := api.CreateNetwork(ctx, n, restclient.WriteOptions{DryRun: true})
		return err
	})
	if errors.Is(err, control.ErrAway) {
		return fmt.Errorf("a network can only be created while the controller answers: %w", err)
	}
	return plain(err)
}

// claimPool finds the pool that Docker requested for a network which it then
// creates. It says of the pool only which subnet it has.
func (now *records) claimPool(subnet netip.Prefix, network string) error {
	var claimed *poolRecord
	for _, p := range now.Pools {
		if p.Network != "" || p.Subnet != subnet {
			continue
		}
		if claimed != nil && time.Since(claimed.Asked) < abandoned && time.Since(p.Asked) < abandoned {
			return fmt.Errorf("another network with subnet %s is being created here at this moment: try again", subnet)
		}
		if claimed == nil || p.Asked.After(claimed.Asked) {
			claimed = p
		}
	}
	if claimed != nil {
		claimed.Network = network
	}
	return nil
}

// abandoned is how long after Docker asked for a pool or an address, or made an
// endpoint, what follows can be expected to come: within milliseconds, unless the
// agent is away, for which Docker waits 15 s.
const abandoned = 30 * time.Second

// deleteNetwork accepts, always: Docker forgets the network whatever it hears.
// One that was born on this host goes away everywhere, if nobody uses it. Any
// other is declared, and comes back.
func (d *Driver) deleteNetwork(_ context.Context, r *network.DeleteNetworkRequest) (*none, error) {
	byUs := d.own.has(r.NetworkID)
	err := d.ledger.change(func(now *records) error {
		rec := now.Networks[r.NetworkID]
		delete(now.Networks, r.NetworkID)
		if rec == nil || rec.Name == "" || byUs {
			return nil
		}
		if now.Born[rec.Name] {
			now.Later = append(now.Later, errand{Network: rec.Name})
		} else {
			d.log.Info("docker network rm: the network is declared on the controller, so it comes back; weft network delete removes it from all hosts", "network", rec.Name)
		}
		return nil
	})
	d.poke()
	return &none{}, err
}

// nameOf is the name at the controller of one of Docker's networks. Where it was
// created a moment ago it is waited for.
func (d *Driver) nameOf(ctx context.Context, id string) (string, error) {
	for {
		next := d.ledger.next()
		var name, refused string
		known := false
		d.ledger.read(func(now *records) {
			if rec := now.Networks[id]; rec != nil {
				name, refused, known = rec.Name, rec.Refused, true
			}
		})
		switch {
		case !known:
			return "", errNoSuchNetwork
		case refused != "":
			return "", errors.New(refused)
		case name != "":
			return name, nil
		}
		d.poke()
		select {
		case <-next:
		case <-ctx.Done():
			return "", errors.New("the network was created here, and the controller has not taken it yet: is it there (weft network list)? Try again")
		}
	}
}
