package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/model"
)

// Declare tells the controller of the networks, endpoints, routers and links of the
// topology, in one transaction, and then of its forwards and NICs.
func (l *Lab) Declare(ctx context.Context) error {
	if l.Topology.linked() { // links are between known hosts
		if err := l.WaitJoined(ctx); err != nil {
			return err
		}
	}
	l.options.Progress("networks and endpoints")
	if err := l.call(ctx, http.MethodPost, "/apply", l.Topology.Document(), nil); err != nil {
		return fmt.Errorf("declare the networks and endpoints: %w", err)
	}
	for _, f := range l.Topology.Forwards {
		if err := l.call(ctx, http.MethodPost, "/networks/"+f.Network+"/forwards", f, nil); err != nil {
			return fmt.Errorf("declare the forward %s to endpoint %s: %w", f.Title(), f.Endpoint, err)
		}
	}
	if len(l.Topology.NICs) == 0 {
		return nil
	}
	if err := l.WaitJoined(ctx); err != nil { // a NIC is a known host's
		return err
	}
	for _, n := range l.Topology.NICs {
		if err := l.call(ctx, http.MethodPut, "/hosts/"+n.Host+"/ports/"+n.Interface, n, nil); err != nil {
			return fmt.Errorf("put %s of host %s into network %s: %w", n.Interface, n.Host, n.Network, err)
		}
	}
	return nil
}

// PlugAll plugs every container of the topology as the endpoint that the
// controller says it is, and waits until all of them are installed.
func (l *Lab) PlugAll(ctx context.Context) error {
	return l.PlugSome(ctx, l.Topology.Containers)
}

// PlugSome is [Lab.PlugAll] for some of the topology's containers.
func (l *Lab) PlugSome(ctx context.Context, some []ContainerSpec) error {
	l.options.Progress("containers")
	endpoints, err := l.endpointsOfContainers(ctx, some)
	if err != nil {
		return err
	}
	all, plugging := errgroup.WithContext(ctx)
	var plugged []*Container
	for _, spec := range some {
		c := l.Container(spec.Name)
		plugged = append(plugged, c)
		all.Go(func() error {
			if err := c.Host.waitForBridge(plugging); err != nil {
				return err
			}
			if c.Plugged() { // before it was declared
				return c.Adopt(endpoints[c.Name])
			}
			return c.Plug(plugging, endpoints[c.Name])
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if err := l.WaitInstalled(ctx, plugged...); err != nil {
		return err
	}
	return l.WaitGateways(ctx)
}

// WaitGateways waits until the controller says of no network that its gateway
// hosts are not ready, or down.
func (l *Lab) WaitGateways(ctx context.Context) error {
	var missing []string
	err := until(ctx, "every gateway is ready", func() (bool, error) {
		var networks []model.Network
		if err := l.call(ctx, http.MethodGet, "/networks", nil, &networks); err != nil {
			return false, err
		}
		missing = nil
		for _, n := range networks {
			for _, c := range n.Conditions {
				if c.Type == model.GatewayNotReady || c.Type == model.GatewayDown {
					missing = append(missing, fmt.Sprintf("network %s: %s: %s", n.Name, c.Type, c.Message))
				}
			}
		}
		return len(missing) == 0, nil
	})
	if err != nil && len(missing) > 0 {
		return fmt.Errorf("%w; still missing:\n  %s", err, strings.Join(missing, "\n  "))
	}
	return err
}

// endpointsOfContainers asks the controller what it made of the endpoints that
// containers are to have.
func (l *Lab) endpointsOfContainers(ctx context.Context, some []ContainerSpec) (map[string]model.Endpoint, error) {
	declared, err := l.Endpoints(ctx)
	if err != nil {
		return nil, err
	}
	endpoints := map[string]model.Endpoint{}
	for _, spec := range some {
		i, err := l.Topology.endpointOf(spec)
		if err != nil {
			return nil, err
		}
		want := l.Topology.Endpoints[i]
		found := slices.IndexFunc(declared, func(e model.Endpoint) bool {
			return e.Network == want.Network && e.Title() == want.Title()
		})
		if found < 0 {
			return nil, fmt.Errorf("the controller lists no endpoint %s/%s: declare it first", want.Network, want.Title())
		}
		endpoints[spec.Name] = declared[found]
	}
	return endpoints, nil
}

// WaitInstalled waits until the controller says that the endpoints of the
// containers are installed on their own hosts' switches, and that the other
// connected hosts know the way to them.
func (l *Lab) WaitInstalled(ctx context.Context, containers ...*Container) error {
	var missing []string
	err := until(ctx, "every endpoint is installed", func() (bool, error) {
		endpoints, err := l.Endpoints(ctx)
		if err != nil {
			return false, err
		}
		missing = nil
		for _, c := range containers {
			i := slices.IndexFunc(endpoints, func(e model.Endpoint) bool { return e.ID == c.endpoint.ID })
			if i >= 0 && endpoints[i].State == model.Installed {
				continue
			}
			missing = append(missing, describe(c, endpoints, i))
			if c.endpoint.Container != "" {
				// The controller learns such a container's MAC from its
				// first frame: let it have one.
				if err := c.announce(); err != nil {
					return false, err
				}
			}
		}
		if len(missing) > 0 {
			return false, nil
		}
		missing, err = l.behind(ctx)
		return len(missing) == 0, err
	})
	if err != nil && len(missing) > 0 {
		return fmt.Errorf("%w; still missing:\n  %s", err, strings.Join(missing, "\n  "))
	}
	return err
}

// WaitJoined waits until the controller knows every host and has programmed it.
func (l *Lab) WaitJoined(ctx context.Context) error {
	return until(ctx, "every host has joined", func() (bool, error) {
		var hosts []model.Host
		if err := l.call(ctx, http.MethodGet, "/hosts", nil, &hosts); err != nil {
			return false, err
		}
		joined := 0
		for _, h := range hosts {
			if h.Synchronized {
				joined++
			}
		}
		return joined == len(l.Hosts()), nil
	})
}

// behind are the connected hosts that have not confirmed all that is wanted.
func (l *Lab) behind(ctx context.Context) ([]string, error) {
	var hosts []model.Host
	if err := l.call(ctx, http.MethodGet, "/hosts", nil, &hosts); err != nil {
		return nil, err
	}
	var behind []string
	for _, h := range hosts {
		if h.OpenFlow == model.Connected && !h.Synchronized {
			behind = append(behind, h.Name+" has not confirmed its program")
		}
	}
	return behind, nil
}

func describe(c *Container, endpoints []model.Endpoint, i int) string {
	if i < 0 {
		return fmt.Sprintf("%s: the controller has no endpoint %s", c.Name, c.endpoint.ID)
	}
	text, _ := json.Marshal(endpoints[i].Conditions) // they come from JSON
	return fmt.Sprintf("%s: endpoint %s is %s, conditions %s", c.Name, c.endpoint.ID, endpoints[i].State, text)
}

// Endpoints are all endpoints as the controller shows them.
func (l *Lab) Endpoints(ctx context.Context) ([]model.Endpoint, error) {
	var all []model.Endpoint
	err := l.call(ctx, http.MethodGet, "/endpoints", nil, &all)
	return all, err
}

// call is the lab's only way to the controller's REST. A nil body sends none,
// a nil answer reads none.
func (l *Lab) call(ctx context.Context, method, path string, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+restAddress+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := l.control.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		var problem struct{ Field, Detail string } // RFC 9457
		if json.Unmarshal(text, &problem) != nil {
			problem.Detail = string(text)
		}
		return fmt.Errorf("%s %s: %s: %s %s", method, path, response.Status, problem.Field, problem.Detail)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}
