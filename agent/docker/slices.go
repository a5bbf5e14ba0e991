package docker

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
	restclient "github.com/weft-sdn/weft/rest/client"
)

// While no controller answers, the host gives out addresses of its own slices,
// which no other host gives out. It begins at their ends, and the controller at
// their beginnings: what the controller gave out last may not have been heard.

// reserveAway reserves an address without the controller. Where that cannot be
// it says so, and away, why the controller does not answer.
func (d *Driver) reserveAway(host, network string, six bool, asked netip.Addr, away error) (netip.Prefix, error) {
	n, _ := d.control.Network(network)
	own := n.Slices[host].InFamily(six)
	if len(own) == 0 {
		return netip.Prefix{}, fmt.Errorf("an address can only be given out while the controller answers, as host %s has no slice of the network: %w", host, away)
	}
	var chosen netip.Addr
	err := d.ledger.change(func(now *records) error {
		used := d.control.Taken(network)
		for _, r := range now.Reservations {
			if r.Network == network {
				used[r.Address] = true
			}
		}
		for _, e := range now.Endpoints {
			if e.Wanted.Network == network {
				for _, a := range e.Wanted.Addresses {
					used[a.Addr] = true
				}
			}
		}
		free := func(a netip.Addr) bool {
			subnet, in := n.SubnetOf(a)
			return in && !used[a] && !n.HasGatewayAddress(a) && model.CheckHostAddress("", subnet, a) == nil
		}
		inOwn := func(p model.Prefix) bool { return p.Contains(asked) }
		switch {
		case !asked.IsValid():
			if chosen = highest(own, free); !chosen.IsValid() {
				return fmt.Errorf("all addresses of host %s's slice %s are in use, %d of them, and others can only be given out while the controller answers: %w", host, textOf(own), len(used), away)
			}
		case !slices.ContainsFunc(own, inOwn):
			return fmt.Errorf("%s is not in host %s's slice %s, and only addresses of that can be given out while no controller answers: %w", asked, host, textOf(own), away)
		case !free(asked):
			return fmt.Errorf("%s is taken: take another, or leave it out and one is chosen", asked)
		default:
			chosen = asked
		}
		now.Reservations[reservationPrefix+uuid.NewString()] = &reservation{Network: network, Address: chosen, Since: time.Now()}
		return nil
	})
	if err != nil {
		return netip.Prefix{}, err
	}
	subnet, _ := n.SubnetOf(chosen)
	d.log.Info("an address is given out while no controller answers", "network", network, "address", chosen)
	return netip.PrefixFrom(chosen, subnet.Bits()), nil
}

// highest is the last address of the ranges that is free, invalid if none is.
func highest(ranges model.Ranges, free func(netip.Addr) bool) netip.Addr {
	for _, p := range ranges {
		for a := model.LastAddress(p.Prefix); p.Contains(a); a = a.Prev() {
			if free(a) {
				return a
			}
		}
	}
	return netip.Addr{}
}

func textOf(ranges model.Ranges) (text string) {
	for i, p := range ranges {
		if i > 0 {
			text += ", "
		}
		text += p.String()
	}
	return text
}

// completeAway makes an endpoint of reservations in the host's own slices
// without the controller, as the controller would. It is declared later.
func (d *Driver) completeAway(e model.Endpoint, away error) (model.Endpoint, error) {
	n, _ := d.control.Network(e.Network)
	own := n.Slices[e.Host]
	if len(e.Addresses) == 0 {
		return e, away
	}
	for _, a := range e.Addresses {
		if d.reservationOf(e.Network, a.Addr) == "" || !slices.ContainsFunc(own, func(p model.Prefix) bool { return p.Contains(a.Addr) }) {
			return e, away
		}
		subnet, _ := n.SubnetOf(a.Addr)
		e.Prefixes = append(e.Prefixes, model.HostPrefix(a.Addr, subnet))
	}
	e.MTU = n.MTU
	if n.GatewayMode() != model.GatewayNone {
		e.Gateway = n.Gateway.Addresses
	}
	if e.MAC.IsZero() {
		a, is := e.FirstIPv4()
		if !is {
			a = e.Addresses[0].Addr
		}
		e.MAC = model.MACFrom(ipam.MAC(a, n.VNI))
	}
	return e, nil
}

// declareLater tells the controller of the endpoints that were made without it.
func (d *Driver) declareLater(ctx context.Context) {
	var left []model.Endpoint
	d.ledger.read(func(now *records) {
		for _, e := range now.Endpoints {
			if e.Undeclared {
				left = append(left, e.Wanted)
			}
		}
	})
	for _, e := range left {
		var stored model.Endpoint
		err := d.control.Call(ctx, func(ctx context.Context, api *restclient.Client) (err error) {
			stored, _, err = api.PutEndpoint(ctx, e, restclient.WriteOptions{})
			return err
		})
		switch {
		case err != nil && retried(err):
			d.log.Debug("an endpoint is declared later", "endpoint", e.ID, "error", err)
			return
		case err != nil:
			d.say("the controller refuses an endpoint that was made while it did not answer, so its container reaches nobody: mend that, or connect the container anew: "+plain(err).Error(), e.Network, "endpoint", e.ID)
			continue
		}
		err = d.ledger.change(func(now *records) error {
			rec := now.Endpoints[e.ID]
			if rec == nil { // Docker deleted it meanwhile
				now.Later = append(now.Later, errand{Endpoint: e.ID})
				return nil
			}
			rec.Wanted, rec.Undeclared = stored, false
			return nil
		})
		if err != nil {
			d.log.Error("an endpoint that is declared will be declared again", "endpoint", e.ID, "error", err)
		}
	}
}
