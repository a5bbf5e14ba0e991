package docker

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"

	"github.com/weft-sdn/weft/model"
)

// null is Docker's own IPAM driver that gives out no addresses.
const null = "null"

// create shows a network of the controller in Docker.
func (d *Driver) create(ctx context.Context, n model.Network, labels map[string]string) {
	options := client.NetworkCreateOptions{
		Driver: Name, Options: optionsOf(n), IPAM: &network.IPAM{Driver: null},
		Labels: map[string]string{label: n.Name},
	}
	maps.Copy(options.Labels, labels)
	if len(n.Subnets) > 0 {
		options.IPAM = &network.IPAM{Driver: Name, Options: map[string]string{optionID: n.Name}, Config: configOf(n)}
		has4 := slices.ContainsFunc(n.Subnets, func(p model.Prefix) bool { return p.Prefix.Addr().Is4() })
		has6 := slices.ContainsFunc(n.Subnets, func(p model.Prefix) bool { return p.Prefix.Addr().Is6() })
		options.EnableIPv6 = &has6
		if !has4 {
			options.EnableIPv4 = &has4
		}
	}
	if _, err := d.engine.NetworkCreate(ctx, n.Name, options); err != nil {
		d.say("Docker does not take a network of the controller", n.Name, "error", err)
		return
	}
	d.said(n.Name)
	d.log.Info("a network of the controller is in Docker", "network", n.Name)
}

// remove has Docker remove a network. Docker refuses while containers use it.
func (d *Driver) remove(ctx context.Context, n network.Summary, why string) bool {
	d.own.set(n.ID, true)
	defer d.own.set(n.ID, false)
	if _, err := d.engine.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{}); err != nil {
		d.say("Docker keeps a network that is to go: "+why, n.Name, "error", err)
		return false
	}
	d.said(n.Name)
	d.log.Info("a network is removed from Docker: "+why, "network", n.Name)
	return true
}

// replace makes a network of Docker's anew, for none can be changed. Containers
// know their networks by id: one that any container knows, be it stopped, stays.
func (d *Driver) replace(ctx context.Context, have network.Summary, n model.Network) {
	users, err := d.engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("network", have.ID)})
	if err != nil || len(users.Items) > 0 {
		d.log.Debug("a network of Docker's is used, so it stays as it is", "network", n.Name, "error", err)
		return
	}
	if d.remove(ctx, have, "it is made anew as the controller has it") {
		d.create(ctx, n, have.Labels)
	}
}

// optionsOf is what docker network inspect shows of a network.
func optionsOf(n model.Network) map[string]string {
	return map[string]string{
		optionID:   n.Name,
		optionVNI:  strconv.FormatUint(uint64(n.VNI), 10),
		optionMTU:  strconv.Itoa(n.MTU),
		optionMode: n.GatewayMode(),
	}
}

func configOf(n model.Network) []network.IPAMConfig {
	var out []network.IPAMConfig
	for _, p := range n.Subnets {
		out = append(out, network.IPAMConfig{Subnet: p.Prefix, Gateway: gatewayIn(n, p.Prefix)})
	}
	return out
}

// differs reports whether Docker shows a network as it is not. One that a person
// created shows what was given, and no more.
func differs(have network.Summary, n model.Network) bool {
	byUs := have.Options[optionID] != ""
	if byUs && !maps.Equal(have.Options, optionsOf(n)) {
		return true
	}
	if have.IPAM.Driver != Name {
		return len(n.Subnets) > 0 || have.IPAM.Driver != null
	}
	shown := make(map[netip.Prefix]netip.Addr)
	for _, c := range have.IPAM.Config {
		shown[c.Subnet] = c.Gateway
	}
	for _, c := range configOf(n) {
		gateway, is := shown[c.Subnet]
		if gateway.IsValid() && gateway.IsUnspecified() {
			gateway = netip.Addr{} // what Docker was told where there is none
		}
		if !is || gateway != c.Gateway && (byUs || gateway.IsValid()) {
			return true
		}
	}
	return len(shown) != len(n.Subnets)
}

// say warns of what cannot be done about a network, once until that changes.
func (d *Driver) say(what, network string, details ...any) {
	if d.complaints[network] == what {
		return
	}
	d.complaints[network] = what
	d.log.Warn(what, append([]any{"network", network}, details...)...)
}

func (d *Driver) said(network string) { delete(d.complaints, network) }
