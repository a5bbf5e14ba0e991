package controller

import (
	"strconv"
	"strings"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/ovsdb"
)

// selfPrefix and the number of an endpoint name the port through which a host is
// in a network itself.
const selfPrefix = "weft-h"

// keyGateway tells the agent, besides keyAddress, what the network's gateway is.
// It sets no route there: which traffic of the host's own goes into the network
// is the operator's decision.
const keyGateway = "weft-gateway"

func (e *endpointRecord) selfPort() string {
	return selfPrefix + strconv.FormatUint(uint64(e.Number), 10)
}

// selfPorts are the ports of the endpoints that are the host itself.
func (v view) selfPorts(h *hostRecord) []ovsdb.WantedPort {
	var ports []ovsdb.WantedPort
	for e := range each[endpointRecord](v, tableEndpoint, bySelf, h.Name) {
		n := v.network(e.Network)
		if n == nil {
			continue
		}
		var addresses, gateway []string
		for _, a := range e.Addresses {
			if subnet, ok := n.SubnetOf(a.Addr); ok {
				addresses = append(addresses, model.HostPrefix(a.Addr, subnet).Prefix.String())
			}
		}
		for _, a := range n.gatewayAddresses() {
			gateway = append(gateway, a.String())
		}
		port := ovsdb.WantedPort{
			Name: e.selfPort(), Type: "internal", MAC: e.MAC.String(), MTURequest: n.MTU,
			IfaceID: e.ID, ExternalIDs: map[string]string{},
		}
		for key, words := range map[string][]string{keyAddress: addresses, keyGateway: gateway} {
			if len(words) > 0 {
				port.ExternalIDs[key] = strings.Join(words, " ")
			}
		}
		ports = append(ports, port)
	}
	return ports
}

// fits reports whether a port may be the endpoint's: where that is a host
// itself, only the port that Weft makes is.
func (f *portFact) fits(e *endpointRecord) bool {
	return e.Kind != model.KindHost || f.Name == e.selfPort()
}

// checkSelf refuses that a host is two endpoints of one network: its kernel
// would have one subnet behind two interfaces.
func (t *tx) checkSelf(e *endpointRecord) error {
	if e.Kind != model.KindHost {
		return nil
	}
	for o := range each[endpointRecord](t.view, tableEndpoint, bySelf, e.Host) {
		if o.ID != e.ID && o.Network == e.Network {
			return model.Errorf(model.Conflict, "host", "host %q is endpoint %q of network %q already: give that one the addresses, too", e.Host, o.Title(), e.Network)
		}
	}
	return nil
}
