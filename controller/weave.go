package controller

import (
	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
)

// fabricEndpoint is what flows depend on of an endpoint.
func (v view) fabricEndpoint(e *endpointRecord) flows.Endpoint {
	out := flows.Endpoint{Number: e.Number, MAC: e.MAC.Bytes, Transit: v.transitOf(e), Forwards: v.fabricForwards(e)}
	if n := v.network(e.Network); n != nil {
		out.VNI = n.VNI
	}
	for _, a := range e.Addresses {
		out.Addresses = append(out.Addresses, a.Addr)
	}
	if p := v.place(e.ID); p.Host != "" {
		out.Host, out.Port = v.hostNumber(p.Host), p.Number
	}
	return out
}

// transitOf are the addresses as which gateway hosts know an endpoint: one of
// each family that it has an address of.
func (v view) transitOf(e *endpointRecord) flows.Transit {
	var out flows.Transit
	v4, v6 := v.transit.Endpoint(e.Number)
	for _, a := range e.Addresses {
		if a.Is4() {
			out.V4 = v4
		} else {
			out.V6 = v6
		}
	}
	return out
}

// fabricNetwork is what flows depend on of a network. limits are what the
// underlay of all hosts carries.
func (v view) fabricNetwork(n *networkRecord, limits map[string]limit) flows.Network {
	out := flows.Network{VNI: n.VNI, Encap: encaps[n.Encap], Flood: n.floods(), Gateway: v.fabricGateway(n, limits)}
	for _, p := range n.Subnets {
		out.IPv6 = out.IPv6 || p.Prefix.Addr().Is6()
	}
	return out
}

// fabricHost is what flows depend on of a host.
func (v view) fabricHost(h *hostRecord) flows.Host {
	l := v.link(h.SystemID)
	out := flows.Host{
		Number: h.Number, VTEP: h.VTEP, TunnelPorts: l.TunnelPorts, GatewayPort: l.GatewayPort, WatchPorts: l.WatchPorts,
		TransitRange: flows.TransitRange{V4: v.transit.V4, V6: v.transit.V6},
	}
	out.Transit.V4, out.Transit.V6 = v.transit.Host(h.Number)
	return out
}

// fabricNIC is what flows depend on of a NIC.
func (v view) fabricNIC(n *nicRecord) flows.NIC {
	out := flows.NIC{Number: n.Number, Host: v.hostNumber(n.SystemID), VLAN: uint16(n.VLAN)}
	if in := v.network(n.Network); in != nil {
		out.VNI = in.VNI
	}
	if f := first[portFact](v, tablePort, byID, n.SystemID, n.Interface); f != nil {
		out.Port = f.Number
	}
	return out
}

// concerned is what has to be woven anew after some changes.
type concerned struct {
	networks, endpoints map[string]bool
	nics                map[uint32]bool
	gone                []*endpointRecord
}

// weave puts what a transaction changed into the fabric, and returns what that
// was.
func (v view) weave(f *flows.Fabric, changes memdb.Changes) concerned {
	now := v.concerned(changes)
	for _, ch := range changes {
		if h := v.changedHost(ch); h != nil {
			f.PutHost(v.fabricHost(h))
		}
	}
	v.weaveLinks(f, changes)
	if len(now.networks) > 0 {
		limits := v.underlayLimits()
		for name := range now.networks {
			if n := v.network(name); n != nil {
				f.PutNetwork(v.fabricNetwork(n, limits))
			}
		}
	}
	// What goes must go first: a number or an address may be given to another
	// in the same transaction.
	for _, e := range now.gone {
		f.DeleteEndpoint(e.Number)
	}
	for number := range now.nics {
		if n := first[nicRecord](v, tableNIC, byNumber, number); n == nil || n.StandBy {
			f.DeleteNIC(number)
		}
	}
	for id := range now.endpoints {
		if e := v.endpoint(id); e != nil {
			f.PutEndpoint(v.fabricEndpoint(e))
		}
	}
	for number := range now.nics {
		if n := first[nicRecord](v, tableNIC, byNumber, number); n != nil && !n.StandBy {
			f.PutNIC(v.fabricNIC(n))
		}
	}
	for _, ch := range changes {
		switch {
		case ch.Table == tableNetwork && ch.Before != nil:
			if vni := ch.Before.(*networkRecord).VNI; v.networkByVNI(vni) == nil {
				f.DeleteNetwork(vni)
			}
		case ch.Table == tableHost && ch.After == nil:
			f.DeleteHost(ch.Before.(*hostRecord).Number)
		}
	}
	return now
}

// changedHost is the host that a change is about, nil if it is about none, or
// about one that is gone.
func (v view) changedHost(ch memdb.Change) *hostRecord {
	switch r := either(ch).(type) {
	case *hostRecord:
		return v.host(r.SystemID)
	case *linkRecord:
		return v.host(r.SystemID)
	}
	return nil
}

// concerned finds the networks and endpoints of which flows may be others now.
func (v view) concerned(changes memdb.Changes) concerned {
	c := concerned{networks: map[string]bool{}, endpoints: map[string]bool{}, nics: map[uint32]bool{}}
	for _, ch := range changes {
		switch ch.Table {
		case tableNetwork:
			name := either(ch).(*networkRecord).Name
			c.networks[name] = true
			for r := range v.routersOf(name) { // it is a peer of those, or no longer
				c.note(r.Networks...)
			}
		case tableRouter:
			for _, r := range []any{ch.Before, ch.After} {
				if r, ok := r.(*routerRecord); ok {
					c.note(r.Networks...)
				}
			}
		case tableHost:
			before, _ := ch.Before.(*hostRecord)
			after, _ := ch.After.(*hostRecord)
			v.noteHost(&c, before, after)
		case tableEndpoint:
			if ch.After == nil {
				c.gone = append(c.gone, ch.Before.(*endpointRecord))
				continue
			}
			now := ch.After.(*endpointRecord)
			if was, ok := ch.Before.(*endpointRecord); ok && was.Number != now.Number {
				c.gone = append(c.gone, was) // deleted and declared anew
			}
			c.endpoints[now.ID] = true
		case tablePlace:
			c.endpoints[either(ch).(*placeRecord).Endpoint] = true
		case tableNIC:
			for _, n := range []any{ch.Before, ch.After} {
				if n, ok := n.(*nicRecord); ok {
					c.nics[n.Number] = true
					c.note(n.Network)
				}
			}
		case tablePort:
			f := either(ch).(*portFact)
			if n := v.nic(f.Host, f.Name); n != nil {
				c.nics[n.Number] = true
			}
		case tableUnderlay:
			if ch.Before == nil || ch.After == nil { // frames that are relayed are longer
				v.noteLimited(&c)
			}
		case tableForward:
			for _, f := range []any{ch.Before, ch.After} {
				if f, ok := f.(*forwardRecord); ok {
					c.endpoints[f.Endpoint] = true
				}
			}
		}
	}
	return c
}

func (c *concerned) note(networks ...string) {
	for _, name := range networks {
		c.networks[name] = true
	}
}

// noteHost notes the networks to which a change of a host matters: those that
// leave through it, and all that have a gateway where it may be this host that
// limits how large a packet may be.
func (v view) noteHost(c *concerned, before, after *hostRecord) {
	for _, h := range []*hostRecord{before, after} {
		if h != nil {
			for n := range v.leavingBy(h.Name) {
				c.networks[n.Name] = true
			}
		}
	}
	if before == nil || after == nil || before.VTEP.Is6() != after.VTEP.Is6() || before.UnderlayMTU != after.UnderlayMTU {
		v.noteLimited(c)
	}
}

// noteLimited notes the networks whose gateway says how large a packet may be.
func (v view) noteLimited(c *concerned) {
	for n := range all[networkRecord](v, tableNetwork) {
		if modes[n.GatewayMode()] != 0 {
			c.networks[n.Name] = true
		}
	}
}

// either is the record of a change, as it is now or as it was last.
func either(ch memdb.Change) any {
	if ch.After != nil {
		return ch.After
	}
	return ch.Before
}
