package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/weft-sdn/weft/model"
)

// Networks lists the networks.
func (c *Client) Networks(ctx context.Context) ([]model.Network, error) {
	var list []model.Network
	_, err := c.do(ctx, get("networks"), &list)
	return list, err
}

// NetworksAsOf lists the networks with the revision that the list is of, from
// which Watch goes on.
func (c *Client) NetworksAsOf(ctx context.Context) ([]model.Network, uint64, error) {
	var list []model.Network
	response, err := c.do(ctx, get("networks"), &list)
	if err != nil {
		return nil, 0, err
	}
	return list, revisionOf(response.Header), nil
}

// Network shows a network.
func (c *Client) Network(ctx context.Context, name string) (model.Network, error) {
	var network model.Network
	_, err := c.do(ctx, get("networks", name), &network)
	return network, err
}

// Endpoints lists the endpoints of a network, or of all when it is "".
func (c *Client) Endpoints(ctx context.Context, network string) ([]model.Endpoint, error) {
	path := []string{"endpoints"}
	if network != "" {
		path = []string{"networks", network, "endpoints"}
	}
	var list []model.Endpoint
	_, err := c.do(ctx, get(path...), &list)
	return list, err
}

// Endpoint shows an endpoint.
func (c *Client) Endpoint(ctx context.Context, id string) (model.Endpoint, error) {
	var endpoint model.Endpoint
	_, err := c.do(ctx, get("endpoints", id), &endpoint)
	return endpoint, err
}

// Routers lists the routers.
func (c *Client) Routers(ctx context.Context) ([]model.Router, error) {
	var list []model.Router
	_, err := c.do(ctx, get("routers"), &list)
	return list, err
}

// Router shows a router.
func (c *Client) Router(ctx context.Context, name string) (model.Router, error) {
	var router model.Router
	_, err := c.do(ctx, get("routers", name), &router)
	return router, err
}

// Forwards lists the forwards of a network, or of all when it is "".
func (c *Client) Forwards(ctx context.Context, network string) ([]model.Forward, error) {
	path := []string{"forwards"}
	if network != "" {
		path = []string{"networks", network, "forwards"}
	}
	var list []model.Forward
	_, err := c.do(ctx, get(path...), &list)
	return list, err
}

// Forward shows a forward of a network.
func (c *Client) Forward(ctx context.Context, network, id string) (model.Forward, error) {
	var forward model.Forward
	_, err := c.do(ctx, get("networks", network, "forwards", id), &forward)
	return forward, err
}

// NIC shows an interface of a host that is in a network.
func (c *Client) NIC(ctx context.Context, host, iface string) (model.NIC, error) {
	var nic model.NIC
	_, err := c.do(ctx, get("hosts", host, "ports", iface), &nic)
	return nic, err
}

// Hosts lists the hosts.
func (c *Client) Hosts(ctx context.Context) ([]model.Host, error) {
	var list []model.Host
	_, err := c.do(ctx, get("hosts"), &list)
	return list, err
}

// Host shows a host.
func (c *Client) Host(ctx context.Context, name string) (model.Host, error) {
	var host model.Host
	_, err := c.do(ctx, get("hosts", name), &host)
	return host, err
}

// HostPorts lists the ports of a host's br-weft.
func (c *Client) HostPorts(ctx context.Context, name string) ([]model.Port, error) {
	var list []model.Port
	_, err := c.do(ctx, get("hosts", name, "ports"), &list)
	return list, err
}

// Flows says which flows of a host are meant.
type Flows string

// What to list of a host's flows.
const (
	FlowsWanted     Flows = ""
	FlowsInstalled  Flows = "installed" // from a fresh dump
	FlowsDifference Flows = "diff"      // between the two
)

// HostFlows lists flows of a host.
func (c *Client) HostFlows(ctx context.Context, name string, which Flows) ([]model.HostFlow, error) {
	call := get("hosts", name, "flows")
	if which != FlowsWanted {
		call.query = url.Values{string(which): {"true"}}
	}
	var list []model.HostFlow
	_, err := c.do(ctx, call, &list)
	return list, err
}

// Explain says what a flow's cookie means, with the names of what it is for.
func (c *Client) Explain(ctx context.Context, cookie uint64) (model.Explanation, error) {
	var explanation model.Explanation
	_, err := c.do(ctx, get("cookies", fmt.Sprintf("%#x", cookie)), &explanation)
	return explanation, err
}

// Ready says whether every known host is as wanted.
func (c *Client) Ready(ctx context.Context) (model.Readiness, error) {
	var readiness model.Readiness
	ask := get("readyz")
	ask.accept = http.StatusServiceUnavailable // which says why not
	_, err := c.do(ctx, ask, &readiness)
	return readiness, err
}
