package controller

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow/program"
)

// view reads one consistent state: a snapshot, or a transaction in the making.
type view struct {
	txn     *memdb.Txn
	transit ipam.Transit
}

func first[T any](v view, table, index string, args ...any) *T {
	o, err := v.txn.First(table, index, args...)
	if err != nil || o == nil { // an error means a wrong table or index: every call site is tested
		return nil
	}
	return o.(*T)
}

func each[T any](v view, table, index string, args ...any) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		all, err := v.txn.Get(table, index, args...)
		if err != nil {
			return
		}
		for o := all.Next(); o != nil; o = all.Next() {
			if !yield(o.(*T)) {
				return
			}
		}
	}
}

// all iterates over a table in the order of its keys.
func all[T any](v view, table string) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		it, err := v.txn.LowerBound(table, byID)
		if err != nil {
			return
		}
		for o := it.Next(); o != nil; o = it.Next() {
			if !yield(o.(*T)) {
				return
			}
		}
	}
}

func (v view) network(name string) *networkRecord {
	return first[networkRecord](v, tableNetwork, byID, name)
}

func (v view) networkByVNI(vni uint32) *networkRecord {
	return first[networkRecord](v, tableNetwork, byVNI, vni)
}

func (v view) endpoint(id string) *endpointRecord {
	return first[endpointRecord](v, tableEndpoint, byID, id)
}

func (v view) endpointsOf(network string) iter.Seq[*endpointRecord] {
	return each[endpointRecord](v, tableEndpoint, byNetwork, network)
}

func (v view) place(endpoint string) *placeRecord {
	if p := first[placeRecord](v, tablePlace, byID, endpoint); p != nil {
		return p
	}
	return &placeRecord{Endpoint: endpoint}
}

func (v view) router(name string) *routerRecord {
	return first[routerRecord](v, tableRouter, byID, name)
}

// routersOf are the routers that a network is on.
func (v view) routersOf(network string) iter.Seq[*routerRecord] {
	return each[routerRecord](v, tableRouter, byNetwork, network)
}

// peersOf are the VNIs of the other networks on routers of a network, in order.
func (v view) peersOf(network string) []uint32 {
	var vnis []uint32
	for r := range v.routersOf(network) {
		for _, other := range r.Networks {
			if n := v.network(other); n != nil && other != network {
				vnis = append(vnis, n.VNI)
			}
		}
	}
	slices.Sort(vnis)
	return slices.Compact(vnis)
}

func (v view) forward(network, id string) *forwardRecord {
	return first[forwardRecord](v, tableForward, byID, network, id)
}

// forwardsOf are the forwards that lead to an endpoint.
func (v view) forwardsOf(endpoint string) iter.Seq[*forwardRecord] {
	return each[forwardRecord](v, tableForward, byEndpoint, endpoint)
}

// forwardsIn are the forwards of a network.
func (v view) forwardsIn(network string) iter.Seq[*forwardRecord] {
	return each[forwardRecord](v, tableForward, byNetwork, network)
}

func (v view) nic(systemID, iface string) *nicRecord {
	return first[nicRecord](v, tableNIC, byID, systemID, iface)
}

// nicsOf are the NICs of a host that are in networks.
func (v view) nicsOf(systemID string) iter.Seq[*nicRecord] {
	return each[nicRecord](v, tableNIC, byHost, systemID)
}

// nicsIn are the NICs that are in a network.
func (v view) nicsIn(network string) iter.Seq[*nicRecord] {
	return each[nicRecord](v, tableNIC, byNetwork, network)
}

func (v view) host(systemID string) *hostRecord {
	return first[hostRecord](v, tableHost, byID, systemID)
}

func (v view) hostByName(name string) *hostRecord {
	return first[hostRecord](v, tableHost, byName, name)
}

func (v view) link(systemID string) *linkRecord {
	if l := first[linkRecord](v, tableLink, byID, systemID); l != nil {
		return l
	}
	return &linkRecord{SystemID: systemID}
}

func (v view) hostName(systemID string) string {
	if h := v.host(systemID); h != nil {
		return h.Name
	}
	return ""
}

// networkView is a network as the API shows it.
func (v view) networkView(r *networkRecord) model.Network {
	n := r.Network
	for range v.endpointsOf(n.Name) {
		n.Endpoints++
	}
	n.Conditions = v.gatewayConditions(r)
	n.Conditions = append(n.Conditions, v.encapConditions(r)...)
	n.Conditions = append(n.Conditions, v.relayCondition(r)...)
	n.Conditions = append(n.Conditions, v.sliceConditions(r)...)
	if limit := v.underlayLimits()[n.Encap]; limit.mtu > 0 {
		n.MTULimit = &model.MTULimit{MTU: limit.mtu, Host: limit.host}
		if n.MTU > limit.mtu {
			n.Conditions = append(n.Conditions, model.Condition{Type: model.MTUTooLarge, Message: mtuMessage(n.MTU, limit)})
		}
	}
	return n
}

// endpointView is an endpoint as the API shows it.
func (v view) endpointView(r *endpointRecord) model.Endpoint {
	e := r.Endpoint
	e.Prefixes, e.Gateway, e.MTU = nil, nil, 0
	if n := v.network(e.Network); n != nil {
		e.MTU = n.MTU
		for _, a := range e.Addresses {
			if subnet, ok := n.SubnetOf(a.Addr); ok {
				e.Prefixes = append(e.Prefixes, model.HostPrefix(a.Addr, subnet))
			}
		}
		if n.GatewayMode() != model.GatewayNone {
			e.Gateway = n.Gateway.Addresses
		}
	}
	p := v.place(e.ID)
	e.Location, e.State = "", model.Declared
	e.Conditions = append([]model.Condition(nil), p.Conditions...)
	if p.Host != "" {
		l := v.link(p.Host)
		e.Location, e.State = v.hostName(p.Host), model.Bound
		e.Conditions = append(e.Conditions, l.refused(r.Number)...)
		switch {
		case !l.OVSDB && !l.OpenFlow:
			e.Conditions = append(e.Conditions, model.Condition{Type: model.HostAway,
				Message: "host " + e.Location + " is not connected: this is its last known place, and the other hosts still use it"})
		case p.Number != 0 && !r.MAC.IsZero() && l.OpenFlow && l.Confirmed >= p.Generation && l.Confirmed > 0:
			e.State = model.Installed
		}
	}
	if p.Mismatch {
		e.Conditions = append(e.Conditions, model.Condition{Type: model.MACMismatch,
			Message: "its port sends, but only with another source MAC than " + e.MAC.String() + ": set that MAC on the interface, or the interface's on the endpoint"})
	}
	if e.Host != "" && v.hostByName(e.Host) == nil {
		e.Conditions = append(e.Conditions, model.Condition{Type: model.HostUnknown,
			Message: "it is pinned to host " + e.Host + ", which has never been seen: GET /hosts lists those that were"})
	}
	if e.MAC.IsZero() {
		e.Conditions = append(e.Conditions, model.Condition{Type: model.MACUnknown,
			Message: "its MAC is adopted from the first frame that its port sends, and none was seen yet"})
	}
	return e
}

// hostView is a host as the API shows it.
func (v view) hostView(r *hostRecord) model.Host {
	l := v.link(r.SystemID)
	h := model.Host{
		Name: r.Name, SystemID: r.SystemID, Number: r.Number,
		OVSDB: model.Away, OpenFlow: model.Away,
		DatapathID: datapathText(r.DatapathID), Datapath: r.Datapath,
		OVSVersion: r.OVSVersion, UnderlayMTU: r.UnderlayMTU,
		Draining: r.Draining,
		Flows:    l.Flows, Repairs: l.Repairs, LastSeen: l.LastSeen, LastError: l.LastError,
		Synchronized: l.synchronized(), Revision: r.Revision,
		Conditions: append([]model.Condition(nil), l.Conditions...),
	}
	if r.VTEP.IsValid() {
		h.VTEP = r.VTEP.String()
	}
	if r.Address.IsValid() {
		h.Address = r.Address.String()
	}
	h.Gossip = cmp.Or(r.Gossip, model.GossipNone)
	if l.OVSDB {
		h.OVSDB = model.Connected
	} else if r.gossips() {
		h.Conditions = append(h.Conditions, model.Condition{Type: model.CutOff,
			Message: "its agent is there, but its Open vSwitch is not connected: it forwards as it last was told, and keeps its endpoints; on the host, weft agent --check says what is in the way"})
	}
	if l.OpenFlow {
		h.OpenFlow = model.Connected
	}
	networks := map[string]bool{}
	for p := range each[placeRecord](v, tablePlace, byHost, r.SystemID) {
		h.Endpoints++
		if e := v.endpoint(p.Endpoint); e != nil {
			networks[e.Network] = true
		}
	}
	h.Networks = len(networks)
	h.Conditions = append(h.Conditions, v.kernelConditions(r)...)
	for _, key := range slices.SortedFunc(maps.Keys(l.Refused), program.Key.Compare) {
		h.Conditions = append(h.Conditions, model.Condition{Type: model.FlowRefused,
			Message: "the switch refused a flow: " + l.Refused[key]})
	}
	return h
}

// portView is a port of a host as the API shows it.
func (v view) portView(f *portFact) model.Port {
	p := model.Port{
		Name: f.Name, Number: f.Number, IfaceID: f.IfaceID,
		ContainerID: f.ContainerID, ContainerIface: f.ContainerIface, Error: f.Error,
	}
	switch {
	case f.Ours:
		p.Kind = model.PortTunnel
	case f.Internal:
		p.Kind = model.PortBridge
	default:
		p.Kind = model.PortUnmatched
	}
	p.Conditions = f.failures()
	if nic := v.nic(f.Host, f.Name); nic != nil {
		p.Kind, p.Network, p.VLAN = model.PortNIC, nic.Network, nic.VLAN
		if nic.StandBy {
			p.Conditions = append(p.Conditions, v.standsBy(nic))
		}
		return p
	}
	for e := range v.claimed(f) {
		place := v.place(e.ID)
		if place.Host == f.Host && place.Port == f.Name {
			p.Kind, p.Endpoint = model.PortEndpoint, e.ID
			return p
		}
		if refusal, ok := v.refusal(e, place, f); ok && f.usable() {
			p.Conditions = append(p.Conditions, refusal)
		}
	}
	return p
}

// failures says what is wrong with the port itself.
func (f *portFact) failures() []model.Condition {
	var out []model.Condition
	if f.Error != "" {
		out = append(out, model.Condition{Type: model.PortFailed, Message: "Open vSwitch reports: " + f.Error})
	}
	if f.NoDevice {
		out = append(out, model.Condition{Type: model.PortFailed,
			Message: "its device is gone; the row stays until somebody removes it: ovs-vsctl del-port br-weft " + f.Name})
	}
	return out
}

// refused says which flows of an endpoint the switch did not take.
func (l *linkRecord) refused(number uint32) []model.Condition {
	var out []model.Condition
	for _, key := range slices.SortedFunc(maps.Keys(l.Refused), program.Key.Compare) {
		if flows.Kind(key.Kind).IsEndpoint() && key.Owner == number {
			out = append(out, model.Condition{Type: model.FlowRefused, Message: "the switch refused a flow: " + l.Refused[key]})
		}
	}
	return out
}
