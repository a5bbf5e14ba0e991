package docker

import (
	"context"
	"errors"

	"github.com/docker/go-plugins-helpers/network"

	"github.com/weft-sdn/weft/agent/plug"
)

// Names of the ends of an endpoint's veth pair. Both are on the host until
// Docker moves the inner one.
func portName(endpoint string) string   { return "wv" + endpoint[:min(8, len(endpoint))] }
func insideName(endpoint string) string { return "wc" + endpoint[:min(8, len(endpoint))] }

// keyEndpoint marks the ports of Docker's endpoints in OVSDB.
const keyEndpoint = "weft-docker"

// inContainer begins the names of interfaces in a container; Docker counts.
const inContainer = "eth"

// join gives Docker an interface for the container that is a port of br-weft.
// It needs no controller: what the interface looks like was said before.
func (d *Driver) join(ctx context.Context, r *network.JoinRequest) (*network.JoinResponse, error) {
	e := d.endpoint(r.EndpointID)
	if e.ID == "" {
		return nil, errors.New("the agent of Weft does not know this endpoint of Docker's: disconnect the container and connect it again")
	}
	cord := plug.Cord{
		Port: portName(e.ID), Inside: insideName(e.ID), MAC: e.MAC.Bytes[:], MTU: e.MTU,
		ExternalIDs: map[string]string{"iface-id": e.ID, keyEndpoint: e.ID},
	}
	if err := d.socket.In(ctx, cord); err != nil {
		return nil, err
	}
	d.control.UntilInstalled(ctx, e.ID)
	answer := &network.JoinResponse{InterfaceName: network.InterfaceName{SrcName: cord.Inside, DstPrefix: inContainer}}
	for _, a := range e.Gateway {
		if a.Is6() {
			answer.GatewayIPv6 = a.String()
		} else {
			answer.Gateway = a.String()
		}
	}
	// Or Docker adds a bridge of its own as a way out.
	answer.DisableGatewayService = len(e.Gateway) == 0
	return answer, nil
}

// leave unplugs the port. The pair goes with the endpoint: Docker has still to
// take its end out of the container.
func (d *Driver) leave(ctx context.Context, r *network.LeaveRequest) (*none, error) {
	if err := d.socket.Out(ctx, portName(r.EndpointID)); err != nil {
		d.log.Error("a port stays on the bridge until its endpoint is deleted", "endpoint", r.EndpointID, "error", err)
	}
	return &none{}, nil
}
