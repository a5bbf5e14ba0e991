package walk

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
)

var (
	oneSeed = flag.Uint64("seed", 0, "test the topology of this seed only (0: many)")
	seeds   = flag.Uint64("topologies", 60, "how many random topologies are tested")
)

// eachWorld tests random topologies. A failure names the seed, by which
// -seed replays it.
func eachWorld(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	first, last := uint64(1), *seeds
	if testing.Short() {
		last = min(last, 10)
	}
	if *oneSeed != 0 {
		first, last = *oneSeed, *oneSeed
	}
	for seed := first; seed <= last && !t.Failed(); seed++ {
		w := newWorld(seed)
		if seed%2 == 1 {
			w.encapsulate()
		}
		w.build()
		test(t, w)
		if t.Failed() {
			t.Logf("replay with: go test ./flows/walk -run '^%s$' -seed %d\n%s", t.Name(), seed, w)
		}
	}
}

// world is a random topology: the facts, the fabric that was told them, and
// the hosts with the programs that it made.
type world struct {
	*rand.Rand
	hosts     []flows.Host
	sources   map[uint32]netip.Addr // what a host's tunnels send from; not always what is known as its VTEP
	networks  []flows.Network
	subnets   []int // of networks: those of one number are equal
	endpoints []flows.Endpoint
	nics      []flows.NIC // none unless addNICs is called
	linked    bool        // by link

	fabric   *flows.Fabric
	underlay *Underlay
}

// newWorld makes up facts. Many networks have equal subnets, and endpoints of
// different networks equal addresses and equal MACs.
func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), sources: map[uint32]netip.Addr{}}
	for n := range uint32(w.IntN(5) + 1) {
		w.hosts = append(w.hosts, w.host(n+1))
	}
	for n := range w.IntN(4) + 1 {
		w.networks = append(w.networks, flows.Network{VNI: uint32(100*n + w.IntN(100) + 1), Flood: w.chance(2), IPv6: w.chance(2)})
		w.subnets = append(w.subnets, w.IntN(2)*(n+1))
	}
	ports := map[uint32]uint32{}
	number := uint32(0)
	for k, n := range w.networks {
		for i := range w.IntN(8) {
			number++
			e := flows.Endpoint{Number: number, VNI: n.VNI, MAC: [6]byte{2, 0x42, 0, 0, 0, byte(i + 1)}}
			if w.chance(2) {
				e.Addresses = append(e.Addresses, netip.AddrFrom4([4]byte{10, 0, byte(w.subnets[k]), byte(i + 1)}))
			}
			if n.IPv6 && !w.chance(3) {
				e.Addresses = append(e.Addresses, netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::%x", w.subnets[k], i+1)))
			}
			if w.chance(8) {
				e.MAC = [6]byte{} // still to be adopted
			}
			if !w.chance(8) {
				e.Host = w.hosts[w.IntN(len(w.hosts))].Number
				if !w.chance(10) {
					ports[e.Host]++
					e.Port = 10 + ports[e.Host]
				}
			}
			w.endpoints = append(w.endpoints, e)
		}
	}
	w.addGateways()
	return w
}

func (w *world) host(number uint32) flows.Host {
	h := flows.Host{Number: number, VTEP: netip.AddrFrom4([4]byte{198, 18, 77, byte(number)}), TunnelPorts: flows.TunnelPorts{number}}
	if w.chance(6) {
		h.VTEP = netip.MustParseAddr(fmt.Sprintf("2001:db8:ffff::%x", number))
	}
	w.sources[number] = h.VTEP
	if w.chance(8) {
		h.VTEP = netip.Addr{}
	}
	if w.chance(10) {
		h.TunnelPorts[flows.VXLAN] = 0
	}
	return h
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.IntN(n) == 0 }

func hostName(number uint32) string { return fmt.Sprintf("host%d", number) }

// build tells a fabric the facts and gives every host its program.
func (w *world) build() {
	w.fabric = flows.NewFabric()
	w.tell(w.fabric)
	w.connect()
}

// connect gives every host the program that the fabric has for it.
func (w *world) connect() {
	w.underlay = NewUnderlay()
	for _, h := range w.hosts {
		w.underlay.Add(&Host{
			Name: hostName(h.Number), VTEP: w.sources[h.Number], TunnelPorts: h.TunnelPorts, GatewayPort: h.GatewayPort,
			Switch: FromProgram(w.fabric.Program(h.Number)),
		})
	}
}

func (w *world) tell(f *flows.Fabric) {
	for _, h := range w.hosts {
		f.PutHost(h)
	}
	for _, n := range w.networks {
		f.PutNetwork(n)
	}
	for _, e := range w.endpoints {
		f.PutEndpoint(e)
	}
	for _, c := range w.nics {
		f.PutNIC(c)
	}
	f.Flush()
}

// send walks a packet from an endpoint.
func (w *world) send(e flows.Endpoint, p Packet) Result {
	return w.underlay.Walk(hostName(e.Host), e.Port, p)
}

// plugged are the endpoints that can send: those that are behind a port.
func (w *world) plugged() []flows.Endpoint {
	return slices.DeleteFunc(slices.Clone(w.endpoints), func(e flows.Endpoint) bool { return e.Port == 0 })
}

func (w *world) network(vni uint32) flows.Network {
	return w.networks[slices.IndexFunc(w.networks, func(n flows.Network) bool { return n.VNI == vni })]
}

// The oracle: what shall be so, said without flows.

// connected is whether frames pass between the hosts of two endpoints.
func (w *world) connected(a, b flows.Endpoint) bool {
	if a.Host == b.Host {
		return true
	}
	x, y := w.hosts[a.Host-1], w.hosts[b.Host-1]
	return x.VTEP.IsValid() && y.VTEP.IsValid() && x.VTEP.Is4() == y.VTEP.Is4() && x.TunnelPorts[flows.VXLAN] != 0 && y.TunnelPorts[flows.VXLAN] != 0
}

// hears is whether what a sends to everybody reaches b.
func (w *world) hears(a, b flows.Endpoint) bool {
	return a.VNI == b.VNI && a.Number != b.Number && a.MAC != noMAC && a.Port != 0 && b.Port != 0 && w.connected(a, b)
}

// reaches is whether what a sends to b alone reaches it.
func (w *world) reaches(a, b flows.Endpoint) bool { return w.hears(a, b) && b.MAC != noMAC }

// answered is whether questions for the addresses of e have an answer.
func answered(e flows.Endpoint) bool { return e.MAC != noMAC && e.Host != 0 }

// others are the endpoints that hear a, by number.
func (w *world) others(a flows.Endpoint) []uint32 {
	var out []uint32
	for _, b := range w.endpoints {
		if w.hears(a, b) {
			out = append(out, b.Number)
		}
	}
	return out
}

// receivers are the endpoints that got a copy, by number: one that got two
// stands there twice. A copy that went to nobody is 0.
func (w *world) receivers(r Result) []uint32 {
	var out []uint32
	for _, end := range r.Ends {
		if end.Outcome != Sent {
			continue
		}
		i := slices.IndexFunc(w.endpoints, func(e flows.Endpoint) bool {
			return e.Port != 0 && e.Port == end.Port && hostName(e.Host) == end.Host
		})
		if i < 0 {
			out = append(out, 0)
		} else {
			out = append(out, w.endpoints[i].Number)
		}
	}
	slices.Sort(out)
	return out
}

// expect checks who got a packet.
func (w *world) expect(t *testing.T, from flows.Endpoint, what string, p Packet, want ...uint32) Result {
	t.Helper()
	r := w.send(from, p)
	if r.Err != nil {
		t.Errorf("%s from endpoint %d: %v", what, from.Number, r.Err)
		return r
	}
	slices.Sort(want)
	if got := w.receivers(r); !slices.Equal(got, want) {
		t.Errorf("%s from endpoint %d reaches the endpoints %v, and should reach %v:\n%s", what, from.Number, got, want, r.Text(Words{}))
	}
	return r
}

// expectDrop checks that nobody got a packet, and why.
func (w *world) expectDrop(t *testing.T, from flows.Endpoint, what string, p Packet, why flows.Reason) {
	t.Helper()
	r := w.expect(t, from, what, p)
	if r.Err == nil && !slices.ContainsFunc(r.Ends, func(e End) bool { return e.Reason() == why }) {
		t.Errorf("%s from endpoint %d is not dropped for reason %d:\n%s", what, from.Number, why, r.Text(Words{}))
	}
}

func (w *world) String() string {
	s := ""
	for _, h := range w.hosts {
		s += fmt.Sprintf("%+v sends from %v\n", h, w.sources[h.Number])
	}
	for _, n := range w.networks {
		s += fmt.Sprintf("%+v\n", n)
		if n.Gateway != nil {
			s += fmt.Sprintf("  %+v\n", *n.Gateway)
		}
	}
	for _, e := range w.endpoints {
		s += fmt.Sprintf("%+v\n", e)
	}
	return s
}
