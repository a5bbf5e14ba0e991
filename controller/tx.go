package controller

import (
	"fmt"
	"slices"
	"time"

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
	zones   []uint16        // taken

	renumbered map[string]bool // networks whose subnets may have changed
	renamed    bool            // a host has a name that it did not have
	routed     bool            // the loop's map of ways was changed
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
}

// portRow is the row of the port that has an endpoint, empty while the host
// is away.
func (v view) portRow(p *placeRecord) string {
	if f := first[portFact](v, tablePort, byID, p.Host, p.Port); f != nil {
		return f.Row
	}
	return ""
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
