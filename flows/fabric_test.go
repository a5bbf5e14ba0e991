package flows

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/openflow/program"
)

// world is a random state, kept beside the fabric so that another can be made
// of it from nothing.
type world struct {
	networks  map[uint32]Network
	endpoints map[uint32]Endpoint
	hosts     map[uint32]Host
	nics      map[uint32]NIC
	links     map[uint32][]uint32
	next      map[[2]uint32]uint32 // from, to → by whom
}

func newWorld() *world {
	return &world{map[uint32]Network{}, map[uint32]Endpoint{}, map[uint32]Host{}, map[uint32]NIC{}, map[uint32][]uint32{}, map[[2]uint32]uint32{}}
}

// recompute makes a fabric of the state as it is, in a random order.
func (w *world) recompute(r *rand.Rand) *Fabric {
	f := NewFabric()
	shuffled := func(n int, at func(int)) {
		for _, i := range r.Perm(n) {
			at(i)
		}
	}
	hosts, networks, endpoints := keys(w.hosts), keys(w.networks), keys(w.endpoints)
	// Hosts and networks come in any order; only endpoints need both.
	shuffled(len(hosts)+len(networks), func(i int) {
		if i < len(hosts) {
			f.PutHost(w.hosts[hosts[i]])
		} else {
			f.PutNetwork(w.networks[networks[i-len(hosts)]])
		}
	})
	links := keys(w.links)
	early := r.IntN(2) == 0
	tell := func() {
		shuffled(len(links), func(i int) { f.PutLinks(links[i], w.links[links[i]]) })
		for pair, next := range w.next {
			f.PutNext(pair[0], pair[1], next)
		}
	}
	if early {
		tell()
	}
	nics := keys(w.nics)
	shuffled(len(endpoints)+len(nics), func(i int) {
		if i < len(endpoints) {
			f.PutEndpoint(w.endpoints[endpoints[i]])
		} else {
			f.PutNIC(w.nics[nics[i-len(endpoints)]])
		}
	})
	if !early {
		tell()
	}
	f.Flush()
	return f
}

func keys[V any](m map[uint32]V) []uint32 {
	var out []uint32
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// step changes one thing, in the state and in the fabric.
func (w *world) step(r *rand.Rand, f *Fabric) string {
	number := uint32(r.IntN(12) + 1)
	switch r.IntN(14) {
	case 0:
		n := Network{VNI: uint32(r.IntN(4) + 100), Flood: r.IntN(2) == 0, IPv6: r.IntN(2) == 0, Encap: Encap(max(r.IntN(5)-2, 0))}
		n.Gateway = randomGateway(r, n)
		w.networks[n.VNI] = n
		f.PutNetwork(n)
		return fmt.Sprintf("put %+v with %+v", n, n.Gateway)
	case 1:
		vni := uint32(r.IntN(4) + 100)
		delete(w.networks, vni)
		for number, e := range w.endpoints {
			if e.VNI == vni {
				delete(w.endpoints, number)
			}
		}
		for number, c := range w.nics {
			if c.VNI == vni {
				delete(w.nics, number)
			}
		}
		f.DeleteNetwork(vni)
		return fmt.Sprintf("delete network %d", vni)
	case 2:
		h := Host{Number: uint32(r.IntN(4) + 1), TunnelPorts: TunnelPorts{uint32(r.IntN(3)), uint32(r.IntN(2) * 4), uint32(r.IntN(2) * 5)}, GatewayPort: uint32(r.IntN(2) * 77)}
		if r.IntN(2) == 0 {
			h.Transit = transit(h.Number)
			h.TransitRange.V4 = netip.MustParsePrefix("100.64.0.0/10")
			h.WatchPorts = map[uint32]uint32{uint32(r.IntN(4) + 1): uint32(r.IntN(2) + 90)}
		}
		if r.IntN(4) > 0 {
			h.VTEP = netip.AddrFrom4([4]byte{192, 0, 2, byte(h.Number*50 + uint32(r.IntN(40)))})
		}
		w.hosts[h.Number] = h
		f.PutHost(h)
		return fmt.Sprintf("put %+v", h)
	case 6:
		h := uint32(r.IntN(4) + 1)
		if r.IntN(4) == 0 {
			delete(w.links, h)
			maps.DeleteFunc(w.next, func(pair [2]uint32, _ uint32) bool { return pair[0] == h })
			f.DeleteLinks(h)
			return fmt.Sprintf("delete links of %d", h)
		}
		var neighbours []uint32
		for _, n := range r.Perm(5)[:r.IntN(5)] {
			neighbours = append(neighbours, uint32(n+1))
		}
		w.links[h] = neighbours
		f.PutLinks(h, neighbours)
		return fmt.Sprintf("put links of %d to %v", h, neighbours)
	case 7, 8:
		from, to, next := uint32(r.IntN(4)+1), uint32(r.IntN(5)+1), uint32(r.IntN(6))
		if _, linked := w.links[from]; linked {
			w.next[[2]uint32{from, to}] = next
		}
		f.PutNext(from, to, next)
		return fmt.Sprintf("put next %d→%d by %d", from, to, next)
	case 3:
		h := uint32(r.IntN(4) + 1)
		for _, e := range w.endpoints {
			if e.Host == h {
				return "nothing"
			}
		}
		for _, c := range w.nics {
			if c.Host == h {
				return "nothing"
			}
		}
		delete(w.hosts, h)
		f.DeleteHost(h)
		return fmt.Sprintf("delete host %d", h)
	case 5:
		c := NIC{Number: uint32(r.IntN(3) + 50), VNI: uint32(r.IntN(4) + 100), Host: uint32(r.IntN(4) + 1), VLAN: uint16(r.IntN(2))}
		c.Port = uint32(r.IntN(2)) * (c.Number + 300)
		if r.IntN(3) == 0 {
			delete(w.nics, c.Number)
			f.DeleteNIC(c.Number)
			return fmt.Sprintf("delete NIC %d", c.Number)
		}
		if w.networks[c.VNI].VNI == 0 || w.hosts[c.Host].Number == 0 {
			return "nothing"
		}
		w.nics[c.Number] = c
		f.PutNIC(c)
		return fmt.Sprintf("put %+v", c)
	case 4:
		delete(w.endpoints, number)
		f.DeleteEndpoint(number)
		return fmt.Sprintf("delete endpoint %d", number)
	default:
		e := Endpoint{Number: number, VNI: uint32(r.IntN(4) + 100), Port: uint32(r.IntN(2)) * (number + 100*uint32(r.IntN(2)+1))}
		if _, ok := w.networks[e.VNI]; !ok {
			return "nothing"
		}
		if h := uint32(r.IntN(5)); w.hosts[h].Number != 0 {
			e.Host = h
		}
		if r.IntN(5) > 0 {
			e.MAC = [6]byte{2, 0, 0, 0, byte(r.IntN(3)), byte(number)}
		}
		if r.IntN(4) > 0 {
			e.Addresses = append(e.Addresses, netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(2)), byte(number)}))
		}
		if r.IntN(2) > 0 {
			e.Addresses = append(e.Addresses, netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", number)))
		}
		if r.IntN(2) == 0 {
			e.Transit = transit(0x10000 + number)
			for port := range uint16(r.IntN(3)) {
				e.Forwards = append(e.Forwards, Forward{Protocol: protoTCP, Port: 80 + port})
			}
		}
		w.endpoints[number] = e
		f.PutEndpoint(e)
		return fmt.Sprintf("put %+v", e)
	}
}

// randomGateway is that of a network, or none. What a host's kernel reaches is
// the network's alone, which is the model's business to see to.
func randomGateway(r *rand.Rand, n Network) *Gateway {
	if r.IntN(3) == 0 {
		return nil
	}
	g := &Gateway{Mode: Mode(r.IntN(3) + 1), Limit: uint16(1400 + r.IntN(2)), HostAccess: r.IntN(2) == 0, Zone: uint16(n.VNI)}
	if r.IntN(2) == 0 {
		g.Fallback = transit(0x8000 + n.VNI)
	}
	for _, subnet := range []string{fmt.Sprintf("10.%d.0.0/16", n.VNI), fmt.Sprintf("2001:db8:%d::/64", n.VNI)} {
		if r.IntN(3) > 0 {
			p := netip.MustParsePrefix(subnet)
			g.Subnets, g.Addresses = append(g.Subnets, p), append(g.Addresses, p.Addr().Next())
		}
	}
	for vni := uint32(100); vni < 104; vni++ {
		if r.IntN(3) == 0 && vni != n.VNI {
			g.Peers = append(g.Peers, vni)
		}
	}
	for _, h := range r.Perm(4)[:r.IntN(4)] {
		g.Hosts = append(g.Hosts, Exit{Host: uint32(h + 1), Draining: r.IntN(4) == 0})
	}
	return g
}

func TestIncrementalEqualsRecomputed(t *testing.T) {
	const runs, steps = 60, 200
	for seed := range uint64(runs) {
		r := rand.New(rand.NewPCG(seed, 1))
		w, f := newWorld(), NewFabric()
		// What the switches would have if they applied what Flush says.
		switches := map[uint32]map[program.Key]*program.Fragment{}
		var log []string
		for range steps {
			log = append(log, w.step(r, f))
			for h := range switches {
				if _, there := w.hosts[h]; !there {
					delete(switches, h) // a host that is put again is another
				}
			}
			if r.IntN(3) == 0 {
				continue // several changes in one Flush
			}
			apply(t, switches, f.Flush())
			fresh := w.recompute(r)
			for _, h := range keys(w.hosts) {
				want := fresh.Program(h)
				if err := program.Check(want...); err != nil {
					t.Fatalf("seed %d, host %d: %v\nafter %q", seed, h, err, log)
				}
				same(t, fmt.Sprintf("seed %d, host %d, incremental", seed, h), log, f.Program(h), want)
				same(t, fmt.Sprintf("seed %d, host %d, switch", seed, h), log, sorted(switches[h]), want)
			}
		}
	}
}

func apply(t *testing.T, switches map[uint32]map[program.Key]*program.Fragment, all []HostChanges) {
	t.Helper()
	for _, hc := range all {
		has := switches[hc.Host]
		if has == nil {
			has = map[program.Key]*program.Fragment{}
			switches[hc.Host] = has
		}
		for _, ch := range hc.Changes {
			if has[ch.Key] != ch.Before {
				t.Fatalf("host %d: Flush says that %v was another fragment than it was", hc.Host, ch.Key)
			}
			if ch.After == nil {
				delete(has, ch.Key)
			} else {
				has[ch.Key] = ch.After
			}
		}
	}
}

func sorted(m map[program.Key]*program.Fragment) []*program.Fragment {
	var out []*program.Fragment
	for _, f := range m {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *program.Fragment) int { return a.Key.Compare(b.Key) })
	return out
}

func same(t *testing.T, what string, log []string, got, want []*program.Fragment) {
	t.Helper()
	if !slices.EqualFunc(got, want, (*program.Fragment).Equal) {
		d := program.Between(got, want)
		t.Fatalf("%s: the program is not what it would be from nothing:\n%v\nafter %q", what, d.Lines(names), log)
	}
}

func TestNothingChangesWhereNothingDepends(t *testing.T) {
	f := NewFabric()
	for h := uint32(1); h <= 3; h++ {
		f.PutHost(Host{Number: h, VTEP: netip.AddrFrom4([4]byte{192, 0, 2, byte(h)}), TunnelPorts: TunnelPorts{1}})
	}
	f.PutNetwork(Network{VNI: 100})
	f.PutNetwork(Network{VNI: 200})
	put := func(number, vni, host uint32) {
		f.PutEndpoint(Endpoint{Number: number, VNI: vni, MAC: [6]byte{2, 0, 0, 0, 0, byte(number)}, Host: host, Port: number + 10,
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(number)})}})
	}
	put(1, 100, 1)
	put(2, 100, 2)
	put(3, 200, 3)
	f.Flush()

	put(4, 100, 1)
	for _, hc := range f.Flush() {
		if hc.Host == 3 {
			t.Errorf("host 3 takes no part in the network, and has changes %v", hc.Changes)
		}
	}
	put(4, 100, 1) // the same again
	f.PutNetwork(Network{VNI: 100})
	if changes := f.Flush(); changes != nil {
		t.Errorf("putting what is there already changes %v", changes)
	}
}

func TestAFragmentIsSharedByTheHostsThatHaveIt(t *testing.T) {
	f := NewFabric()
	for h := uint32(1); h <= 3; h++ {
		f.PutHost(Host{Number: h, VTEP: netip.AddrFrom4([4]byte{192, 0, 2, byte(h)}), TunnelPorts: TunnelPorts{h}})
	}
	f.PutNetwork(Network{VNI: 100})
	for h := uint32(1); h <= 3; h++ {
		f.PutEndpoint(Endpoint{Number: h, VNI: 100, MAC: [6]byte{2, 0, 0, 0, 0, byte(h)}, Host: h, Port: 5})
	}
	f.Flush()
	at := func(host uint32, kind Kind) *program.Fragment {
		for _, fr := range f.Program(host) {
			if fr.Key == (program.Key{Kind: uint8(kind), VNI: 100, Owner: 3}) {
				return fr
			}
		}
		return nil
	}
	for _, kind := range []Kind{KindRemote, KindMember} {
		if a, b := at(1, kind), at(2, kind); a == nil || a != b {
			t.Errorf("fragment %#x of hosts 1 and 2 is not one value: %p, %p", kind, a, b)
		}
	}
}
