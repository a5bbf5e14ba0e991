package attach

import (
	"context"
	"errors"
	"fmt"

	"github.com/weft-sdn/weft/model"
)

// Request says what is to be attached to what.
type Request struct {
	Container string    `json:"container"` // name or id
	Network   string    `json:"network"`
	Interface string    `json:"interface"`
	Addresses []string  `json:"addresses,omitempty"` // chosen when there is none
	MAC       model.MAC `json:"mac,omitzero"`        // chosen when it is zero
}

// Attach gives a container an interface, now if it runs, and whenever it starts.
// What is attached already stays as it is.
func (a *Attacher) Attach(ctx context.Context, q Request) (Attachment, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, err := a.one(ctx, q.Container)
	if err != nil {
		return Attachment{}, err
	}
	return a.attach(ctx, q, c)
}

func (a *Attacher) attach(ctx context.Context, q Request, c one) (Attachment, error) {
	addresses, err := parseAddresses(q.Addresses)
	if err != nil {
		return Attachment{}, err
	}
	r, known := a.ledger.of(c.id, q.Interface)
	switch {
	case !known || r.Detached || r.Declaring:
		r = Attachment{Container: c.id, Name: c.name, Interface: q.Interface, Network: q.Network, MAC: q.MAC}
		if r, err = a.declared(ctx, r, c, addresses); err != nil {
			return r, err
		}
	case r.Network != "" && r.Network != q.Network || !sameAddress(r, addresses) || !q.MAC.IsZero() && q.MAC != r.MAC:
		return r, fmt.Errorf("container %s has %s attached to network %q already, with addresses %v and MAC %s: weft detach it first, or take another --interface", c.name, r.Interface, r.Network, r.Addresses, r.MAC)
	}
	if c.pid == 0 || r.Run == c.run {
		return r, nil // it is plugged in when the container starts
	}
	if err := a.plugIn(ctx, r, c); err != nil {
		if known {
			return r, err // and it is tried again
		}
		return r, errors.Join(err, a.forget(context.WithoutCancel(ctx), r))
	}
	a.control.UntilInstalled(ctx, r.Endpoint)
	r, _ = a.ledger.of(c.id, q.Interface)
	return r, nil
}

// declared is a new attachment, as the controller completes it: that of an
// endpoint which somebody has declared for the container, or a new one. That one
// is on its way is on disk before the controller hears of it, so that whatever
// comes of that is known.
func (a *Attacher) declared(ctx context.Context, r Attachment, c one, addresses []model.Addr) (Attachment, error) {
	if err := model.CheckID("interface", endpointID(r)); err != nil {
		return r, fmt.Errorf("interface %q: only letters, digits, '_', '.' and '-' can be in its name", r.Interface)
	}
	if err := c.ownsNetwork(); err != nil {
		return r, err
	}
	if c.pid != 0 {
		if err := isFree(c.pid, r.Interface); err != nil {
			return r, err
		}
	}
	met, is, err := a.meet(ctx, r, addresses)
	if err != nil {
		return r, err
	}
	if is {
		return met, a.ledger.put(met)
	}
	r.Endpoint, r.Made, r.Declaring = endpointID(r), true, true
	if err := a.ledger.put(r); err != nil {
		return r, err
	}
	complete, err := a.declare(ctx, r, addresses)
	if err != nil {
		return r, errors.Join(err, a.ledger.drop(r))
	}
	complete.Declaring = false
	return complete, a.ledger.put(complete)
}

// Detach takes an interface of a container away, for good. The endpoint goes
// with it when the controller answers.
func (a *Attacher) Detach(ctx context.Context, name, iface string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, err := a.one(ctx, name)
	if err != nil {
		return err
	}
	r, known := a.ledger.of(c.id, iface)
	if !known || r.Detached {
		return fmt.Errorf("container %s has no %s attached", c.name, iface)
	}
	if err := a.forget(ctx, r); err != nil {
		return err
	}
	// Its label would attach it at once.
	if err := a.ledger.put(Attachment{Container: r.Container, Name: r.Name, Interface: r.Interface, Detached: true}); err != nil {
		return err
	}
	a.log.Info("detached", "container", r.Name, "interface", r.Interface)
	a.deleteLater(ctx)
	return nil
}
