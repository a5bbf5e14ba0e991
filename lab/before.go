package lab

import (
	"context"
	"fmt"
	"net/netip"

	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/model"
)

// CheckBefore tests the expectations about the time before anything is declared:
// it plugs their containers as their endpoints are going to be declared, looks,
// and leaves them plugged. [Lab.Check] reports what was found, and sees that the
// same containers reach each other later: without that, nothing is proved.
func (l *Lab) CheckBefore(ctx context.Context) error {
	var expectations []Expectation
	for _, e := range l.Topology.Expect {
		if e.Before {
			expectations = append(expectations, e)
		}
	}
	if len(expectations) == 0 {
		return nil
	}
	l.options.Progress("before anything is declared")
	if err := l.plugEarly(ctx, expectations); err != nil {
		return err
	}
	stop, err := l.respond(ctx, expectations)
	if err != nil {
		return err
	}
	defer stop()
	found := map[string]string{}
	for _, e := range expectations {
		found[e.String()] = ""
		if err := l.nothingArrives(ctx, e); err != nil {
			found[e.String()] = err.Error()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = found
	return l.save()
}

// plugEarly plugs the containers of expectations as far as the file says how.
func (l *Lab) plugEarly(ctx context.Context, expectations []Expectation) error {
	all, plugging := errgroup.WithContext(ctx)
	started := map[string]bool{}
	for _, e := range expectations {
		for _, name := range []string{e.From, e.To} {
			if started[name] {
				continue
			}
			started[name] = true
			c, early := l.Container(name), model.Endpoint{}
			i, err := l.Topology.endpointOf(*l.Topology.container(name))
			if err == nil {
				early, err = l.Topology.early(i)
			}
			if err != nil {
				return fmt.Errorf("plug container %s before it is declared: %w", name, err)
			}
			all.Go(func() error {
				if err := c.Host.waitForBridge(plugging); err != nil {
					return err
				}
				return c.Plug(plugging, early)
			})
		}
	}
	return all.Wait()
}

// early is an endpoint as the controller is going to show it, as far as that is
// known: without MTU and MAC, unless they are given.
func (t *Topology) early(endpoint int) (model.Endpoint, error) {
	e := t.Endpoints[endpoint]
	e.Normalize()
	for _, n := range t.Networks {
		if n.Name != e.Network {
			continue
		}
		n.Normalize()
		for _, a := range e.Addresses {
			subnet, ok := n.SubnetOf(a.Addr)
			if !ok {
				return model.Endpoint{}, fmt.Errorf("%s is in no subnet of %s", a.Addr, n.Name)
			}
			e.Prefixes = append(e.Prefixes, model.PrefixFrom(netip.PrefixFrom(a.Addr, subnet.Bits())))
		}
	}
	return e, nil
}
