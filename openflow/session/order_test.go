package session

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// inZone starts three connections in each of the zones 7 and 8: of 10.0.0.1,
// which is translated to 100.65.0.1, of 10.0.0.2 to 10.0.0.9, and of one that
// reaches 10.0.0.3 as 100.65.0.3.
func (o *ovs) inZone(bridge string) {
	o.t.Helper()
	for _, zone := range []int{7, 8} {
		for in, what := range []string{"nw_src=10.0.0.1 nat(src=100.65.0.1)", "nw_src=10.0.0.2 ", "nw_dst=100.65.0.3 nat(dst=10.0.0.3)"} {
			match, nat, _ := strings.Cut(what, " ")
			o.ofctl(bridge, "add-flow", fmt.Sprintf("udp,%s,tp_dst=%d,actions=ct(commit,zone=%d,%s)", match, zone, zone, nat))
			packet := []string{"src=10.0.0.1,dst=192.0.2.1", "src=10.0.0.2,dst=10.0.0.9", "src=192.0.2.1,dst=100.65.0.3"}[in]
			if _, err := o.Control("netdev-dummy/receive", bridge+"-a", fmt.Sprintf("in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x0800),ipv4(%s,proto=17,tos=0,ttl=64,frag=no),udp(src=4000,dst=%d)", packet, zone)); err != nil {
				o.t.Fatal(err)
			}
		}
	}
}

// connections returns which of the connections of inZone are there, as zone and
// address.
func (o *ovs) connections() []string {
	o.t.Helper()
	dump, err := o.Control("dpctl/dump-conntrack")
	if err != nil {
		o.t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(dump) {
		zone := "8"
		if strings.Contains(line, "zone=7") {
			zone = "7"
		}
		for _, address := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			if strings.Contains(line, "="+address+",") {
				found = append(found, zone+"/"+address)
			}
		}
	}
	slices.Sort(found)
	return found
}

func TestConnectionsAreForgotten(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{})
	waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
	all := []string{"7/10.0.0.1", "7/10.0.0.2", "7/10.0.0.3", "8/10.0.0.1", "8/10.0.0.2", "8/10.0.0.3"}
	for _, c := range []struct {
		name string
		do   func() error
		left []string
	}{
		{"a zone", func() error { return s.FlushZone(t.Context(), 7) }, all[3:]},
		{"no address", func() error { return s.FlushConnections(t.Context(), 7) }, all},
		{"a source", flush(t, s, 7, "10.0.0.2"), []string{"7/10.0.0.1", "7/10.0.0.3", "8/10.0.0.1", "8/10.0.0.2", "8/10.0.0.3"}},
		{"a destination", flush(t, s, 8, "10.0.0.9"), []string{"7/10.0.0.1", "7/10.0.0.2", "7/10.0.0.3", "8/10.0.0.1", "8/10.0.0.3"}},
		{"a source before and a destination after the translation", flush(t, s, 8, "10.0.0.1", "10.0.0.3"), []string{"7/10.0.0.1", "7/10.0.0.2", "7/10.0.0.3", "8/10.0.0.2"}},
		{"what sources and destinations are translated to", flush(t, s, 8, "100.65.0.1", "100.65.0.3"), []string{"7/10.0.0.1", "7/10.0.0.2", "7/10.0.0.3", "8/10.0.0.2"}},
		{"an address that no connection has", flush(t, s, 7, "10.0.0.77", "fd00::1"), all},
	} {
		if _, err := o.Control("dpctl/flush-conntrack"); err != nil {
			t.Fatal(err)
		}
		o.inZone(br)
		waitFor(t, 5*time.Second, "the connections", func() bool { return slices.Equal(o.connections(), all) })
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if left := o.connections(); !slices.Equal(left, c.left) {
			t.Errorf("%s: left are %v, want %v", c.name, left, c.left)
		}
	}
}

// A flush that selects a connection of ICMPv6 ends ovs-vswitchd 3.1.
func TestIPv6ConnectionsAreForgottenAndTheSwitchIsWell(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	s, r := o.connect(br, Config{})
	waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
	o.ofctl(br, "add-flow", "ipv6,actions=ct(commit,zone=7)")
	for _, above := range []string{"proto=58,tclass=0,hlimit=64,frag=no),icmpv6(type=128,code=0)", "proto=17,tclass=0,hlimit=64,frag=no),udp(src=4000,dst=7)"} {
		if _, err := o.Control("netdev-dummy/receive", br+"-a", "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x86dd),ipv6(src=fd00::1,dst=fd00::2,label=0,"+above); err != nil {
			t.Fatal(err)
		}
	}
	has := func(protocol string) func() bool {
		return func() bool {
			dump, err := o.Control("dpctl/dump-conntrack")
			if err != nil {
				t.Fatal(err)
			}
			return strings.Contains(dump, protocol+",orig=(src=fd00::1")
		}
	}
	waitFor(t, 5*time.Second, "a connection of UDP", has("udp"))
	waitFor(t, 5*time.Second, "a connection of ICMPv6", has("icmpv6"))
	if err := flush(t, s, 7, "fd00::1")(); err != nil {
		t.Error(err)
	}
	if has("udp")() || !has("icmpv6")() {
		t.Error("of UDP it is to be forgotten, of ICMPv6 it runs out by itself")
	}
}

func flush(t *testing.T, s *Session, zone uint16, addresses ...string) func() error {
	return func() error {
		var as []netip.Addr
		for _, a := range addresses {
			as = append(as, netip.MustParseAddr(a))
		}
		return s.FlushConnections(t.Context(), zone, as...)
	}
}

func TestARefusedFlushSaysSo(t *testing.T) {
	f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
		if _, ok := m.(*openflow.CTFlush); ok {
			f.send(&openflow.Error{ErrorCode: openflow.ErrorCode{Type: 1, Code: 4}}, xid)
			return true
		}
		return false
	}}
	s, r := startFake(t, f, Config{})
	waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
	err := flush(t, s, 7, "10.0.0.1")()
	if err == nil || !strings.Contains(err.Error(), "[10.0.0.1] in conntrack zone 7: the switch refused it: OFPBRC_BAD_SUBTYPE") {
		t.Errorf("error %v", err)
	}
}

func TestPacketsToTheControllerAreMetered(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	for _, before := range []string{
		"", // none yet
		"meter=controller,pktps,burst,stats,bands=type=drop,rate=7,burst_size=50",
		"meter=controller,kbps,bands=type=drop,rate=100",
	} {
		if before != "" {
			o.ofctl(br, "mod-meter", before)
		}
		s, r := o.connect(br, Config{})
		waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
		s.Close()
		const want = "meter=controller pktps burst stats bands=\ntype=drop rate=100 burst_size=50\n"
		if got := o.ofctl(br, "dump-meters"); !strings.HasSuffix(got, want) {
			t.Errorf("it was %q and is %q", before, got)
		}
	}
}

func TestARightMeterIsNotTouchedAndAMissingOneEndsNothing(t *testing.T) {
	refuse := func(code openflow.ErrorCode) func(f *fakeSwitch, xid uint32) {
		return func(f *fakeSwitch, xid uint32) { f.send(&openflow.Error{ErrorCode: code}, xid) }
	}
	for _, c := range []struct {
		name   string
		config func(f *fakeSwitch, xid uint32)
		mods   int64
	}{
		{"right", nil, 0},
		{"no meters in this OpenFlow", refuse(openflow.ErrorCode{Type: 1, Code: 2}), 0},
		{"no meters in this datapath", refuse(openflow.ErrUnknownMeter), 1},
	} {
		var mods atomic.Int64
		f := &fakeSwitch{override: func(f *fakeSwitch, m openflow.Message, xid uint32) bool {
			switch m := m.(type) {
			case *openflow.MeterMod:
				mods.Add(1)
				refuse(openflow.ErrorCode{Type: 12, Code: 2})(f, xid)
				return true
			case *openflow.MultipartRequest:
				if m.Body.Kind() == openflow.KindMeterConfig && c.config != nil {
					c.config(f, xid)
					return true
				}
			}
			return false
		}}
		s, r := startFake(t, f, Config{})
		r.waitInstalled(t, s.Wanted(many(3)))
		if mods.Load() != c.mods {
			t.Errorf("%s: %d writes, want %d", c.name, mods.Load(), c.mods)
		}
	}
}

func TestFirstFragmentsShowTheirTransport(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	_, r := o.connect(br, Config{})
	waitFor(t, 5*time.Second, "ready", r.see(func() bool { return r.ready }))
	if got := o.ofctl(br, "get-frags"); !strings.Contains(got, "nx-match") {
		t.Errorf("fragments are handled as %s", got)
	}
}

func TestAPortTellsWhetherItIsAlive(t *testing.T) {
	o := startOVS(t)
	br := o.bridge()
	_, r := o.connect(br, Config{})
	tunnel := br + "-bfd"
	is := func(live, down bool) func() bool {
		return r.see(func() bool {
			for _, p := range r.ports {
				if p.Name == tunnel {
					return p.Live() == live && p.LinkDown() == down
				}
			}
			return false
		})
	}
	o.VSCtl("add-port", br, tunnel)
	waitFor(t, 5*time.Second, "a port that is alive", is(true, false))
	o.VSCtl("set", "interface", tunnel, "bfd:enable=true")
	waitFor(t, 5*time.Second, "a port whose peer is silent", is(false, false))
	o.VSCtl("set", "interface", tunnel, "bfd:enable=false")
	waitFor(t, 5*time.Second, "a port without a peer", is(true, false))
	if _, err := o.Control("netdev-dummy/set-admin-state", tunnel, "down"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, 5*time.Second, "a port that is down", is(false, true))
}
