package flows

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/openflow/program"
)

func vtep(n uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

func size(fragments []*program.Fragment) (flows, groups int) {
	for _, fr := range fragments {
		flows, groups = flows+len(fr.Flows), groups+len(fr.Groups)
	}
	return flows, groups
}

// The numbers are those of version 1, before there were gateways.
func TestANetworkWithoutAGatewayCostsNothing(t *testing.T) {
	f := NewFabric()
	for n := uint32(1); n <= 2; n++ {
		f.PutHost(Host{Number: n, VTEP: vtep(n), TunnelPorts: TunnelPorts{1}})
	}
	f.PutNetwork(Network{VNI: 100})
	f.PutEndpoint(Endpoint{Number: 1, VNI: 100, Host: 1, Port: 11, MAC: [6]byte{2, 0, 0, 0, 0, 1}})
	f.PutEndpoint(Endpoint{Number: 2, VNI: 100, Host: 2, Port: 12, MAC: [6]byte{2, 0, 0, 0, 0, 2}})
	f.Flush()
	// base 16, tunnel 2, network 4, member 1, path 1, endpoints 5 + 2 + 1
	const flows, groups = 32, 2
	if fl, gr := size(f.Program(1)); fl != flows || gr != groups {
		t.Errorf("%d flows and %d groups, want %d and %d", fl, gr, flows, groups)
	}
	before := f.Program(1)

	// A network with all there is on the other host, and one whose gateway
	// that is, change nothing here.
	f.putRouted(200, Gateway{Mode: SNAT, Hosts: []Exit{{Host: 2}}, HostAccess: true}, "10.0.0.0/24")
	f.putThere(3, 200, 2, Forward{Protocol: protoTCP, Port: 80})
	f.PutNIC(NIC{Number: 4, VNI: 200, Host: 2, Port: 14})
	f.Flush()
	if after := f.Program(1); !slices.Equal(before, after) {
		t.Errorf("a gateway on host 2 changes host 1: %v", program.Between(before, after).Lines(names))
	}

	// Where both are, the one has what it had.
	f.putThere(5, 200, 1)
	f.Flush()
	for _, was := range before {
		if !slices.Contains(f.Program(1), was) {
			t.Errorf("a network with a gateway changes, of one without: %v", was.Key)
		}
	}
	f.DeleteEndpoint(5)
	f.Flush()
	if after := f.Program(1); !slices.EqualFunc(before, after, (*program.Fragment).Equal) {
		t.Errorf("a network with a gateway leaves behind: %v", program.Between(before, after).Lines(names))
	}
}

// Who takes which part in a network, and has what of it therefore.
func TestAHostHasWhatItsPartAsksFor(t *testing.T) {
	f := router()
	f.putRouted(256, Gateway{Mode: SNAT, Hosts: []Exit{{Host: 2}}}, "10.1.0.0/24")
	f.putRouted(257, Gateway{Mode: Local, Peers: []uint32{256}}, "10.2.0.0/24")
	f.putThere(1, 256, 1)
	f.putThere(2, 257, 3)
	f.Flush()
	// 257 leads to 256, not the other way round.
	want := map[uint32]string{
		1: "12 13 20 21 22 23 24 30/2 30/3 31/2 31/3 40 41 43 45",
		2: "12 13 22 23 24 30/1 30/3 31/1 31/3 42 45 46",
		3: "12 13 24 31/1 31/2 42 45",
	}
	for number, kinds := range want {
		if got := kindsOf(f.Program(number), 256); got != kinds {
			t.Errorf("host %d has of the network %s, want %s", number, got, kinds)
		}
	}
	if got := f.Attendants(256); !slices.Equal(got, []uint32{1, 2, 3}) {
		t.Errorf("the hosts that take part are %v", got)
	}
	if got := f.Members(256); !slices.Equal(got, []uint32{1}) {
		t.Errorf("the hosts with an endpoint are %v", got)
	}

	f.DeleteEndpoint(2)
	f.DeleteHost(2)
	f.Flush()
	if got := f.Attendants(256); !slices.Equal(got, []uint32{1}) {
		t.Errorf("with the gateway and the neighbour gone, the hosts that take part are %v", got)
	}
	if got := f.Networks(3); got != nil {
		t.Errorf("host 3 takes part in %v", got)
	}
}

// kindsOf are the kinds of fragments of a network and of no network at all but
// the common ones, with their owners where those are hosts.
func kindsOf(fragments []*program.Fragment, vni uint32) string {
	all := map[string]bool{}
	for _, fr := range fragments {
		k := Kind(fr.Key.Kind)
		if k == KindBase || k == KindTunnel || fr.Key.VNI != 0 && fr.Key.VNI != vni {
			continue
		}
		s := fmt.Sprintf("%x", uint8(k))
		if k.IsHost() {
			s += fmt.Sprintf("/%d", fr.Key.Owner)
		}
		all[s] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(all)), " ")
}

// A gateway that is drained keeps its place among the groups, so that the
// connections pinned to it stay, and is not chosen any more.
func TestADrainedGatewayIsChosenLast(t *testing.T) {
	x := &exits{Network: Network{VNI: 256, Gateway: &Gateway{Mode: SNAT, Zone: 1}}, named: true, pinned: true,
		here: Host{Number: 9, TunnelPorts: TunnelPorts{1}, WatchPorts: map[uint32]uint32{1: 101, 2: 102, 3: 103}}}
	for _, n := range []uint32{1, 3, 2} { // 2 is drained
		x.hosts = append(x.hosts, Host{Number: n, VTEP: vtep(n)})
	}
	x.active = 2
	for i, want := range []string{"101 103 102 1", "103 101 102 1", "102 103 101 1"} {
		var got []string
		for _, k := range x.failover(i).Buckets() {
			got = append(got, fmt.Sprint(k.WatchPort))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("group %d watches %s, want %s", i, got, want)
		}
	}
	text := text([]*program.Fragment{x.steer()})
	if !strings.Contains(text, "multipath(symmetric_l3l4+udp,0,modulo_n,2,") {
		t.Errorf("new connections are not shared between two: %s", text)
	}
}
