package attach

import (
	"context"
	"fmt"
	"reflect"

	"github.com/moby/moby/api/types/container"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

const defaultInterface = model.DefaultInterface

// stock takes in what the stock ovs-docker has plugged in: it is remembered, so
// that it comes back when its container starts again, and gets what ovs-docker
// leaves out. It is forgotten when ovs-docker has removed it.
func (a *Attacher) stock(ctx context.Context, all containers, plugged ports) (again bool) {
	for _, r := range a.ledger.list() {
		if _, hasPort := plugged[r.Port]; !r.Stock || r.Run == "" || hasPort {
			continue
		}
		if device, err := index(r.Port); err != nil || device != 0 {
			continue
		}
		a.log.Info("ovs-docker has detached a container", "container", r.Name, "interface", r.Interface)
		if err := a.ledger.drop(r); err != nil {
			a.log.Error("it may come back", "container", r.Name, "error", err)
		}
	}
	for port, ids := range plugged {
		id, exists := all.called(ids[keyContainer])
		if attached := ids[keyAttached]; attached != "" {
			_, exists = all[attached]
			id = attached
		}
		if !exists || ids[keyInterface] == "" || all[id].State != container.StateRunning {
			continue
		}
		r, known := a.ledger.of(id, ids[keyInterface])
		unclear := !r.Stock && r.Network == "" // the controller has not said yet where it is
		if known && !r.Detached && (r.Port != port || !r.Stock && !unclear) {
			continue
		}
		if !known || r.Detached {
			r = Attachment{Container: id, Name: ids[keyContainer], Interface: ids[keyInterface], Port: port, Stock: true}
			if _, ours := endpointContainer(model.Endpoint{ID: ids[keyEndpoint]}); ours {
				r.Endpoint, r.Made, r.Stock = ids[keyEndpoint], true, false // the records were lost
			}
		}
		if err := a.take(ctx, r); err != nil {
			a.complain(id, err)
			again = true
		}
		if now, _ := a.ledger.of(id, ids[keyInterface]); now.Made && now.Network == "" {
			again = true
		}
	}
	return again
}

// take remembers a port as it is at this moment, and completes it.
func (a *Attacher) take(ctx context.Context, r Attachment) error {
	before, _ := a.ledger.of(r.Container, r.Interface)
	device, err := index(r.Port)
	if err != nil || device == 0 {
		return err // its device is gone: what runs is attached anew
	}
	c, err := a.one(ctx, r.Container)
	if err != nil || c.pid == 0 || r.Run != "" && r.Run != c.run {
		return err
	}
	ours, err := look(c.pid, &r, device)
	if err != nil {
		return fmt.Errorf("look at %s of container %s: %w", r.Interface, r.Name, err)
	}
	if !ours {
		return nil // a port of that name is not what it seems
	}
	r.Run = c.run
	if !r.Complete {
		if err := a.completePort(ctx, &r, c); err != nil {
			return err
		}
	}
	if reflect.DeepEqual(before, r) {
		return nil
	}
	return a.ledger.put(r)
}

// completePort does what ovs-docker leaves out. What the controller has to say
// comes later where it does not answer, or has no endpoint for the container yet.
func (a *Attacher) completePort(ctx context.Context, r *Attachment, c one) error {
	var e model.Endpoint
	err := a.away()
	if err == nil {
		e, err = a.endpointOf(ctx, *r)
	}
	if err != nil {
		a.log.Debug("the controller does not say what an interface should be like", "container", r.Name, "error", err)
	}
	userspace, err := a.socket.Adopt(ctx, r.Port, map[string]string{keyAttached: r.Container}, e.MTU)
	if err != nil {
		return err
	}
	if err := complete(c.pid, *r, e.MTU, e.MAC, userspace); err != nil {
		return fmt.Errorf("complete %s of container %s: %w", r.Interface, r.Name, err)
	}
	if e.ID == "" {
		return nil
	}
	if e.MAC.IsZero() {
		// Or it would be adopted from the first frame of the port, and a container
		// that only waits to be asked sends none.
		e.MAC = r.MAC
		if _, err := a.put(ctx, e); err != nil {
			return err
		}
	}
	r.Complete, r.Network, r.MTU, r.MAC = true, e.Network, e.MTU, e.MAC
	a.log.Info("completed what ovs-docker plugged in", "container", r.Name, "interface", r.Interface, "network", r.Network)
	return nil
}

// endpointOf is the endpoint that names the container's interface and is no
// other host's, the zero value if there is none; in the attachment's network
// where that is known.
func (a *Attacher) endpointOf(ctx context.Context, r Attachment) (e model.Endpoint, err error) {
	host, err := a.host(ctx)
	if err != nil {
		return e, err
	}
	var list []model.Endpoint
	err = a.control.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
		list, err = api.Endpoints(ctx, r.Network)
		return err
	})
	for _, one := range list {
		if one.Container == r.Name && one.Interface == r.Interface && (one.Host == "" || one.Host == host) {
			return one, nil
		}
	}
	return e, err
}
