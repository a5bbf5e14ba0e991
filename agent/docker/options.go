package docker

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-plugins-helpers/network"

	"github.com/weft-sdn/weft/model"
)

// Options of docker network create, as in -o weft.vni=5000.
const (
	optionVNI          = "weft.vni"
	optionMTU          = "weft.mtu"
	optionMode         = "weft.mode"
	optionGatewayHosts = "weft.gateway-hosts"
	optionEncap        = "weft.encap"

	// optionID names the network of the controller that a network of Docker's
	// is. The follower sets it, for the driver and for the IPAM driver alike.
	optionID = "weft.id"

	// dockerMTU is what people are used to say, and Compose files have.
	dockerMTU = "com.docker.network.driver.mtu"

	// label is on the networks that the follower makes.
	label = "weft.network"
)

// Keys of what Docker says of a network besides.
const (
	genericOptions = "com.docker.network.generic"
	internalOption = "com.docker.network.internal"
)

// addressSpace is where the IPAM driver's pools are, in Docker's words. It says
// of a network whether its addresses are ours to give out.
const addressSpace = "weft"

// generic returns the options that were given with -o.
func generic(options map[string]any) (map[string]string, error) {
	out := make(map[string]string)
	given, _ := options[genericOptions].(map[string]any)
	for key, value := range given {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("option %s is not a text: %v", key, value)
		}
		out[key] = text
	}
	return out, nil
}

// networkOf reads what a docker network create asks for. The name is not in it.
func networkOf(r *network.CreateNetworkRequest) (model.Network, error) {
	options, err := generic(r.Options)
	if err != nil {
		return model.Network{}, err
	}
	n := model.Network{}
	gateway := model.Gateway{Mode: options[optionMode]}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		if err := option(&n, &gateway, key, options[key]); err != nil {
			return n, err
		}
	}
	for _, data := range pools(r) {
		if err := subnet(&n, &gateway, data); err != nil {
			return n, err
		}
	}
	if internal, _ := r.Options[internalOption].(bool); internal {
		if gateway.Mode != "" && gateway.Mode != model.GatewayNone {
			return n, fmt.Errorf("--internal means that nothing leaves the network, and %s=%s that it does: leave one of the two out", optionMode, gateway.Mode)
		}
		gateway.Mode = model.GatewayNone
	}
	switch {
	case gateway.Mode == model.GatewayNone:
		// Docker has chosen an address for a gateway that there is not.
		if len(gateway.Hosts) > 0 {
			return n, fmt.Errorf("%s needs %s=%s or %s", optionGatewayHosts, optionMode, model.GatewayRouted, model.GatewaySNAT)
		}
	case gateway.Mode != "" || len(gateway.Addresses) > 0:
		n.Gateway = &gateway
	}
	return n, nil
}

func option(n *model.Network, g *model.Gateway, key, value string) error {
	switch key {
	case optionVNI:
		vni, err := strconv.ParseUint(value, 10, 32)
		if err != nil || vni == 0 || vni > model.MaxVNI {
			return fmt.Errorf("%s=%s is not a VNI: give a number from 1 to %d, or leave it out and one is chosen", key, value, model.MaxVNI-1)
		}
		n.VNI = uint32(vni)
	case optionMTU, dockerMTU:
		mtu, err := strconv.Atoi(value)
		if err != nil || mtu <= 0 {
			return fmt.Errorf("%s=%s is not an MTU: give a number of bytes, or leave it out and it is chosen from the underlay", key, value)
		}
		n.MTU = mtu
	case optionMode:
		g.Mode = value
	case optionGatewayHosts:
		g.Hosts = strings.Split(value, ",")
	case optionEncap:
		n.Encap = value
	default:
		if strings.HasPrefix(key, "weft.") {
			return fmt.Errorf("there is no option %s: use %s", key, strings.Join([]string{optionVNI, optionMTU, optionMode, optionGatewayHosts, optionEncap}, ", "))
		}
	}
	return nil
}

// pools are the network's pools of both families.
func pools(r *network.CreateNetworkRequest) []*network.IPAMData {
	return slices.DeleteFunc(slices.Concat(r.IPv4Data, r.IPv6Data), func(data *network.IPAMData) bool { return data == nil })
}

// subnet takes in what Docker's IPAM driver chose for a pool.
func subnet(n *model.Network, g *model.Gateway, data *network.IPAMData) error {
	pool, err := netip.ParsePrefix(data.Pool)
	if err != nil {
		return fmt.Errorf("the pool %q of Docker's is not a subnet", data.Pool)
	}
	if pool.Bits() == 0 {
		return nil // of --ipam-driver null, which gives out no addresses
	}
	n.Subnets = append(n.Subnets, model.PrefixFrom(pool))
	if data.Gateway == "" {
		return nil
	}
	address, err := netip.ParsePrefix(data.Gateway)
	if err != nil {
		return fmt.Errorf("the gateway %q of Docker's is not an address", data.Gateway)
	}
	g.Addresses = append(g.Addresses, model.AddrFrom(address.Addr()))
	return nil
}

// foreign reports whether another IPAM driver gives out the network's addresses.
func foreign(r *network.CreateNetworkRequest) bool {
	return slices.ContainsFunc(pools(r), func(data *network.IPAMData) bool {
		pool, err := netip.ParsePrefix(data.Pool)
		return data.AddressSpace != addressSpace && (err != nil || pool.Bits() != 0)
	})
}
