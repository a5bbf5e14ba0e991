package controller

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
	"github.com/weft-sdn/weft/underlay"
)

// site is a controller and the hosts that it would see, without connections:
// what they show is put into the state as the connections would.
type site struct {
	t     *testing.T
	r     *rand.Rand
	dir   string
	c     *Controller
	hosts map[string]*siteHost
	log   []string
}

type siteHost struct {
	record  hostRecord
	tunnels flows.TunnelPorts
	gateway uint32
	watches map[uint32]uint32
	sees    map[uint32]watch
	away    bool
	ports   map[string]portFact
}

func newSite(t *testing.T, seed uint64) *site {
	s := &site{t: t, r: rand.New(rand.NewPCG(seed, 2)), dir: t.TempDir(), hosts: map[string]*siteHost{}}
	for i := range 3 {
		id := fmt.Sprintf("id%d", i+1)
		s.hosts[id] = &siteHost{
			record: hostRecord{SystemID: id, Name: fmt.Sprintf("h%d", i+1), Number: uint32(i + 1), DatapathID: uint64(i + 1),
				VTEP: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)})},
			tunnels: flows.TunnelPorts{1}, ports: map[string]portFact{},
		}
	}
	s.c = open(t, s.dir)
	return s
}

// show puts what a host shows into the state.
func (s *site) show(id string, wasAway bool) {
	h := s.hosts[id]
	err := s.c.do(context.Background(), func() {
		t := s.c.begin()
		if old := t.host(id); old == nil || old.VTEP != h.record.VTEP || old.Name != h.record.Name || old.UnderlayMTU != h.record.UnderlayMTU {
			record := h.record
			if old != nil {
				record.Draining = old.Draining
			}
			t.put(tableHost, &record)
			t.settlePinned()
		}
		link := *t.link(id)
		link.OVSDB, link.TunnelPorts, link.GatewayPort, link.WatchPorts = !h.away, h.tunnels, h.gateway, h.watches
		link.Watches, link.OpenFlow, link.Confirmed = h.sees, !h.away, 1
		t.put(tableLink, &link)
		t.lookAround(id)
		if !h.away {
			var ports []*portFact
			for _, p := range h.ports {
				ports = append(ports, &p)
			}
			t.replacePorts(id, ports, wasAway)
		}
		if _, err := s.c.commit(context.Background(), t); err != nil {
			s.t.Error(err)
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) any(of map[string]*siteHost) string {
	ids := make([]string, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids[s.r.IntN(len(ids))]
}

// step changes something; what is refused changes nothing.
func (s *site) step() {
	ctx, c, r := context.Background(), s.c, s.r
	name := fmt.Sprintf("n%d", r.IntN(3))
	id := fmt.Sprintf("e%d", r.IntN(12))
	host := s.any(s.hosts)
	h := s.hosts[host]
	var err error
	var did string
	switch r.IntN(28) {
	case 0, 1:
		n := model.Network{Name: name, Unknown: []string{model.Drop, model.Flood}[r.IntN(2)]}
		subnet := 0 // of different networks they overlap, or do not
		if r.IntN(3) > 0 {
			subnet = int(name[1] - '0')
		}
		if r.IntN(4) > 0 {
			n.Subnets = append(n.Subnets, model.MustPrefix(fmt.Sprintf("10.0.%d.0/24", subnet)))
		}
		if r.IntN(2) > 0 {
			n.Subnets = append(n.Subnets, model.MustPrefix(fmt.Sprintf("2001:db8:%d::/64", subnet)))
		}
		if r.IntN(4) > 0 && len(n.Subnets) > 0 {
			n.Gateway = &model.Gateway{Mode: []string{model.GatewayLocal, model.GatewayRouted, model.GatewaySNAT, model.GatewaySNAT}[r.IntN(4)]}
			if n.Leaves() {
				n.Gateway.HostAccess = r.IntN(3) == 0
				for h := range 4 { // the last of which is never seen
					if r.IntN(3) == 0 {
						n.Gateway.Hosts = append(n.Gateway.Hosts, fmt.Sprintf("h%d", h+1))
					}
				}
			}
		}
		did = fmt.Sprintf("put %+v", n)
		_, _, err = c.PutNetwork(ctx, n, WriteOptions{DryRun: r.IntN(4) == 0})
	case 13:
		did = "delete network " + name
		_, err = c.DeleteNetwork(ctx, name, WriteOptions{Force: r.IntN(2) == 0, DryRun: r.IntN(4) == 0})
	case 2, 3, 4:
		e := model.Endpoint{ID: id, Network: name}
		if r.IntN(3) == 0 {
			e.Container = "c" + id
		}
		if r.IntN(4) == 0 {
			e.Host = fmt.Sprintf("h%d", r.IntN(4)+1)
		}
		did = fmt.Sprintf("put %+v", e)
		_, _, err = c.PutEndpoint(ctx, e, WriteOptions{DryRun: r.IntN(4) == 0})
	case 5:
		did = "delete endpoint " + id
		_, err = c.DeleteEndpoint(ctx, id, WriteOptions{})
	case 6, 7, 8: // two hosts may have ports of one name and claim
		p := portFact{Host: host, Name: "p" + id, Row: fmt.Sprint(r.Uint32()), Number: uint32(r.IntN(50) + 10*len(s.log) + 2), IfaceID: id}
		if r.IntN(3) == 0 {
			p.IfaceID, p.ContainerID, p.ContainerIface = "", "c"+id, model.DefaultInterface
		}
		p.NoDevice = r.IntN(8) == 0
		did = fmt.Sprintf("plug %+v", p)
		h.ports[p.Name] = p
		s.show(host, false)
	case 9:
		did = "unplug p" + id + " from " + host
		delete(h.ports, "p"+id)
		s.show(host, false)
	case 10:
		h.away = !h.away
		did = fmt.Sprintf("%s is away: %v", host, h.away)
		s.show(host, !h.away)
	case 11:
		h.record.VTEP = netip.AddrFrom4([4]byte{192, 0, 2, byte(10*h.record.Number + uint32(r.IntN(9)))})
		h.tunnels = flows.TunnelPorts{uint32(r.IntN(9) + 1), uint32(r.IntN(2) * 11), uint32(r.IntN(2) * 12)}
		did = fmt.Sprintf("%s moves to %s, ports %v", host, h.record.VTEP, h.tunnels)
		s.show(host, false)
	case 12:
		did = "restart"
		ways := waysOf(c)
		if err := c.Close(); err != nil {
			s.t.Fatal(err)
		}
		s.c = open(s.t, s.dir)
		if now := waysOf(s.c); !reflect.DeepEqual(ways, now) {
			s.t.Errorf("next hops were %v, and are %v after a restart", ways, now)
		}
		for _, id := range []string{"id1", "id2", "id3"} {
			s.show(id, true)
		}
	case 14:
		router := model.Router{Name: fmt.Sprintf("r%d", r.IntN(2))}
		for n := range 3 {
			if r.IntN(2) == 0 {
				router.Networks = append(router.Networks, fmt.Sprintf("n%d", n))
			}
		}
		did = fmt.Sprintf("put %+v", router)
		_, _, err = c.PutRouter(ctx, router, WriteOptions{DryRun: r.IntN(4) == 0})
	case 15:
		name := fmt.Sprintf("r%d", r.IntN(2))
		did = "delete router " + name
		_, err = c.DeleteRouter(ctx, name, WriteOptions{DryRun: r.IntN(4) == 0})
	case 16:
		f := model.Forward{ID: fmt.Sprintf("f%d", r.IntN(3)), Network: name, Port: 8080 + r.IntN(2), Endpoint: id, EndpointPort: 80 + r.IntN(2)}
		did = fmt.Sprintf("put %+v", f)
		_, _, err = c.PutForward(ctx, f, WriteOptions{DryRun: r.IntN(4) == 0})
	case 17:
		did = "delete a forward of " + name
		_, err = c.DeleteForward(ctx, name, fmt.Sprintf("f%d", r.IntN(3)), WriteOptions{})
	case 18:
		name := fmt.Sprintf("h%d", r.IntN(3)+1)
		did = "drain, or not, " + name
		if r.IntN(2) == 0 {
			_, err = c.DrainHost(ctx, name, WriteOptions{Force: true})
		} else {
			_, err = c.UndrainHost(ctx, name, WriteOptions{})
		}
	case 20:
		n := model.NIC{Host: h.record.Name, Interface: fmt.Sprintf("eth%d", r.IntN(2)), Network: name, VLAN: r.IntN(2) * 7}
		did = fmt.Sprintf("put %+v", n)
		_, _, err = c.PutNIC(ctx, n, WriteOptions{DryRun: r.IntN(4) == 0})
	case 21:
		iface := fmt.Sprintf("eth%d", r.IntN(2))
		did = fmt.Sprintf("delete %s of %s", iface, h.record.Name)
		_, err = c.DeleteNIC(ctx, h.record.Name, iface, WriteOptions{DryRun: r.IntN(4) == 0})
	case 22:
		i := r.IntN(2)
		p := portFact{Host: host, Name: fmt.Sprintf("eth%d", i), Row: fmt.Sprint(r.Uint32()), Number: uint32(5000 + 2*r.IntN(9) + i)}
		did = fmt.Sprintf("plug %+v", p)
		h.ports[p.Name] = p
		s.show(host, false)
	case 23:
		u := model.Underlay{Links: []model.Link{{Hosts: []string{"h1", "h2"}, Cost: 1 + r.IntN(3)}}}
		if r.IntN(2) == 0 {
			u.Links = append(u.Links, model.Link{Hosts: []string{"h3", "h2"}})
		}
		if r.IntN(3) == 0 {
			u.Groups = []model.Group{{Hosts: []string{"h1", "h2", "h3"}, Cost: 2}}
		}
		did = fmt.Sprintf("put %+v", u)
		_, _, err = c.PutUnderlay(ctx, u, WriteOptions{DryRun: r.IntN(4) == 0})
	case 24:
		did = "delete the underlay"
		if r.IntN(2) == 0 {
			_, err = c.DeleteUnderlay(ctx, WriteOptions{DryRun: r.IntN(2) == 0})
		}
	case 25, 26, 27:
		h.sees = map[uint32]watch{}
		for n := range uint32(4) {
			if r.IntN(3) > 0 {
				h.sees[n] = watch{alive: r.IntN(2) == 0}
			}
		}
		did = fmt.Sprintf("%s sees %v", host, h.sees)
		s.show(host, false)
	case 19:
		h.gateway = uint32(r.IntN(2) * r.IntN(9))
		h.watches = map[uint32]uint32{}
		for n := range uint32(4) {
			if r.IntN(2) == 0 {
				h.watches[n+1] = uint32(100 + r.IntN(9))
			}
		}
		h.record.UnderlayMTU = 1500 - 100*r.IntN(3)
		if r.IntN(3) == 0 {
			h.record.Name = fmt.Sprintf("%s%s", []string{"h", "x"}[r.IntN(2)], host[2:])
		}
		did = fmt.Sprintf("%s is %s, weft-gw %d, watches %v, MTU %d", host, h.record.Name, h.gateway, h.watches, h.record.UnderlayMTU)
		s.show(host, false)
	}
	s.log = append(s.log, fmt.Sprintf("%s (%v)", did, err))
}

// waysOf are the next hops of all hosts.
func waysOf(c *Controller) map[uint32]map[uint32]uint32 {
	ways := map[uint32]map[uint32]uint32{}
	for w := range all[waysRecord](c.snapshot(), tableWays) {
		ways[w.Host] = w.Next
	}
	return ways
}

// check compares the programs with what the state makes of them from nothing.
func (s *site) check(seed uint64) {
	s.t.Helper()
	err := s.c.do(context.Background(), func() {
		v := s.c.snapshot()
		fresh := flows.NewFabric()
		for h := range all[hostRecord](v, tableHost) {
			fresh.PutHost(v.fabricHost(h))
			if v.declaredUnderlay() != nil {
				v.relink(fresh, h)
			}
		}
		for w := range all[waysRecord](v, tableWays) {
			for to, next := range w.Next {
				fresh.PutNext(w.Host, to, next)
			}
		}
		limits := v.underlayLimits()
		for n := range all[networkRecord](v, tableNetwork) {
			fresh.PutNetwork(v.fabricNetwork(n, limits))
		}
		for e := range all[endpointRecord](v, tableEndpoint) {
			fresh.PutEndpoint(v.fabricEndpoint(e))
		}
		for n := range all[nicRecord](v, tableNIC) {
			if !n.StandBy {
				fresh.PutNIC(v.fabricNIC(n))
			}
		}
		fresh.Flush()
		for h := range all[hostRecord](v, tableHost) {
			got, want := s.c.fabric.Program(h.Number), fresh.Program(h.Number)
			if err := program.Check(want...); err != nil {
				s.t.Fatalf("seed %d: %v\nafter %q", seed, err, s.log)
			}
			if !slices.EqualFunc(got, want, (*program.Fragment).Equal) {
				s.t.Fatalf("seed %d: the program of %s is not what it would be from nothing, after\n%q", seed, h.Name, s.log)
			}
			size := 0
			for _, f := range want {
				size += f.Size()
			}
			if l := v.link(h.SystemID); l.Flows != size {
				s.t.Fatalf("seed %d: %s has %d flows and groups, and says %d", seed, h.Name, size, l.Flows)
			}
		}
		s.checkWays(seed, v)
		for p := range all[presenceRecord](v, tablePresence) {
			if v.host(p.Host) == nil {
				s.t.Fatalf("seed %d: %+v is of no host", seed, p)
			}
		}
		for h := range all[hostRecord](v, tableHost) {
			for _, vni := range fresh.Networks(h.Number) {
				p := first[presenceRecord](v, tablePresence, byID, h.SystemID, vni)
				if p == nil || p.Zone != v.networkByVNI(vni).Zone {
					s.t.Fatalf("seed %d: %s has VNI %d, and what says so is %+v, after\n%q", seed, h.Name, vni, p, s.log)
				}
			}
		}
		s.checkZones(seed, v)
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// checkWays makes sure that next hops are those of the links that are used.
func (s *site) checkWays(seed uint64, v view) {
	s.t.Helper()
	anew := underlay.NewMap()
	anew.Set(v.usedLinks())
	for a := range all[hostRecord](v, tableHost) {
		for b := range all[hostRecord](v, tableHost) {
			want, _ := anew.Next(a.Number, b.Number)
			if got := v.ways(a.Number)[b.Number]; got != want {
				s.t.Fatalf("seed %d: from %s to %s by %d, want %d, after\n%q", seed, a.Name, b.Name, got, want, s.log)
			}
		}
	}
}

// checkZones makes sure that who translates has a conntrack zone, and that no
// two have the same, or one that a switch may still have of another.
func (s *site) checkZones(seed uint64, v view) {
	s.t.Helper()
	owners := map[uint16]uint32{}
	note := func(zone uint16, vni uint32) {
		if other, taken := owners[zone]; zone != 0 && taken && other != vni {
			s.t.Fatalf("seed %d: VNIs %d and %d have zone %d, after\n%q", seed, other, vni, zone, s.log)
		}
		owners[zone] = vni
	}
	for n := range all[networkRecord](v, tableNetwork) {
		if n.Leaves() && n.Zone == 0 {
			s.t.Fatalf("seed %d: network %s has no zone, after\n%q", seed, n.Name, s.log)
		}
		note(n.Zone, n.VNI)
	}
	for p := range all[presenceRecord](v, tablePresence) {
		note(p.Zone, p.VNI)
	}
	delete(owners, 0)
	if used := s.c.pools.zones.Used(); used != uint64(len(owners)) {
		s.t.Fatalf("seed %d: %d zones are taken, and %v are in use, after\n%q", seed, used, owners, s.log)
	}
}

func TestIncrementalEqualsRecomputed(t *testing.T) {
	const runs, steps = 12, 120
	for seed := range uint64(runs) {
		s := newSite(t, seed)
		for range steps {
			s.step()
			s.check(seed)
			if t.Failed() {
				t.Fatalf("seed %d, after\n%q", seed, s.log)
			}
		}
	}
}

// What hosts show may come in any order; what comes of it is the same.
func TestTheOrderOfEventsDoesNotMatter(t *testing.T) {
	programs := func(seed uint64) (out [][]*program.Fragment) {
		s := newSite(t, seed)
		ctx := context.Background()
		document := model.Document{Networks: []model.Network{network("red", "10.0.0.0/24"), network("blue", "10.0.0.0/24")}}
		for i := range 8 {
			document.Endpoints = append(document.Endpoints, model.Endpoint{ID: fmt.Sprintf("e%d", i), Network: []string{"red", "blue"}[i%2]})
		}
		document.Endpoints[3].Host = "h3"
		for _, n := range []int{0, 1} { // VNIs are chosen in the order of declaration
			document.Networks[n].VNI = uint32(300 + n)
		}
		var events []func()
		events = append(events, func() {
			if _, _, err := s.c.Apply(ctx, document, WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		})
		for i := range 8 {
			id := fmt.Sprintf("id%d", i%3+1)
			if i == 3 {
				id = "id3"
			}
			events = append(events, func() {
				s.hosts[id].ports[fmt.Sprintf("p%d", i)] = portFact{Host: id, Name: fmt.Sprintf("p%d", i), Number: uint32(i + 10), IfaceID: fmt.Sprintf("e%d", i)}
				s.show(id, false)
			})
		}
		events = append(events, func() { s.hosts["id2"].record.VTEP = netip.MustParseAddr("192.0.2.77"); s.show("id2", false) })
		for _, i := range s.r.Perm(len(events)) {
			events[i]()
		}
		s.check(seed)
		for h := uint32(1); h <= 3; h++ {
			out = append(out, s.c.fabric.Program(h))
		}
		return out
	}
	want := programs(0)
	for seed := uint64(1); seed < 20; seed++ {
		for h, got := range programs(seed) {
			if !slices.EqualFunc(got, want[h], (*program.Fragment).Equal) {
				d := program.Between(want[h], got)
				t.Fatalf("seed %d: host %d has another program:\n%q", seed, h+1, d.Lines(openflow.Names{}))
			}
		}
	}
}
