package walk

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
)

// While a host is away its switch keeps the program that it had, and the world
// goes on. Whom nothing happened to must reach each other as before; the others
// perhaps not, but nothing may arrive twice or in another network.
func TestHostsThatAreAwayKeepTheirPlace(t *testing.T) {
	away, kept := 0, 0
	eachWorld(t, func(t *testing.T, w *world) {
		old := map[uint32]*Switch{}
		for _, h := range w.hosts {
			if w.chance(3) {
				old[h.Number] = w.underlay.hosts[hostName(h.Number)].Switch
				away++
			}
		}
		changed := w.change(old)
		w.tell(w.fabric)
		w.connect()
		for number, sw := range old {
			w.underlay.hosts[hostName(number)].Switch = sw
		}
		for _, a := range w.plugged() {
			if a.MAC == noMAC || changed[a.Number] && old[a.Host] != nil {
				continue
			}
			for _, to := range append(w.macs(a.VNI), Broadcast) {
				var may, must []uint32
				for _, b := range w.endpoints {
					hears := b.MAC == to && w.reaches(a, b) || to == Broadcast && w.hears(a, b)
					if !hears {
						continue
					}
					may = append(may, b.Number)
					if old[a.Host] == nil && old[b.Host] == nil || !changed[a.Number] && !changed[b.Number] {
						must = append(must, b.Number)
						kept++
					}
				}
				for _, p := range w.legitimate(a, to, someTarget)[:1] {
					r := w.send(a, p)
					w.between(t, a, r, must, may)
				}
			}
		}
	})
	t.Logf("%d hosts away, %d packets that had to arrive", away, kept)
}

// between checks that those who must have got a packet did, once, and nobody
// but those who may.
func (w *world) between(t *testing.T, from flows.Endpoint, r Result, must, may []uint32) {
	t.Helper()
	got := w.receivers(r)
	for i, number := range got {
		if !slices.Contains(may, number) || i > 0 && got[i-1] == number {
			t.Errorf("endpoint %d reaches %v, and may reach each of %v once:\n%s", from.Number, got, may, r.Text(Words{}))
		}
	}
	for _, number := range must {
		if !slices.Contains(got, number) {
			t.Errorf("endpoint %d reaches %v, and must reach %v:\n%s", from.Number, got, must, r.Text(Words{}))
		}
	}
}

// macs are the addresses in a network.
func (w *world) macs(vni uint32) (macs [][6]byte) {
	for _, e := range w.endpoints {
		if e.VNI == vni && e.MAC != noMAC {
			macs = append(macs, e.MAC)
		}
	}
	return macs
}

// change makes things happen to the hosts that are not away, and returns the
// endpoints that they touched.
func (w *world) change(away map[uint32]*Switch) (touched map[uint32]bool) {
	touched = map[uint32]bool{}
	nextPort := uint32(100)
	for i := range w.endpoints {
		e := &w.endpoints[i]
		if away[e.Host] != nil || !w.chance(3) {
			continue
		}
		touched[e.Number] = true
		switch w.IntN(3) {
		case 0: // it goes to another host
			h := w.hosts[w.IntN(len(w.hosts))].Number
			if away[h] == nil {
				e.Host, e.Port = h, nextPort
				nextPort++
			}
		case 1: // it is unplugged
			e.Host, e.Port = 0, 0
		case 2: // it comes back as another
			if e.MAC != noMAC {
				e.MAC[1] ^= 1
			}
		}
	}
	for i := range w.hosts {
		h := &w.hosts[i]
		if away[h.Number] != nil || !h.VTEP.IsValid() || !w.chance(5) {
			continue
		}
		// Its tunnel address is another now.
		h.VTEP = netip.AddrFrom4([4]byte{198, 18, 77, byte(100 + h.Number)})
		w.sources[h.Number] = h.VTEP
		for _, e := range w.endpoints {
			if e.Host == h.Number {
				touched[e.Number] = true
			}
		}
	}
	for range w.IntN(3) {
		n := w.networks[w.IntN(len(w.networks))]
		h := w.hosts[w.IntN(len(w.hosts))].Number
		if away[h] != nil {
			continue
		}
		number := uint32(len(w.endpoints) + 1)
		touched[number] = true
		w.endpoints = append(w.endpoints, flows.Endpoint{
			Number: number, VNI: n.VNI, Host: h, Port: nextPort, MAC: [6]byte{2, 0x99, 0, 0, 0, byte(number)},
			Addresses: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("10.0.1.%d", number))},
		})
		nextPort++
	}
	return touched
}

// However facts come in, the same facts end in the same programs.
func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for range 5 {
			f := flows.NewFabric()
			w.tellInAnyOrder(f)
			for _, h := range w.hosts {
				want, got := w.fabric.Program(h.Number), f.Program(h.Number)
				if len(want) != len(got) {
					t.Fatalf("host %d has %d fragments, not %d", h.Number, len(got), len(want))
				}
				for i := range want {
					if !want[i].Equal(got[i]) {
						t.Errorf("host %d: the fragments %v differ", h.Number, want[i].Key)
					}
				}
			}
		}
	})
}

// tellInAnyOrder has everything happen that leads to the facts as they are, in
// any order that can be, with detours: endpoints that first were elsewhere, or
// somebody else, or that are gone again.
func (w *world) tellInAnyOrder(f *flows.Fabric) {
	pending := []func(){}
	later := func(first func(), rest ...func()) {
		// One thing after the other, with others' between.
		var step func()
		all := append([]func(){first}, rest...)
		step = func() {
			all[0]()
			if all = all[1:]; len(all) > 0 {
				pending = append(pending, step)
			}
		}
		pending = append(pending, step)
	}
	// The fabric wants a host before what is on it, and a network before what
	// is in it, so these come in some form first.
	for _, i := range w.Perm(len(w.hosts)) {
		h := w.hosts[i]
		f.PutHost(flows.Host{Number: h.Number})
		later(func() {
			f.PutHost(flows.Host{Number: h.Number, VTEP: netip.AddrFrom4([4]byte{198, 51, 100, byte(h.Number)}), TunnelPorts: flows.TunnelPorts{77}})
		},
			func() { f.PutHost(h) })
	}
	for _, i := range w.Perm(len(w.networks)) {
		n := w.networks[i]
		f.PutNetwork(flows.Network{VNI: n.VNI, Flood: w.chance(2), IPv6: w.chance(2)})
		later(func() { f.PutNetwork(flows.Network{VNI: n.VNI, Flood: w.chance(2), IPv6: w.chance(2)}) },
			func() { f.PutNetwork(n) })
	}
	for _, i := range w.Perm(len(w.endpoints)) {
		e := w.endpoints[i]
		before := e
		before.Host, before.Port = w.hosts[w.IntN(len(w.hosts))].Number, 500
		before.Addresses = nil
		adopted := e
		adopted.MAC = noMAC
		visitor := e
		visitor.Number += 1000
		later(func() { f.PutEndpoint(before) }, func() { f.PutEndpoint(adopted) }, func() { f.PutEndpoint(e) })
		if w.chance(3) {
			visitor.MAC[0] = 6
			later(func() { f.PutEndpoint(visitor) }, func() { f.DeleteEndpoint(visitor.Number) })
		}
		if w.chance(4) {
			later(func() { f.PutEndpoint(before); f.DeleteEndpoint(e.Number) }, func() { f.PutEndpoint(e) })
		}
	}
	for len(pending) > 0 {
		i := w.IntN(len(pending))
		next := pending[i]
		pending = slices.Delete(pending, i, i+1)
		next()
		if w.chance(3) {
			f.Flush()
		}
	}
	// Two chains of one endpoint may end in either order: say the last word.
	for _, e := range w.endpoints {
		f.PutEndpoint(e)
	}
	f.Flush()
}
