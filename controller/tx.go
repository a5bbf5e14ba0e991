package controller

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// tx is a change in the making. Until it is committed nobody else sees it,
// and when it is not, nothing has happened.
type tx struct {
	view
	c   *Controller
	now time.Time

	touched map[string]bool // networks of whose pools something was taken
	numbers []uint32        // of endpoints, taken
	vnis    []uint32        // taken

	renumbered map[string]bool // networks whose subnets may have changed
	renamed    bool            // a host has a name that it did not have
	after      []func()        // done when it is committed
}

// put adds or replaces a record. It panics only where the record has no
// primary key, which is an error of this program.
func (t *tx) put(table string, record any) {
	if err := t.txn.Insert(table, record); err != nil {
		panic(fmt.Sprintf("insert into %s: %v", table, err))
	}
}

func (t *tx) delete(table string, record any) {
	if err := t.txn.Delete(table, record); err != nil {
		panic(fmt.Sprintf("delete from %s: %v", table, err))
	}
}

// settle decides anew where an endpoint is, after anything that this depends
// on may have changed.
func (t *tx) settle(e *endpointRecord) {
	was := t.place(e.ID)
	now := t.decide(e, was, t.c.unreachable)
	if row := t.portRow(now); e.Adopted != "" && row != "" && row != e.Adopted {
		anew := *e
		anew.MAC, anew.Adopted = model.MAC{}, ""
		t.put(tableEndpoint, &anew)
	}
	if was.same(now) {
		return
	}
	if was.Host != now.Host || was.Port != now.Port {
		now.Mismatch = false
	}
	t.put(tablePlace, now)
	if n := t.network(e.Network); n != nil && now.Host != "" {
		t.attend(now.Host, n.VNI)
	}
}

// portRow is the row of the port that has an endpoint, empty while the host
// is away.
func (v view) portRow(p *placeRecord) string {
	if f := first[portFact](v, tablePort, byID, p.Host, p.Port); f != nil {
		return f.Row
	}
	return ""
}

// attend notes that a host may have flows of a VNI from now on.
func (t *tx) attend(systemID string, vni uint32) {
	if first[presenceRecord](t.view, tablePresence, byID, systemID, vni) == nil {
		t.put(tablePresence, &presenceRecord{Host: systemID, VNI: vni})
	}
}

// forget removes an endpoint, where it was, and the forwards that lead to it.
func (t *tx) forget(e *endpointRecord) {
	for _, f := range slices.Collect(t.forwardsOf(e.ID)) {
		t.delete(tableForward, f)
	}
	t.delete(tableEndpoint, e)
	if p := first[placeRecord](t.view, tablePlace, byID, e.ID); p != nil {
		t.delete(tablePlace, p)
	}
}

func (p *placeRecord) same(o *placeRecord) bool {
	if p.Host != o.Host || p.Port != o.Port || p.Number != o.Number || p.Mismatch != o.Mismatch ||
		len(p.Conditions) != len(o.Conditions) {
		return false
	}
	for i := range p.Conditions {
		if p.Conditions[i] != o.Conditions[i] {
			return false
		}
	}
	return true
}

// fabricEndpoint is what flows depend on of an endpoint.
func (v view) fabricEndpoint(e *endpointRecord) flows.Endpoint {
	out := flows.Endpoint{Number: e.Number, MAC: e.MAC.Bytes}
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

func fabricNetwork(n *networkRecord) flows.Network {
	out := flows.Network{VNI: n.VNI, Flood: n.floods()}
	for _, p := range n.Subnets {
		out.IPv6 = out.IPv6 || p.Prefix.Addr().Is6()
	}
	return out
}

func (v view) fabricHost(h *hostRecord) flows.Host {
	return flows.Host{Number: h.Number, VTEP: h.VTEP, TunnelPort: v.link(h.SystemID).TunnelPort}
}

// weave puts what a transaction changed into the fabric.
func (v view) weave(f *flows.Fabric, changes memdb.Changes) {
	endpoints := map[string]bool{}
	var gone []*endpointRecord
	for _, ch := range changes {
		switch ch.Table {
		case tableHost, tableLink:
			id := ""
			switch r := either(ch).(type) {
			case *hostRecord:
				id = r.SystemID
			case *linkRecord:
				id = r.SystemID
			}
			if h := v.host(id); h != nil {
				f.PutHost(v.fabricHost(h))
			}
		case tableNetwork:
			if ch.After != nil {
				f.PutNetwork(fabricNetwork(ch.After.(*networkRecord)))
			}
		case tableEndpoint:
			if ch.After == nil {
				gone = append(gone, ch.Before.(*endpointRecord))
				continue
			}
			now := ch.After.(*endpointRecord)
			if was, ok := ch.Before.(*endpointRecord); ok && was.Number != now.Number {
				gone = append(gone, was) // deleted and declared anew
			}
			endpoints[now.ID] = true
		case tablePlace:
			endpoints[either(ch).(*placeRecord).Endpoint] = true
		}
	}
	// What goes must go first: a number or an address may be given to another
	// in the same transaction.
	for _, e := range gone {
		f.DeleteEndpoint(e.Number)
	}
	for id := range endpoints {
		if e := v.endpoint(id); e != nil {
			f.PutEndpoint(v.fabricEndpoint(e))
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
}

// either is the record of a change, as it is now or as it was last.
func either(ch memdb.Change) any {
	if ch.After != nil {
		return ch.After
	}
	return ch.Before
}
