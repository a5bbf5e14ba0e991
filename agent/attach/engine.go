package attach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netlink"
)

const (
	// callTime bounds one call of Docker's API.
	callTime = 5 * time.Second
	// retryEngine is how often Docker is looked for while it is away.
	retryEngine = time.Second
)

// containers are Docker's, by id.
type containers map[string]container.Summary

// containers lists all, running or not.
func (a *Attacher) containers(ctx context.Context) (containers, error) {
	list, err := a.engine.ContainerList(ctx, client.ContainerListOptions{All: true})
	if err != nil {
		return nil, err
	}
	all := make(containers, len(list.Items))
	for _, c := range list.Items {
		all[c.ID] = c
	}
	return all, nil
}

// nameOf is what people call a container.
func nameOf(c container.Summary) string {
	for _, name := range c.Names {
		// Links of other containers are names with another slash.
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			return name
		}
	}
	return c.ID
}

// called is the one container that goes by a name, an id, or its beginning.
func (all containers) called(name string) (id string, found bool) {
	for _, c := range all {
		if nameOf(c) == name {
			return c.ID, true
		}
	}
	for _, c := range all {
		if name != "" && strings.HasPrefix(c.ID, name) {
			if found {
				return "", false
			}
			id, found = c.ID, true
		}
	}
	return id, found
}

// one is a container at this moment.
type one struct {
	id, name string
	pid      int    // 0 while it does not run
	run      string // when it was started
	network  container.NetworkMode
}

func (a *Attacher) one(ctx context.Context, name string) (one, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := a.engine.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return one{}, fmt.Errorf("ask Docker for container %q: %w", name, err)
	}
	c := answer.Container
	if c.State == nil || c.HostConfig == nil {
		return one{}, fmt.Errorf("ask Docker for container %q: the answer does not say whether it runs", name)
	}
	o := one{id: c.ID, name: strings.TrimPrefix(c.Name, "/"), network: c.HostConfig.NetworkMode}
	if c.State.Running {
		o.pid, o.run = c.State.Pid, c.State.StartedAt
	}
	return o, nil
}

// ownsNetwork says why a container cannot be attached.
func (o one) ownsNetwork() error {
	switch {
	case o.network.IsHost():
		return errors.New("the container shares the network of the host (--net host): start it with --net none")
	case o.network.IsContainer():
		return fmt.Errorf("the container shares the network of container %q: attach that one", o.network.ConnectedContainer())
	}
	return nil
}

// listenToEngine pokes when Docker comes, and when it says that a container has
// come up, ended, or gone.
func (a *Attacher) listenToEngine(ctx context.Context) {
	of := make(client.Filters).Add("type", string(events.ContainerEventType)).
		Add("event", string(events.ActionStart), string(events.ActionDie), string(events.ActionDestroy))
	for ctx.Err() == nil {
		stream := a.engine.Events(ctx, client.EventsListOptions{Filters: of})
		a.poke()
		for streaming := true; streaming; {
			select {
			case <-stream.Messages:
				a.poke()
			case err := <-stream.Err:
				a.log.Debug("no events of Docker", "error", err)
				streaming = false
			}
		}
		select {
		case <-time.After(retryEngine):
		case <-ctx.Done():
		}
	}
}

// listenToLinks pokes when the kernel says that there is a new interface, or one
// less: ovs-docker tells nobody.
func (a *Attacher) listenToLinks(ctx context.Context) error {
	updates := make(chan netlink.LinkUpdate, 64)
	if err := netlink.LinkSubscribe(updates, ctx.Done()); err != nil {
		return fmt.Errorf("subscribe to the kernel's changes of links: %w", err)
	}
	go func() {
		settled := time.AfterFunc(time.Hour, a.poke)
		defer settled.Stop()
		for u := range updates {
			if u.Link.Type() == "veth" {
				settled.Reset(settle)
			}
		}
	}()
	return nil
}
