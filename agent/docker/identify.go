package docker

import (
	"context"
	"errors"

	"github.com/moby/moby/api/types/network"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// identify finds out which network of the controller one of Docker's is. One
// that a person created is declared here, for only now its name is known.
func (d *Driver) identify(ctx context.Context, n network.Summary) {
	rec, known := d.recordOf(n.ID)
	switch {
	case known && (rec.Name != "" || rec.Refused != ""):
	case known && rec.Wanted != nil:
		d.declare(ctx, n, *rec.Wanted)
	case n.Options[optionID] != "":
		d.identified(n.ID, n.Options[optionID])
	default:
		// Created by a person, and the records are lost.
		if _, there := d.control.Network(n.Name); there {
			d.identified(n.ID, n.Name)
		}
	}
}

func (d *Driver) identified(id, name string) {
	err := d.ledger.change(func(now *records) error {
		now.Networks[id] = &networkRecord{Name: name}
		return nil
	})
	if err != nil {
		d.log.Error("a network of Docker's may be forgotten again", "network", name, "error", err)
	}
}

// declare creates a network at the controller as docker network create asked for
// it. The host that is the first to do so decides what a name means.
func (d *Driver) declare(ctx context.Context, n network.Summary, wanted model.Network) {
	wanted.Name = n.Name
	var outcome client.Outcome
	err := d.control.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
		_, outcome, err = api.CreateNetwork(ctx, wanted, client.WriteOptions{})
		return err
	})
	if err == nil {
		err = d.control.Refresh(ctx)
	}
	if errors.Is(err, control.ErrAway) || err != nil && retried(err) {
		d.log.Warn("a network that was created here is not at the controller yet", "network", n.Name, "error", err)
		return
	}
	changed := d.ledger.change(func(now *records) error {
		rec := now.Networks[n.ID]
		if rec == nil {
			return nil // removed meanwhile
		}
		if err != nil {
			rec.Refused = "the controller does not take this network, so it is removed from Docker again: " + plain(err).Error()
			return nil
		}
		rec.Name, rec.Wanted = n.Name, nil
		if outcome.Created {
			now.Born[n.Name] = true
		}
		return nil
	})
	switch {
	case err != nil:
		d.log.Warn("the controller refuses a network that was created here; it is removed from Docker", "network", n.Name, "error", err)
	case changed != nil:
		d.log.Error("a network of Docker's may be declared again", "network", n.Name, "error", changed)
	default:
		d.log.Info("declared a network that was created here", "network", n.Name)
	}
}
