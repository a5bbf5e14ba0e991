package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/docker/go-plugins-helpers/ipam"
	"github.com/google/uuid"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/model"
	restclient "github.com/weft-sdn/weft/rest/client"
)

// Options of requests for addresses.
const (
	addressType    = "RequestAddressType"
	gatewayAddress = "com.docker.network.gateway"
)

// newPool begins the ids of pools of networks that Docker creates by itself.
// A name of a network has no such character.
const newPool = "new:"

func (d *Driver) addressSpaces(context.Context, *none) (*ipam.AddressSpacesResponse, error) {
	return &ipam.AddressSpacesResponse{LocalDefaultAddressSpace: addressSpace, GlobalDefaultAddressSpace: addressSpace}, nil
}

// requestPool names a pool after its network where that is known. The id alone
// then says all, also to an agent that has lost its records.
func (d *Driver) requestPool(_ context.Context, r *ipam.RequestPoolRequest) (*ipam.RequestPoolResponse, error) {
	if r.Pool == "" {
		return nil, errors.New("say which subnet the network has: docker network create --subnet 10.0.1.0/24 …")
	}
	subnet, err := netip.ParsePrefix(r.Pool)
	if err != nil {
		return nil, fmt.Errorf("%q is not a subnet such as 10.0.1.0/24", r.Pool)
	}
	if subnet != subnet.Masked() {
		return nil, fmt.Errorf("%s has host bits set: the subnet is %s", subnet, subnet.Masked())
	}
	if r.SubPool != "" {
		return nil, fmt.Errorf("--ip-range %s: the controller gives out the addresses of the whole subnet, for all hosts; leave it out", r.SubPool)
	}
	if name := r.Options[optionID]; name != "" {
		if err := model.CheckName(optionID, name); err != nil {
			return nil, err
		}
		return &ipam.RequestPoolResponse{PoolID: name + "/" + subnet.String(), Pool: subnet.String()}, nil
	}
	id := newPool + uuid.NewString()
	err = d.ledger.change(func(now *records) error {
		now.Pools[id] = &poolRecord{Subnet: subnet, Asked: time.Now()}
		return nil
	})
	return &ipam.RequestPoolResponse{PoolID: id, Pool: subnet.String()}, err
}

func (d *Driver) releasePool(_ context.Context, r *ipam.ReleasePoolRequest) (*none, error) {
	if !strings.HasPrefix(r.PoolID, newPool) {
		return &none{}, nil
	}
	return &none{}, d.ledger.change(func(now *records) error {
		delete(now.Pools, r.PoolID)
		return nil
	})
}

// requestAddress has the controller keep an address, so that no other host gives
// it out.
func (d *Driver) requestAddress(ctx context.Context, r *ipam.RequestAddressRequest) (*ipam.RequestAddressResponse, error) {
	var asked netip.Addr
	if r.Address != "" {
		var err error
		if asked, err = netip.ParseAddr(r.Address); err != nil {
			return nil, fmt.Errorf("%q is not an address", r.Address)
		}
	}
	pool, err := d.pool(r.PoolID)
	if err != nil {
		return nil, err
	}
	if r.Options[addressType] == gatewayAddress {
		return d.gatewayFor(pool, asked)
	}
	name := pool.name
	if name == "" {
		if pool.network == "" {
			return nil, errors.New("--aux-address: declare what has the address as an endpoint of the network instead, which keeps it on all hosts: weft endpoint create NAME --network NETWORK --address ADDRESS")
		}
		if name, err = d.nameOf(ctx, pool.network); err != nil {
			return nil, err
		}
	}
	address, err := d.reserve(ctx, name, pool.subnet.Addr().Is6(), asked)
	if err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	return &ipam.RequestAddressResponse{Address: address.String()}, nil
}

// pool is what a pool's id says.
type pool struct {
	subnet  netip.Prefix
	name    string // of the network at the controller, or else
	network string // Docker's id of it, as soon as it exists
}

func (d *Driver) pool(id string) (p pool, err error) {
	if strings.HasPrefix(id, newPool) {
		known := false
		d.ledger.read(func(now *records) {
			if rec := now.Pools[id]; rec != nil {
				p, known = pool{subnet: rec.Subnet, network: rec.Network}, true
			}
		})
		if !known {
			return p, errNoSuchNetwork
		}
		return p, nil
	}
	name, text, _ := strings.Cut(id, "/")
	subnet, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is no pool of Weft's: %w", id, errNoSuchNetwork)
	}
	return pool{subnet: subnet, name: name}, nil
}

// gatewayFor answers what Docker asks while it creates a network. It wants an
// address in any case; the unspecified one is for networks without a gateway.
func (d *Driver) gatewayFor(p pool, asked netip.Addr) (*ipam.RequestAddressResponse, error) {
	answer := asked
	switch {
	case asked.IsValid() && !p.subnet.Contains(asked):
		return nil, fmt.Errorf("the gateway %s is outside the subnet %s", asked, p.subnet)
	case asked.IsValid():
	case p.name != "":
		n, known := d.control.Network(p.name)
		if !known {
			return nil, fmt.Errorf("the controller has no network %q", p.name)
		}
		answer = gatewayIn(n, p.subnet)
		if !answer.IsValid() {
			return &ipam.RequestAddressResponse{Address: unspecified(p.subnet).String()}, nil
		}
	default:
		answer = p.subnet.Addr().Next()
	}
	return &ipam.RequestAddressResponse{Address: netip.PrefixFrom(answer, p.subnet.Bits()).String()}, nil
}

// gatewayIn is the gateway's address in a subnet, invalid if there is none.
func gatewayIn(n model.Network, subnet netip.Prefix) netip.Addr {
	if n.GatewayMode() == model.GatewayNone {
		return netip.Addr{}
	}
	for _, a := range n.Gateway.Addresses {
		if subnet.Contains(a.Addr) {
			return a.Addr
		}
	}
	return netip.Addr{}
}

func unspecified(subnet netip.Prefix) netip.Prefix {
	if subnet.Addr().Is6() {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// reserve declares an endpoint that only keeps the address until Docker says
// which endpoint it is for; complete puts that one in its place.
//
// Where none is asked for the controller chooses one of each family that the
// network has, and Docker asks once for each. What is not needed of a
// reservation goes with it. The address may be of another subnet than Docker
// asked about, which it takes, whereas it would not ask about the next one.
func (d *Driver) reserve(ctx context.Context, network string, six bool, asked netip.Addr) (netip.Prefix, error) {
	if asked.IsValid() && d.reservationOf(network, asked) != "" {
		// Docker asks again, for it has not heard the answer: the agent ended.
		if n, known := d.control.Network(network); known {
			if in, is := n.SubnetOf(asked); is {
				return netip.PrefixFrom(asked, in.Bits()), nil
			}
		}
	}
	d.doErrands(ctx) // the address may be that of an endpoint which is to be deleted
	host, err := d.host(ctx)
	if err != nil {
		return netip.Prefix{}, err
	}
	id := reservationPrefix + uuid.NewString()
	wanted := model.Endpoint{ID: id, Network: network, Host: host}
	if asked.IsValid() {
		wanted.Addresses = []model.Addr{model.AddrFrom(asked)}
	}
	// On disk first: what is not known is never swept.
	err = d.ledger.change(func(now *records) error {
		now.Reservations[id] = &reservation{Network: network, Address: asked, Since: time.Now()}
		return nil
	})
	if err != nil {
		return netip.Prefix{}, err
	}
	var stored model.Document
	err = d.control.Call(ctx, func(ctx context.Context, api *restclient.Client) (err error) {
		stored, _, err = api.Apply(ctx, model.Document{Endpoints: []model.Endpoint{wanted}}, restclient.WriteOptions{Prune: id})
		return err
	})
	if err != nil {
		if errors.Is(err, control.ErrAway) || ctx.Err() != nil {
			d.doubt(id)
		} else {
			d.unreserve(id, false)
		}
		if errors.Is(err, control.ErrAway) {
			return d.reserveAway(host, network, six, asked, err)
		}
		return netip.Prefix{}, plain(err)
	}
	for _, e := range stored.Endpoints {
		for _, p := range e.Prefixes {
			if p.Prefix.Addr().Is6() != six {
				continue
			}
			return p.Prefix, d.ledger.change(func(now *records) error {
				if r := now.Reservations[id]; r != nil {
					r.Address = p.Prefix.Addr()
				}
				return nil
			})
		}
	}
	d.unreserve(id, true)
	return netip.Prefix{}, errors.New("the controller gave no address of this kind: has the network lost its subnets? Then Docker shows that as soon as no container uses it")
}

// reservationPrefix begins the ids of endpoints that only keep an address.
const reservationPrefix = "docker-reserved-"

// unreserve forgets a reservation; where the controller may have it, that has to
// forget it too.
func (d *Driver) unreserve(id string, there bool) {
	err := d.ledger.change(func(now *records) error {
		delete(now.Reservations, id)
		if there {
			now.Later = append(now.Later, errand{Endpoint: id})
		}
		return nil
	})
	if err != nil {
		d.log.Error("a reserved address is not released", "reservation", id, "error", err)
	}
	d.poke()
}

// doubt is for a reservation of which nobody knows whether the controller made
// it, or will: it may get to the request after the one to delete it. So it is
// deleted now, and once more when what was abandoned is swept.
func (d *Driver) doubt(id string) {
	err := d.ledger.change(func(now *records) error {
		delete(now.Reservations, id)
		now.Doubts[id] = time.Now()
		now.Later = append(now.Later, errand{Endpoint: id})
		return nil
	})
	if err != nil {
		d.log.Error("a reserved address is not released", "reservation", id, "error", err)
	}
	d.poke()
}

// releaseAddress releases what no endpoint came of. That of an endpoint goes
// with it.
func (d *Driver) releaseAddress(ctx context.Context, r *ipam.ReleaseAddressRequest) (*none, error) {
	pool, err := d.pool(r.PoolID)
	if err != nil {
		return &none{}, nil
	}
	address, err := netip.ParseAddr(r.Address)
	if err != nil {
		return nil, fmt.Errorf("%q is not an address", r.Address)
	}
	d.ledger.read(func(now *records) {
		if rec := now.Networks[pool.network]; pool.name == "" && rec != nil {
			pool.name = rec.Name
		}
	})
	id := d.reservationOf(pool.name, address)
	if id != "" {
		d.unreserve(id, true)
		d.doErrands(ctx)
	}
	return &none{}, nil
}
