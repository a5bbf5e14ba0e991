package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	"github.com/docker/go-plugins-helpers/network"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// portMap is the key of what is published with -p.
const portMap = "com.docker.network.portmap"

// Protocols as Docker numbers them (IANA's protocol numbers).
const (
	protocolTCP = 6
	protocolUDP = 17
)

// binding is one published port, as Docker says it.
type binding struct {
	Proto       int
	Port        int // of the container
	HostIP      string
	HostPort    int
	HostPortEnd int
}

func bindings(options map[string]any) ([]binding, error) {
	if options[portMap] == nil {
		return nil, nil
	}
	text, err := json.Marshal(options[portMap])
	if err != nil {
		return nil, err
	}
	var out []binding
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("read which ports Docker wants published: %w", err)
	}
	return out, nil
}

// forward is the forward that a published port becomes.
func (b binding) forward(e model.Endpoint) (model.Forward, error) {
	f := model.Forward{Network: e.Network, Port: b.HostPort, Endpoint: e.ID, EndpointPort: b.Port}
	switch b.Proto {
	case protocolTCP:
		f.Protocol = model.TCP
	case protocolUDP:
		f.Protocol = model.UDP
	default:
		return f, fmt.Errorf("port %d: only tcp and udp can be published", b.Port)
	}
	if b.HostPort == 0 || b.HostPortEnd > b.HostPort {
		return f, fmt.Errorf("say at which port of the gateway hosts port %d is published, as in -p 8080:%[1]d: none is chosen, for Docker could not show which", b.Port)
	}
	if b.HostIP != "" {
		a, err := netip.ParseAddr(b.HostIP)
		if err != nil {
			return f, fmt.Errorf("-p: %q is not an address", b.HostIP)
		}
		if !a.IsUnspecified() {
			f.Address = model.AddrFrom(a)
		}
	}
	f.ID = fmt.Sprintf("docker-%.12s-%s-%d", e.ID, f.Protocol, f.Port)
	return f, nil
}

func forwards(options map[string]any, e model.Endpoint) ([]model.Forward, error) {
	published, err := bindings(options)
	if err != nil {
		return nil, err
	}
	var out []model.Forward
	for _, b := range published {
		f, err := b.forward(e)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// canPublish refuses what could not be carried out later, when Docker does not
// ask on every network.
func (d *Driver) canPublish(name string, options map[string]any) error {
	wanted, err := forwards(options, model.Endpoint{Network: name, ID: "unknown"})
	if err != nil || len(wanted) == 0 {
		return err
	}
	n, known := d.control.Network(name)
	if known && !n.Leaves() {
		return fmt.Errorf("-p: ports are published on the gateway hosts of a network, and network %q has gateway mode %s: leave -p out and reach the container by its address, or change the network to mode %s or %s first", name, n.GatewayMode(), model.GatewaySNAT, model.GatewayRouted)
	}
	return nil
}

// publish makes a forward of each published port. They lead to the container
// from all gateway hosts of its network, wherever it runs.
func (d *Driver) publish(ctx context.Context, r *network.ProgramExternalConnectivityRequest) (*none, error) {
	e := d.endpoint(r.EndpointID)
	if e.ID == "" {
		return &none{}, nil
	}
	wanted, err := forwards(r.Options, e)
	if err != nil || len(wanted) == 0 {
		return &none{}, err
	}
	err = d.control.Call(ctx, func(ctx context.Context, api *client.Client) error {
		_, _, err := api.Apply(ctx, model.Document{Forwards: wanted}, client.WriteOptions{Wait: true, Timeout: control.SettleTime})
		return err
	})
	if err != nil && model.KindOf(err) != model.Timeout { // then they stand, and come
		return nil, fmt.Errorf("publish ports of network %q: %w", e.Network, plain(err))
	}
	return &none{}, d.ledger.change(func(now *records) error {
		if rec := now.Endpoints[r.EndpointID]; rec != nil {
			rec.Forwards = nil
			for _, f := range wanted {
				rec.Forwards = append(rec.Forwards, f.ID)
			}
		}
		return nil
	})
}

// unpublish takes the forwards away when Docker publishes the ports on another
// of the container's networks. Those of a deleted endpoint go with it.
func (d *Driver) unpublish(ctx context.Context, r *network.RevokeExternalConnectivityRequest) (*none, error) {
	err := d.ledger.change(func(now *records) error {
		rec := now.Endpoints[r.EndpointID]
		if rec == nil {
			return nil
		}
		for _, id := range rec.Forwards {
			now.Later = append(now.Later, errand{Network: rec.Wanted.Network, Forward: id})
		}
		rec.Forwards = nil
		return nil
	})
	d.doErrands(ctx)
	return &none{}, err
}

// endpoint is an endpoint as the controller has it, the zero value if it is not
// known.
func (d *Driver) endpoint(id string) (e model.Endpoint) {
	d.ledger.read(func(now *records) {
		if rec := now.Endpoints[id]; rec != nil {
			e = rec.Wanted
		}
	})
	return e
}
