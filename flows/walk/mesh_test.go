package walk

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
	cheapest "github.com/weft-sdn/weft/underlay"
)

// encapsulate gives networks any encapsulation, and hosts that have a tunnel
// port one of each.
func (w *world) encapsulate() {
	for i := range w.networks {
		w.networks[i].Encap = flows.Encap(w.networks[i].VNI % 3)
	}
	for i := range w.hosts {
		if ports := &w.hosts[i].TunnelPorts; ports[flows.VXLAN] != 0 {
			ports[flows.Geneve], ports[flows.GRE] = 600, 601
		}
	}
}

// link gives hosts random links and next hops, and their programs anew.
func (w *world) link() {
	w.linked = true
	for _, a := range w.hosts {
		var neighbours []uint32
		for _, b := range w.hosts {
			if !w.chance(4) {
				neighbours = append(neighbours, b.Number)
			}
		}
		w.fabric.PutLinks(a.Number, neighbours)
		for _, b := range w.hosts {
			w.fabric.PutNext(a.Number, b.Number, w.Uint32N(uint32(len(w.hosts)+1)))
		}
	}
	w.fabric.Flush()
	w.connect()
}

// mesh is hosts of which not all see each other, with some networks of any
// encapsulation, in which every host has an endpoint or two.
type mesh struct {
	*rand.Rand
	fabric    *flows.Fabric
	hosts     uint32
	endpoints []flows.Endpoint
	v6        bool
}

func newMesh(seed uint64, hosts uint32) *mesh {
	m := &mesh{Rand: rand.New(rand.NewPCG(seed, 11)), fabric: flows.NewFabric(), hosts: hosts}
	m.v6 = m.IntN(2) == 0
	for n := uint32(1); n <= hosts; n++ {
		m.fabric.PutHost(flows.Host{Number: n, VTEP: m.vtep(n), TunnelPorts: flows.TunnelPorts{1, 2, 3}})
	}
	for i, vni := range []uint32{100, flows.RelayedVNIs - 1, flows.RelayedVNIs, 7<<21 | 100} {
		m.fabric.PutNetwork(flows.Network{VNI: vni, Encap: flows.Encap(m.IntN(3))})
		for n := uint32(1); n <= hosts; n++ {
			for range m.IntN(3) {
				number := uint32(len(m.endpoints) + 1)
				e := flows.Endpoint{Number: number, VNI: vni, Host: n, Port: number + 10, MAC: [6]byte{2, 0x42, 0, 0, byte(i), byte(number)}}
				m.endpoints = append(m.endpoints, e)
				m.fabric.PutEndpoint(e)
			}
		}
	}
	return m
}

func (m *mesh) vtep(n uint32) netip.Addr {
	if m.v6 {
		return netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%x", n))
	}
	return vtep(n)
}

// underlay is the hosts with the programs that they have now.
func (m *mesh) underlay() *Underlay {
	m.fabric.Flush()
	u := NewUnderlay()
	for n := uint32(1); n <= m.hosts; n++ {
		u.Add(&Host{Name: hostName(n), VTEP: m.vtep(n), TunnelPorts: flows.TunnelPorts{1, 2, 3}, Switch: FromProgram(m.fabric.Program(n))})
	}
	return u
}

// link puts the links of all hosts; a host may know of some that others do not
// know of.
func (m *mesh) link(neighbours func(n uint32) []uint32) {
	for n := uint32(1); n <= m.hosts; n++ {
		m.fabric.PutLinks(n, neighbours(n))
	}
}

// got sends a frame and counts, by endpoint, how often it arrives. What goes
// from host to host more than eight times is an error of the walker.
func (m *mesh) got(t *testing.T, u *Underlay, from flows.Endpoint, to [6]byte) map[uint32]int {
	t.Helper()
	r := u.Walk(hostName(from.Host), from.Port, Frame(from.MAC, to).EtherType(0x88b5))
	if r.Err != nil {
		t.Fatalf("from endpoint %d to %x: %s", from.Number, to, r.Text(Words{}))
	}
	got := map[uint32]int{}
	for _, end := range r.Ends {
		if end.Outcome != Sent {
			continue
		}
		i := slices.IndexFunc(m.endpoints, func(e flows.Endpoint) bool { return hostName(e.Host) == end.Host && e.Port == end.Port })
		if i < 0 || m.endpoints[i].VNI != from.VNI || m.endpoints[i].Number == from.Number || end.Packet.meets(isTagged) {
			t.Fatalf("from endpoint %d to %x: it comes out where it should not, or with a label:\n%s", from.Number, to, r.Text(Words{}))
		}
		got[m.endpoints[i].Number]++
	}
	return got
}

// each calls for every endpoint, with a broadcast and with a frame to each other
// endpoint of its network.
func (m *mesh) each(do func(from flows.Endpoint, to [6]byte, members []flows.Endpoint)) {
	for _, from := range m.endpoints {
		var others []flows.Endpoint
		for _, e := range m.endpoints {
			if e.VNI == from.VNI && e.Number != from.Number {
				others = append(others, e)
				do(from, e.MAC, []flows.Endpoint{e})
			}
		}
		do(from, Broadcast, others)
	}
}

// Whatever the tables of the hosts hold, a frame makes 8 transmissions a copy at
// most, reaches nobody twice, and stays in its network.
func TestAFrameArrivesOnceAtMostWhateverTheNextHopsAre(t *testing.T) {
	for seed := range *seeds {
		m := newMesh(seed, uint32(2+seed%6))
		m.link(func(uint32) (neighbours []uint32) {
			for o := uint32(1); o <= m.hosts+1; o++ { // one of them is nobody
				if m.IntN(3) > 0 {
					neighbours = append(neighbours, o)
				}
			}
			return neighbours
		})
		for a := uint32(1); a <= m.hosts; a++ {
			for b := uint32(1); b <= m.hosts; b++ {
				m.fabric.PutNext(a, b, m.Uint32N(m.hosts+2))
			}
			if m.IntN(9) == 0 {
				m.fabric.DeleteLinks(a) // one that has not heard of any links
			}
		}
		u := m.underlay()
		m.each(func(from flows.Endpoint, to [6]byte, members []flows.Endpoint) {
			for number, times := range m.got(t, u, from, to) {
				if times > 1 || !slices.ContainsFunc(members, func(e flows.Endpoint) bool { return e.Number == number }) {
					t.Fatalf("seed %d: a frame from endpoint %d to %x arrives %d times at endpoint %d", seed, from.Number, to, times, number)
				}
			}
		})
	}
}

// Where the next hops are those of the cheapest ways, a frame arrives exactly
// once wherever there is a way of 8 transmissions; of a network that cannot be
// relayed, wherever there is a link.
func TestAFrameArrivesExactlyOnceWhereTheNextHopsAgree(t *testing.T) {
	for seed := range *seeds {
		m := newMesh(seed, uint32(2+seed%9))
		var links []cheapest.Link
		neighbours := map[uint32][]uint32{}
		join := func(a, b, cost uint32) {
			links = append(links, cheapest.Link{A: a, B: b, Cost: cost})
			neighbours[a], neighbours[b] = append(neighbours[a], b), append(neighbours[b], a)
		}
		for n := uint32(2); n <= m.hosts; n++ {
			join(n-1, n, 1) // in a row, some shortcuts, some gaps
		}
		for range m.IntN(4) {
			if a, b := 1+m.Uint32N(m.hosts), 1+m.Uint32N(m.hosts); a != b {
				join(a, b, 1+m.Uint32N(9))
			}
		}
		links = slices.DeleteFunc(links, func(cheapest.Link) bool { return m.IntN(12) == 0 })
		m.link(func(n uint32) []uint32 { return neighbours[n] })
		ways := cheapest.NewMap()
		for _, c := range ways.Set(links) {
			m.fabric.PutNext(c.From, c.To, c.Next)
		}
		u := m.underlay()
		m.each(func(from flows.Endpoint, to [6]byte, members []flows.Endpoint) {
			want := map[uint32]int{}
			for _, e := range members {
				next, is := ways.Next(from.Host, e.Host)
				if e.Host == from.Host || is && (next == e.Host || e.VNI < flows.RelayedVNIs) {
					want[e.Number] = 1
				}
			}
			if got := m.got(t, u, from, to); !maps.Equal(got, want) {
				t.Fatalf("seed %d, links %v: a frame from endpoint %d to %x arrives at %v, want %v", seed, links, from.Number, to, got, want)
			}
		})
	}
}

// Seven relays are passed, eight are not.
func TestEightTransmissionsAreTheMost(t *testing.T) {
	for hosts, want := range map[uint32]int{9: 1, 10: 0} {
		m := newMesh(1, hosts)
		m.link(func(n uint32) []uint32 { return []uint32{n - 1, n + 1} })
		for n := uint32(1); n <= hosts; n++ {
			m.fabric.PutNext(n, hosts, n+1)
		}
		one := flows.Endpoint{Number: 900, VNI: 100, Host: 1, Port: 900, MAC: [6]byte{2, 0, 0, 0, 0, 1}}
		two := flows.Endpoint{Number: 901, VNI: 100, Host: hosts, Port: 901, MAC: [6]byte{2, 0, 0, 0, 0, 2}}
		m.endpoints = append(m.endpoints, one, two)
		m.fabric.PutEndpoint(one)
		m.fabric.PutEndpoint(two)
		u := m.underlay()
		if got := m.got(t, u, one, two.MAC); got[two.Number] != want {
			t.Errorf("over %d relays it arrives %d times, want %d", hosts-2, got[two.Number], want)
		}
	}
}

// inARow is hosts 1, 2 and 3, of which 2 sees both others. A network leaves by 1
// and 2; an endpoint of it, which a forward leads to, is on 3.
func inARow() (f *flows.Fabric, e flows.Endpoint, connect func() *Underlay) {
	f = flows.NewFabric()
	for n := uint32(1); n <= 3; n++ {
		f.PutHost(flows.Host{Number: n, VTEP: vtep(n), TunnelPorts: flows.TunnelPorts{1}, GatewayPort: gatewayPort, TransitRange: transitRange,
			Transit: flows.Transit{V4: netip.AddrFrom4([4]byte{100, 64, 0, byte(n)})}})
	}
	for _, way := range [][3]uint32{{1, 2, 2}, {1, 3, 2}, {2, 1, 1}, {2, 3, 3}, {3, 1, 2}, {3, 2, 2}} {
		f.PutLinks(way[0], map[uint32][]uint32{1: {2}, 2: {1, 3}, 3: {2}}[way[0]])
		f.PutNext(way[0], way[1], way[2])
	}
	f.PutNetwork(flows.Network{VNI: 256, Gateway: &flows.Gateway{
		Mode: flows.SNAT, Limit: 1446, Zone: 1, Hosts: []flows.Exit{{Host: 1}, {Host: 2}},
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.254")}, Subnets: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")},
	}})
	e = flows.Endpoint{Number: 7, VNI: 256, Host: 3, Port: 17, MAC: [6]byte{2, 0x42, 0, 0, 0, 7}, Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.7")},
		Transit: flows.Transit{V4: netip.MustParseAddr("100.65.0.7")}, Forwards: []flows.Forward{{Protocol: protoTCP, Port: 80}}}
	f.PutEndpoint(e)
	return f, e, func() *Underlay {
		f.Flush()
		u := NewUnderlay()
		for n := uint32(1); n <= 3; n++ {
			u.Add(&Host{Name: hostName(n), VTEP: vtep(n), TunnelPorts: flows.TunnelPorts{1}, GatewayPort: gatewayPort, Switch: FromProgram(f.Program(n))})
		}
		return u
	}
}

// A connection that came in by a gateway goes back there, also where others
// relay it, and looks to the endpoint as if the gateway were its neighbour.
func TestAnAnswerGoesBackToTheGatewayOverARelay(t *testing.T) {
	f, e, connect := inARow()
	client := netip.MustParseAddr("203.0.113.9")
	in := Frame([6]byte{}, flows.HostMAC(1)).IP(client, e.Transit.V4)
	u := connect()
	for gateway := uint32(1); gateway <= 2; gateway++ {
		port := uint16(5000 + gateway)
		r := u.Walk(hostName(gateway), gatewayPort, in.TCP(port, 80))
		if r.Err != nil || len(r.Ends) != 1 || r.Ends[0].Outcome != Sent || r.Ends[0].Host != "host3" {
			t.Fatalf("in by gateway %d:\n%s", gateway, r.Text(Words{}))
		}
		if got := r.Ends[0].Packet.MAC(of.EthSrc); got != flows.RouterMAC {
			t.Errorf("in by gateway %d it comes from %x, not from the gateway's address", gateway, got)
		}
		r = u.Walk("host3", e.Port, Frame(e.MAC, flows.RouterMAC).IP(e.Addresses[0], client).TCP(80, port).tcpSYNACK())
		if r.Err != nil || len(r.Ends) != 1 || r.Ends[0].Outcome != ToKernel || r.Ends[0].Host != hostName(gateway) {
			t.Errorf("the answer does not leave by gateway %d:\n%s", gateway, r.Text(Words{}))
		}
	}
	// To host 1 no way leads any more: new connections leave by the other.
	f.PutNext(3, 1, 0)
	u = connect()
	for port := uint16(6000); port < 6016; port++ {
		r := u.Walk("host3", e.Port, Frame(e.MAC, flows.RouterMAC).IP(e.Addresses[0], client).TCP(port, 443))
		if r.Err != nil || len(r.Ends) != 1 || r.Ends[0].Outcome != ToKernel || r.Ends[0].Host != "host2" {
			t.Fatalf("with gateway 1 cut off, from port %d:\n%s", port, r.Text(Words{}))
		}
	}
}

// Who relayed a frame may have a NIC of its network, and who sent it one, too:
// a machine's frame still goes to no other NIC, and an endpoint's to all.
func TestARelayedFrameOfAMachineGoesToNoOtherNIC(t *testing.T) {
	for _, relayHasNIC := range []bool{false, true} {
		f, _, connect := inARow()
		f.PutNetwork(flows.Network{VNI: 300})
		nics := map[uint32]uint32{1: 31, 3: 33} // host → port
		if relayHasNIC {
			nics[2] = 32
		}
		for host, port := range nics {
			f.PutNIC(flows.NIC{Number: 500 + host, VNI: 300, Host: host, Port: port})
		}
		e := flows.Endpoint{Number: 8, VNI: 300, Host: 3, Port: 18, MAC: [6]byte{2, 0x42, 0, 0, 0, 8}}
		o := flows.Endpoint{Number: 9, VNI: 300, Host: 1, Port: 19, MAC: [6]byte{2, 0x42, 0, 0, 0, 9}}
		f.PutEndpoint(e)
		f.PutEndpoint(o)
		u := connect()
		for _, test := range []struct {
			from, port uint32
			src, dst   [6]byte
			want       map[string]bool // ports
		}{
			{1, 31, strangeMAC, Broadcast, map[string]bool{"host1 19": true, "host3 18": true}},
			{1, 31, strangeMAC, e.MAC, map[string]bool{"host3 18": true}},
			{1, 19, o.MAC, Broadcast, map[string]bool{"host1 31": true, "host2 32": relayHasNIC, "host3 18": true, "host3 33": true}},
			{3, 18, e.MAC, strangeMAC, map[string]bool{"host1 31": true, "host2 32": relayHasNIC, "host3 33": true}}, // nobody has learned it here
		} {
			r := u.Walk(hostName(test.from), test.port, Frame(test.src, test.dst).EtherType(0x88b5))
			got := map[string]bool{}
			for _, end := range r.Ends {
				if end.Outcome == Sent {
					got[fmt.Sprintf("%s %d", end.Host, end.Port)] = true
				}
			}
			maps.DeleteFunc(test.want, func(_ string, is bool) bool { return !is })
			if r.Err != nil || !maps.Equal(got, test.want) {
				t.Errorf("the relay has a NIC: %v; from port %d of host %d to %x it gets to %v, want %v:\n%s",
					relayHasNIC, test.port, test.from, test.dst, got, test.want, r.Text(Words{}))
			}
		}
	}
}
