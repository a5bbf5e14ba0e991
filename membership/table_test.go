package membership

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestWhoIsSlowIsToldTheSumOfChanges(t *testing.T) {
	tb := newTable()
	at := netip.MustParseAddrPort("192.0.2.1:7948")
	for i := range 100 {
		tb.appeared("a", at, self{role: Agent, incarnation: uint64(i + 1)})
		tb.appeared(fmt.Sprint("b", i%3), at, self{role: Agent, incarnation: 1})
	}
	if len(tb.changes) != 4 || len(tb.order) != 4 {
		t.Errorf("%d changes of 4 members wait", len(tb.changes))
	}
	c, ok := tb.next()
	if !ok || c.Before.Name != "" || c.After.Incarnation != 100 {
		t.Errorf("%v, %v", c, ok)
	}
	for range 3 {
		if _, ok := tb.next(); !ok {
			t.Error("a change is missing")
		}
	}
	// What came and went is nothing to be told.
	tb.suspect("a")
	tb.settle("a", Alive)
	if c, ok := tb.next(); ok {
		t.Errorf("%v", c)
	}
}

func TestAViewFindsItsMembers(t *testing.T) {
	tb := newTable()
	at := netip.MustParseAddrPort("192.0.2.1:7948")
	for _, name := range []string{"c", "a", "b"} {
		tb.appeared(name, at, self{role: Agent, incarnation: 1})
	}
	members, _ := tb.list()
	v := View{Members: members}
	for _, name := range []string{"a", "b", "c"} {
		if m, ok := v.Member(name); !ok || m.Name != name {
			t.Errorf("%s is %v, %v", name, m, ok)
		}
	}
	for _, name := range []string{"", "aa", "d"} {
		if m, ok := v.Member(name); ok {
			t.Errorf("%s is %v", name, m)
		}
	}
}
