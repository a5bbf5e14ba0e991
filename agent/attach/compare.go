package attach

import (
	"context"
	"maps"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// Labels of a container that attach it without a command.
const (
	labelNetwork = "weft.network"
	labelAddress = "weft.ip"
)

// ports are those of br-weft that are a container's, by name, with their
// external_ids.
type ports map[string]map[string]string

// compare makes everything as Docker's list and what is remembered say. It
// returns when to look again, if nothing happens before.
func (a *Attacher) compare(ctx context.Context) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, engineTime)
	defer cancel()
	// Nothing is attached while the lock is held: what is remembered and not
	// listed is gone.
	all, err := a.containers(ctx)
	if err != nil {
		a.log.Debug("Docker does not list its containers", "error", err)
		return retry
	}
	plugged, err := a.socket.Plugged(ctx, keyContainer)
	if err != nil {
		a.log.Debug("Open vSwitch does not list its ports", "error", err)
		return retry
	}
	again := a.sweep(ctx, all, plugged)
	again = a.stock(ctx, all, plugged) || again
	for _, r := range a.ledger.list() {
		if r.Detached {
			continue
		}
		again = a.repair(ctx, r, all[r.Container].State, plugged) || again
	}
	maps.DeleteFunc(a.complaints, func(id string, _ complaint) bool { _, exists := all[id]; return !exists })
	again = a.review(ctx, all) || again
	again = a.deleteLater(ctx) || again
	// Last, for a container may have the address of one that was removed.
	for id, c := range all {
		again = a.label(ctx, id, c) || again
	}
	if again {
		return retry
	}
	return period
}

// sweep removes what belongs to containers that Docker's list has no more, and
// ports of the agent's that nothing remembers and that have no device.
func (a *Attacher) sweep(ctx context.Context, all containers, plugged ports) (again bool) {
	for _, r := range a.ledger.list() {
		_, exists := all[r.Container]
		if exists && !r.Declaring {
			continue
		}
		if !exists && !r.Detached {
			a.log.Info("an attachment is swept whose container Docker has not", "container", r.Name, "interface", r.Interface, "endpoint", r.Endpoint)
		}
		if err := a.forget(ctx, r); err != nil {
			a.log.Error("an attachment cannot be swept", "container", r.Name, "error", err)
			again = true
		}
		delete(plugged, r.Port)
	}
	for port, ids := range plugged {
		id := ids[keyAttached]
		if id == "" || a.owned(port) {
			continue
		}
		device, err := index(port)
		if _, exists := all[id]; err != nil || exists && device != 0 {
			continue // it is remembered again
		}
		a.log.Info("a port is swept that has no container", "port", port, "container", ids[keyContainer])
		if err := a.unplug(ctx, port); err != nil {
			a.log.Error("a port cannot be swept", "port", port, "error", err)
			again = true
		}
		delete(plugged, port)
	}
	return again
}

// owned reports whether a port is remembered.
func (a *Attacher) owned(port string) bool {
	for _, r := range a.ledger.now.Attachments {
		if r.Port == port {
			return true
		}
	}
	return false
}

// repair plugs in what runs and is not, and takes the port of what does not run
// off the bridge, for it has no device.
func (a *Attacher) repair(ctx context.Context, r Attachment, state container.ContainerState, plugged ports) (again bool) {
	err := a.repaired(ctx, r, state, plugged)
	if err == nil {
		return false
	}
	a.complain(r.Container, err)
	return true
}

func (a *Attacher) repaired(ctx context.Context, r Attachment, state container.ContainerState, plugged ports) error {
	var c one
	if state == container.StateRunning || state == container.StatePaused {
		var err error
		if c, err = a.one(ctx, r.Container); err != nil {
			return err
		}
	}
	_, hasPort := plugged[r.Port]
	if c.pid == 0 {
		if r.Run == "" && !hasPort {
			return nil
		}
		if err := a.unplug(ctx, r.Port); err != nil {
			return err
		}
		r.Run = ""
		return a.ledger.put(r)
	}
	device, err := index(r.Port)
	if err != nil {
		return err
	}
	if r.Run == c.run && hasPort && device != 0 {
		return nil
	}
	if err := a.plugIn(ctx, r, c); err != nil {
		return err
	}
	delete(a.complaints, r.Container)
	return nil
}

// bridgeInterface is what a container of Docker's default bridge has in the
// default network: its eth0 is on the bridge.
const bridgeInterface = "eth1"

// request is what a container's labels ask for or, if it is on Docker's default
// bridge and has no such label, what the default network is there for.
func (a *Attacher) request(id string, c container.Summary) (q Request, asked bool) {
	q = Request{Container: id, Network: c.Labels[labelNetwork], Interface: defaultInterface}
	if q.Network == "" && (c.HostConfig.NetworkMode == network.NetworkDefault || c.HostConfig.NetworkMode == network.NetworkBridge) {
		q.Network, q.Interface = a.bridged, bridgeInterface
	}
	if address := c.Labels[labelAddress]; address != "" {
		q.Addresses = []string{address}
	}
	return q, q.Network != ""
}

// label attaches a container that runs as its labels say.
func (a *Attacher) label(ctx context.Context, id string, c container.Summary) (again bool) {
	q, asked := a.request(id, c)
	if !asked || c.State != container.StateRunning {
		return false
	}
	if _, known := a.ledger.of(id, q.Interface); known {
		return false
	}
	if err := a.away(); err != nil {
		a.complain(id, err)
		return true
	}
	now, err := a.one(ctx, id)
	if err == nil {
		_, err = a.attach(ctx, q, now)
	}
	if err != nil {
		a.complain(id, err) // and again when everything is compared next
		return false
	}
	delete(a.complaints, id)
	return false
}
