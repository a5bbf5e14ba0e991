package controller

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// gatewayPort is the name of the port through which a host's kernel takes part:
// what leaves networks comes out of it.
const gatewayPort = "weft-gw"

// What an agent, or whoever sets the host's side up, reads on that port, and
// what it answers in the host's Open_vSwitch row. This is the only channel
// between the two, so it works while the controller is away.
const (
	keyAddress   = "weft-address"    // the host's own, as prefixes
	keyNextHop   = "weft-router"     // the next hop of all routes
	keyRouterMAC = "weft-router-mac" // its MAC
	keyTransit   = "weft-transit"    // ranges to route there, and to masquerade
	keyRoutes    = "weft-routes"     // subnets to route there as they are
	keyForwards  = "weft-forwards"   // protocol/address:port>endpoint's address:port

	agentKey   = "weft-agent"
	agentReady = "ready"
)

// gatewayPorts is the port to the kernel of a host that networks leave through,
// or nothing.
func (v view) gatewayPorts(h *hostRecord) []ovsdb.WantedPort {
	served := v.servedBy(h)
	if len(served) == 0 {
		return nil
	}
	limits := v.underlayLimits()
	mtu := served[0].carried(limits)
	var routes, forwards []string
	for _, n := range served {
		mtu = min(mtu, n.carried(limits))
		if n.ReachedDirectly() {
			for _, p := range n.Subnets {
				routes = append(routes, p.Prefix.String())
			}
		}
		for f := range v.forwardsIn(n.Name) {
			forwards = append(forwards, v.forwardWords(f)...)
		}
	}
	mac := flows.HostMAC(h.Number)
	host4, host6 := v.transit.Host(h.Number)
	router4, router6 := v.transit.Router()
	port := ovsdb.WantedPort{
		Name: gatewayPort, Type: "internal", MAC: net.HardwareAddr(mac[:]).String(), MTURequest: mtu,
		ExternalIDs: map[string]string{},
	}
	for key, words := range map[string][]string{
		keyAddress:   {netip.PrefixFrom(host4, 32).String(), netip.PrefixFrom(host6, 128).String()},
		keyNextHop:   {router4.String(), router6.String()},
		keyRouterMAC: {net.HardwareAddr(flows.RouterMAC[:]).String()},
		keyTransit:   {v.transit.V4.String(), v.transit.V6.String()},
		keyRoutes:    routes,
		keyForwards:  forwards,
	} {
		if len(words) > 0 {
			slices.Sort(words)
			port.ExternalIDs[key] = strings.Join(slices.Compact(words), " ")
		}
	}
	return []ovsdb.WantedPort{port}
}

// forwardWords say where a forward leads, for each family in which its endpoint
// can be reached.
func (v view) forwardWords(f *forwardRecord) []string {
	e := v.endpoint(f.Endpoint)
	if e == nil {
		return nil
	}
	to := v.reachedAs(e)
	var words []string
	for _, family := range []struct{ any, to netip.Addr }{
		{netip.IPv4Unspecified(), to.V4}, {netip.IPv6Unspecified(), to.V6},
	} {
		from := f.Address.Addr
		if !from.IsValid() {
			from = family.any
		}
		if family.to.IsValid() && from.Is4() == family.to.Is4() {
			words = append(words, fmt.Sprintf("%s/%s>%s", f.Protocol,
				netip.AddrPortFrom(from, uint16(f.Port)), netip.AddrPortFrom(family.to, uint16(f.EndpointPort))))
		}
	}
	return words
}

// reachedAs are the addresses at which gateway hosts reach an endpoint: its own
// where packets leave its network as they are.
func (v view) reachedAs(e *endpointRecord) flows.Transit {
	n := v.network(e.Network)
	if n == nil || n.GatewayMode() != model.GatewayRouted {
		return v.transitOf(e)
	}
	var own flows.Transit
	for _, a := range slices.Backward(e.Addresses) { // the first of each family
		if a.Is4() {
			own.V4 = a.Addr
		} else {
			own.V6 = a.Addr
		}
	}
	return own
}

// wakeHosts has the rows of those hosts looked at again of which a commit may
// have changed what they should be: their part as a gateway, in watching
// each other, or their NICs and tunnels.
func (c *Controller) wakeHosts(before view, changed concerned, changes memdb.Changes) {
	awake := map[string]bool{}
	for _, v := range []view{c.snapshot(), before} {
		networks := maps.Clone(changed.networks)
		for _, ch := range changes {
			switch r := either(ch).(type) {
			case *placeRecord: // it may be its own way out
				awake[v.place(r.Endpoint).Host] = true
			case *nicRecord:
				awake[r.SystemID] = true
			case *presenceRecord:
				awake[r.Host] = true
				if n := v.networkByVNI(r.VNI); n != nil && len(v.exitHosts(n)) > 1 { // they watch each other
					networks[n.Name] = true
				}
			case *adjacencyRecord: // they watch each other, or no longer
				if ch.Before == nil || ch.After == nil {
					awake[r.Hosts[0]], awake[r.Hosts[1]] = true, true
				}
			case *hostRecord: // where its neighbours watch it
				for a := range v.adjacencies(r.SystemID) {
					awake[a.other(r.SystemID)] = true
				}
			case *forwardRecord:
				networks[r.Network] = true
			case *networkRecord: // how large packets of its endpoints on hosts may be
				for p := range each[presenceRecord](v, tablePresence, byVNI, r.VNI) {
					awake[p.Host] = true
				}
			case *endpointRecord: // it may be a host itself; where forwards lead
				if e := v.endpoint(r.ID); e != nil && e.Kind == model.KindHost {
					if h := v.hostByName(e.Host); h != nil {
						awake[h.SystemID] = true
					}
				}
				for f := range v.forwardsOf(r.ID) {
					networks[f.Network] = true
				}
			}
		}
		for name := range networks {
			if n := v.network(name); n != nil && n.Leaves() {
				for p := range each[presenceRecord](v, tablePresence, byVNI, n.VNI) {
					awake[p.Host] = true
				}
			}
		}
	}
	now := c.snapshot()
	if now.declaredUnderlay() != nil && !maps.Equal(before.encaps(), now.encaps()) { // relays need them all
		for h := range all[hostRecord](now, tableHost) {
			if now.mayRelay(h) {
				awake[h.SystemID] = true
			}
		}
	}
	for id := range awake {
		if l := c.hosts[id]; l != nil {
			l.wakeEnsure()
		}
	}
}
