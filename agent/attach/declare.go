package attach

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// declaredHere begins the ids of endpoints that an agent declared for a
// container that it attached.
const declaredHere = "attach-"

// endpointID is the same for the same container and interface, so that declaring
// it twice makes one.
func endpointID(r Attachment) string {
	return fmt.Sprintf("%s%.12s-%s", declaredHere, r.Container, r.Interface)
}

// declare makes the controller's endpoint for an attachment, and completes the
// attachment by what that says.
func (a *Attacher) declare(ctx context.Context, r Attachment, addresses []model.Addr) (Attachment, error) {
	host, err := a.host(ctx)
	if err != nil {
		return r, err
	}
	wanted := model.Endpoint{ID: endpointID(r), Network: r.Network, MAC: r.MAC, Addresses: addresses, Host: host}
	if model.CheckName("name", r.Name) == nil {
		wanted.Name = r.Name
	}
	stored, err := a.put(ctx, wanted)
	var refused *model.Error
	if errors.As(err, &refused) && refused.Kind == model.Conflict && refused.Field == "name" {
		wanted.Name = "" // a container of another host is called so
		stored, err = a.put(ctx, wanted)
	}
	if err != nil {
		return r, err
	}
	// Only now the container is named: the controller chooses no MAC address for
	// an endpoint that names one, since ovs-docker would not take it.
	stored.Container, stored.Interface = r.Name, r.Interface
	if stored, err = a.put(ctx, stored); err != nil {
		return r, err
	}
	r.Made = true
	return r.like(stored), nil
}

// like is an attachment that looks as the controller says.
func (r Attachment) like(e model.Endpoint) Attachment {
	r.Endpoint, r.MAC, r.MTU = e.ID, e.MAC, e.MTU
	r.Addresses, r.Gateways = nil, nil
	for _, p := range e.Prefixes {
		r.Addresses = append(r.Addresses, p.Prefix)
	}
	for _, g := range e.Gateway {
		r.Gateways = append(r.Gateways, g.Addr)
	}
	return r
}

// meet takes the endpoint that somebody has declared for the container, if there
// is one with what is asked for. The controller leaves the choice of its MAC
// address to whoever attaches the container, and now hears of it.
func (a *Attacher) meet(ctx context.Context, r Attachment, addresses []model.Addr) (met Attachment, is bool, err error) {
	e, err := a.endpointOf(ctx, r)
	if err != nil || e.ID == "" || e.Network != r.Network || !r.MAC.IsZero() && !e.MAC.IsZero() && r.MAC != e.MAC {
		return r, false, needed(err)
	}
	if met = r.like(e); !sameAddress(met, addresses) {
		return r, false, nil
	}
	switch address, has := e.FirstIPv4(); {
	case !e.MAC.IsZero():
	case !r.MAC.IsZero():
		e.MAC = r.MAC
	case has:
		e.MAC = model.MACFrom(ipam.MAC(address, 0)) // as for endpoints without a container
	default:
		e.MAC = model.MACFrom([6]byte{0x02, byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256))})
	}
	if e, err = a.put(ctx, e); err != nil {
		return r, false, err
	}
	return r.like(e), true, nil
}

// needed is the error of a call without which nothing can be attached.
func needed(err error) error {
	if errors.Is(err, control.ErrAway) {
		return fmt.Errorf("a container can only be attached while the controller answers: %w", err)
	}
	return err
}

func (a *Attacher) put(ctx context.Context, e model.Endpoint) (stored model.Endpoint, err error) {
	err = a.control.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
		stored, _, err = api.PutEndpoint(ctx, e, client.WriteOptions{})
		return err
	})
	return stored, needed(err)
}

// away says why what needs the controller is not even tried, nil if it answers.
func (a *Attacher) away() error {
	if _, fresh := a.control.Networks(); fresh {
		return nil
	}
	return errors.New("it waits for the controller, which does not answer")
}

// errandTime bounds how long is spent with endpoints that are to go.
const errandTime = 5 * time.Second

// deleteLater deletes the endpoints that are to go, as far as the controller
// answers. It reports whether any is left.
func (a *Attacher) deleteLater(ctx context.Context) (left bool) {
	if a.away() != nil {
		return len(a.ledger.now.Later) > 0
	}
	ctx, cancel := context.WithTimeout(ctx, errandTime)
	defer cancel()
	for len(a.ledger.now.Later) > 0 {
		id := a.ledger.now.Later[0]
		err := a.control.Call(ctx, func(ctx context.Context, api *client.Client) error {
			_, err := api.DeleteEndpoint(ctx, id, client.WriteOptions{})
			return err
		})
		switch kind := model.KindOf(err); {
		case err == nil, kind == model.NotFound:
		case kind == 0, kind == model.Unavailable, kind == model.OutOfDisk, kind == model.Timeout:
			a.log.Debug("left for later", "delete endpoint", id, "error", err)
			return true
		default:
			a.log.Warn("the controller refuses to delete an endpoint", "endpoint", id, "error", err)
		}
		a.ledger.now.Later = a.ledger.now.Later[1:]
		if err := a.ledger.save(); err != nil {
			a.log.Error("an endpoint that is deleted will be deleted again", "error", err)
			return true
		}
	}
	return false
}

// review deletes, once, the endpoints of this agent's making that it has lost the
// records of, and whose containers Docker's list has not. It reports whether that
// is still to be done.
func (a *Attacher) review(ctx context.Context, all containers) (left bool) {
	if a.reviewed {
		return false
	}
	if a.away() != nil {
		return true
	}
	host, err := a.host(ctx)
	if err != nil {
		return true
	}
	var list []model.Endpoint
	err = a.control.Call(ctx, func(ctx context.Context, api *client.Client) (err error) {
		list, err = api.Endpoints(ctx, "")
		return err
	})
	if err != nil {
		return true
	}
	a.reviewed = true
	for _, e := range list {
		short, ours := endpointContainer(e)
		if _, exists := all.called(short); !ours || e.Host != host || exists || a.remembered(e.ID) {
			continue
		}
		a.log.Info("an endpoint is swept whose container Docker has not", "endpoint", e.ID)
		a.ledger.now.Later = append(a.ledger.now.Later, e.ID)
	}
	return false
}

// endpointContainer is the beginning of the id of the container for which an
// agent declared an endpoint.
func endpointContainer(e model.Endpoint) (short string, ours bool) {
	const digits = 12
	if len(e.ID) <= len(declaredHere)+digits || e.ID[:len(declaredHere)] != declaredHere {
		return "", false
	}
	return e.ID[len(declaredHere):][:digits], true
}

func (a *Attacher) remembered(endpoint string) bool {
	for _, r := range a.ledger.now.Attachments {
		if r.Endpoint == endpoint {
			return true
		}
	}
	return false
}

// sameAddress reports whether an attachment has what was asked for.
func sameAddress(r Attachment, wanted []model.Addr) bool {
	for _, w := range wanted {
		found := false
		for _, p := range r.Addresses {
			found = found || p.Addr() == w.Addr
		}
		if !found {
			return false
		}
	}
	return true
}

// parseAddresses reads the addresses of a command or a label.
func parseAddresses(texts []string) (all []model.Addr, err error) {
	for _, text := range texts {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("%q is not an IP address such as 10.0.1.10; its prefix is that of the network", text)
		}
		all = append(all, model.AddrFrom(ip))
	}
	return all, nil
}
