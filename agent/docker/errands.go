package docker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// errand is something to be removed at the controller: an endpoint, a forward of
// a network, or a network.
type errand struct {
	Endpoint string `json:"endpoint,omitempty"` // id
	Network  string `json:"network,omitempty"`  // name
	Forward  string `json:"forward,omitempty"`  // id in the network
}

func (e errand) String() string {
	switch {
	case e.Endpoint != "":
		return "delete endpoint " + e.Endpoint
	case e.Forward != "":
		return fmt.Sprintf("delete forward %s of network %q", e.Forward, e.Network)
	}
	return fmt.Sprintf("delete network %q", e.Network)
}

// ofNetwork reports whether the errand is to delete a network.
func (e errand) ofNetwork() bool { return e.Endpoint == "" && e.Forward == "" }

// errandTime bounds how long a handler spends with errands.
const errandTime = 3 * time.Second

// doErrands does what is to be done later, as far as the controller answers.
// What it refuses will not be otherwise next time.
func (d *Driver) doErrands(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, errandTime)
	defer cancel()
	select {
	case d.errands <- struct{}{}: // one at a time, in their order
		defer func() { <-d.errands }()
	case <-ctx.Done():
		return
	}
	for {
		var next *errand
		d.ledger.read(func(now *records) {
			if len(now.Later) > 0 {
				first := now.Later[0]
				next = &first
			}
		})
		if next == nil {
			return
		}
		err := d.do(ctx, *next)
		switch {
		case err == nil, model.KindOf(err) == model.NotFound:
		case retried(err):
			d.log.Debug("left for later", "errand", *next, "error", err)
			return
		default:
			d.log.Warn("the controller refuses", "errand", *next, "error", err)
		}
		if next.ofNetwork() {
			// Whether it is there is known only to the controller now.
			if err := d.control.Refresh(ctx); err != nil {
				return
			}
		}
		err = d.ledger.change(func(now *records) error {
			now.Later = now.Later[1:]
			if next.ofNetwork() {
				if _, there := d.control.Network(next.Network); !there {
					delete(now.Born, next.Network)
				}
			}
			return nil
		})
		if err != nil {
			d.log.Error("an errand that is done will be done again", "error", err)
			return
		}
	}
}

func (d *Driver) do(ctx context.Context, e errand) error {
	return d.control.Call(ctx, func(ctx context.Context, api *client.Client) error {
		var err error
		switch {
		case e.Endpoint != "":
			_, err = api.DeleteEndpoint(ctx, e.Endpoint, client.WriteOptions{})
		case e.Forward != "":
			_, err = api.DeleteForward(ctx, e.Network, e.Forward, client.WriteOptions{})
		default:
			_, err = api.DeleteNetwork(ctx, e.Network, client.WriteOptions{})
		}
		return err
	})
}

// retried reports whether the same may succeed at another time.
func retried(err error) bool {
	kind := model.KindOf(err)
	return errors.Is(err, control.ErrAway) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		kind == model.Unavailable || kind == model.OutOfDisk
}

// plain leaves out which field of a document an error is about: Docker's user
// has seen none.
func plain(err error) error {
	var about *model.Error
	if errors.As(err, &about) {
		return errors.New(about.Detail)
	}
	return err
}
