package controller

import (
	"testing"
)

// known makes a host known that has a port, as if it had been here before.
func known(t *testing.T, c *Controller, name string, number uint32) *hostLink {
	t.Helper()
	var l *hostLink
	err := c.do(t.Context(), func() {
		w := c.begin()
		w.put(tableHost, &hostRecord{SystemID: "id-" + name, Name: name, Number: number, DatapathID: uint64(number)})
		w.put(tableLink, &linkRecord{SystemID: "id-" + name})
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
		l = c.linkOf("id-" + name)
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAConfirmationStandsAlsoWhenNothingCanBeStored(t *testing.T) {
	c := open(t, t.TempDir())
	l := known(t, c, "host1", 1)
	sw := &switchLink{ports: map[string]uint32{}, ready: true, synced: true, pending: []confirmation{{session: 1, program: 7}}}
	err := c.do(t.Context(), func() {
		l.sw = sw
		w := c.begin()
		w.put(tableLink, &linkRecord{SystemID: l.systemID, OpenFlow: true, Wanted: 7})
		w.attend(l.systemID, 5000) // of a network that is no more
		if _, err := c.commit(t.Context(), w); err != nil {
			t.Error(err)
		}
		if err := c.store.Close(); err != nil {
			t.Error(err)
		}
		c.confirmed(l, sw, 1, nil)
		l.sw = nil // it has no session to end
	})
	if err != nil {
		t.Fatal(err)
	}
	if link := c.snapshot().link(l.systemID); link.Confirmed != 7 {
		t.Errorf("what the switch has confirmed is %d, not 7", link.Confirmed)
	}
	if first[presenceRecord](c.snapshot(), tablePresence, byVNI, uint32(5000)) == nil {
		t.Error("the VNI may be given out again, and after a restart it may not")
	}
}
