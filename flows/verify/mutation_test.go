package verify

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// colours is two hosts with a red (256) and a blue (300) network on both:
// endpoints 1 and 2 are red, 3 and 4 are blue, with the same addresses.
func colours() Facts {
	f := Facts{
		Hosts:    []Host{hostOf(1, "192.0.2.1", 1), hostOf(2, "192.0.2.2", 7)},
		Networks: []flows.Network{{VNI: 256, IPv6: true}, {VNI: 300}},
	}
	for i := range uint32(4) {
		e := flows.Endpoint{Number: i + 1, VNI: 256, Host: i%2 + 1, Port: 11 + i, MAC: [6]byte{2, 0x42, 0, 0, 0, byte(i + 1)},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 65, 0, byte(i%2 + 1)})}}
		if i >= 2 {
			e.VNI = 300
		} else {
			e.Addresses = append(e.Addresses, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(i + 1)}))
		}
		f.Endpoints = append(f.Endpoints, e)
	}
	return newTopology(f).Facts
}

func apply(actions ...of.Action) of.Instruction { return of.ApplyActions{Actions: actions} }

func load(f *of.Field, v uint64) of.Action { return of.Load{Dst: f.All(), Value: v} }

// What somebody may add to a switch, and where it leads.
func TestForeignFlowsThatLeakAreFound(t *testing.T) {
	const red, blue = 256, 300
	mac := func(i byte) [6]byte { return [6]byte{2, 0x42, 0, 0, 0, i} }
	metadata := func(v uint64) of.FieldValue { return of.Metadata.Uint(v) }
	flow := func(table uint8, priority uint16, m of.Match, is ...of.Instruction) *program.Fragment {
		return &program.Fragment{Flows: []program.Flow{program.NewFlow(table, priority, 0xbad, m, is...)}}
	}
	all := func(id uint32, actions ...of.Action) *program.Fragment {
		return &program.Fragment{Groups: []program.Group{program.NewGroup(id, of.GroupTypeAll, of.NewBucket(actions...))}}
	}
	for _, c := range []struct {
		name       string
		host       uint32
		add        *program.Fragment
		kind       Kind // "": it is still proved
		from       uint32
		host2      uint32
		port       uint32
		isNotFirst bool // what is lost may be found as well
	}{
		{"red's frames for a MAC go to blue", 1, flow(flows.TableForward, 200, of.Match{metadata(red), of.EthDst.MAC(mac(9))},
			apply(load(of.Reg[0], 3)), of.GotoTable{Table: flows.TableDeliver}), Leak, 1, 1, 13, false},
		{"the same below what drops all of them", 1, &program.Fragment{Flows: []program.Flow{
			program.NewFlow(flows.TableForward, 200, 0, of.Match{metadata(red), of.EthDst.MAC(mac(9))},
				apply(load(of.Reg[0], 3)), of.GotoTable{Table: flows.TableDeliver}),
			program.NewFlow(flows.TableForward, 201, 0, of.Match{metadata(red), of.EthDst.MACMask(mac(8), [6]byte{255, 255, 255, 255, 255, 0xf8})}),
		}}, "", 0, 0, 0, false},
		{"below two that take half of them each", 1, &program.Fragment{Flows: []program.Flow{
			program.NewFlow(flows.TableForward, 200, 0, of.Match{metadata(red), of.EthDst.MAC(mac(9))},
				apply(load(of.Reg[0], 3)), of.GotoTable{Table: flows.TableDeliver}),
			program.NewFlow(flows.TableForward, 202, 0, of.Match{metadata(red), of.EthDst.MAC(mac(9)), of.EthSrc.MACMask([6]byte{}, [6]byte{5: 1})}),
			program.NewFlow(flows.TableForward, 201, 0, of.Match{metadata(red), of.EthDst.MAC(mac(9)), of.EthSrc.MACMask([6]byte{5: 1}, [6]byte{5: 1})}),
		}}, "", 0, 0, 0, false},
		{"only for frames that security drops", 1, flow(flows.TableForward, 200,
			of.Match{metadata(red), of.EthDst.MAC(mac(9)), of.EthSrc.MAC(mac(99))},
			apply(load(of.Reg[0], 3)), of.GotoTable{Table: flows.TableDeliver}), "", 0, 0, 0, false},
		{"a red port is classified as blue", 1, flow(flows.TableClassify, 200, of.Match{of.InPort.Uint(11)},
			apply(load(of.Metadata, blue), load(of.Reg[3], 1)), of.GotoTable{Table: flows.TableSecurity}), Leak, 1, 1, 13, true},
		{"deliver has another port", 1, flow(flows.TableDeliver, 200, of.Match{of.Reg[0].Uint(1)}, apply(of.Output{Port: 13})), Leak, 1, 1, 13, true},
		{"a port that is nobody's", 2, flow(flows.TableDeliver, 200, of.Match{of.Reg[0].Uint(4)}, apply(of.Output{Port: 99}, of.Output{Port: 14})), Leak, 3, 2, 99, false},
		{"output in the first table", 1, flow(flows.TableClassify, 300, of.Match{of.InPort.Uint(11), of.EthType.Uint(0x88b5)}, apply(of.Output{Port: 13})), Leak, 1, 1, 13, false},
		{"to itself, which a switch drops", 1, flow(flows.TableClassify, 300, of.Match{of.InPort.Uint(11), of.EthType.Uint(0x88b5)}, apply(of.Output{Port: 11})), "", 0, 0, 0, false},
		{"to the bridge's own port", 1, flow(flows.TableClassify, 300, of.Match{of.InPort.Uint(11), of.EthType.Uint(0x88b5)}, apply(of.Output{Port: of.PortLocal})), Leak, 1, 1, of.PortLocal, false},
		{"a group's bucket names a foreign endpoint", 1, all(1<<24|red, load(of.Reg[0], 3), of.ResubmitTo(flows.TableDeliver)), Leak, 1, 1, 13, true},
		{"the tunnel with another VNI", 1, flow(flows.TablePath, 200, of.Match{of.Reg[5].Uint(2), metadata(red)},
			apply(of.Load{Dst: of.TunID.All(), Value: blue}, of.SetField{FieldValue: of.TunDst.Addr(netip.MustParseAddr("192.0.2.2"))}, load(of.Reg[0], 1<<24|1)),
			of.GotoTable{Table: flows.TableDeliver}), Leak, 1, 2, 14, true},
		{"the tunnel to an address that is no host's", 1, flow(flows.TablePath, 200, of.Match{of.Reg[5].Uint(2), metadata(red)},
			apply(of.SetField{FieldValue: of.TunDst.Addr(netip.MustParseAddr("192.0.2.99"))}, load(of.Reg[0], 1<<24|1)),
			of.GotoTable{Table: flows.TableDeliver}), Leak, 1, 1, 1, true},
		{"the VNI is taken from the packet", 1, flow(flows.TablePath, 200, of.Match{of.Reg[5].Uint(2), metadata(red)},
			apply(of.Move{Src: of.EthSrc.Range(0, 15), Dst: of.TunID.Range(0, 15)},
				of.SetField{FieldValue: of.TunDst.Addr(netip.MustParseAddr("192.0.2.2"))}, load(of.Reg[0], 1<<24|1)),
			of.GotoTable{Table: flows.TableDeliver}), Lost, 1, 2, 0, true},
		{"NORMAL", 1, flow(flows.TableClassify, 300, of.Match{of.InPort.Uint(11), of.EthType.Uint(0x88b5)}, apply(of.Output{Port: of.PortNormal})), Unproved, 1, 1, 0, false},
		{"NORMAL where no packet comes", 1, flow(flows.TableForward, 300, of.Match{metadata(77)}, apply(of.Output{Port: of.PortNormal})), "", 0, 0, 0, false},
		{"a drop in the middle", 1, flow(flows.TableForward, 300, of.Match{metadata(red), of.EthType.Uint(0x0800), of.IPProto.Uint(6), of.TCPDst.Uint(80)}), Lost, 1, 1, 0, false},
		{"two copies", 1, flow(flows.TableDeliver, 300, of.Match{of.Reg[0].Uint(1)}, apply(of.Output{Port: 11}, of.Output{Port: 11})), Lost, 2, 1, 0, false},
		{"a wrong answer", 1, flow(flows.TableResponder, 300, of.Match{metadata(red), of.EthType.Uint(0x0806), of.ARPOp.Uint(1)},
			apply(of.SetField{FieldValue: of.ARPOp.Uint(2)}, of.Move{Src: of.Reg[3].All(), Dst: of.Reg[0].All()}, load(of.InPort16, 0)),
			of.GotoTable{Table: flows.TableDeliver}), Lost, 1, 1, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := colours().with(c.host, c.add)
			r := check(t, f)
			if c.kind == "" {
				if !r.Proved() {
					t.Fatalf("a false alarm: %v", r.Findings[0])
				}
				return
			}
			i := slices.IndexFunc(r.Findings, func(g Finding) bool {
				return g.Kind == c.kind && g.From.Number == c.from && g.Host == c.host2 && g.Port == c.port
			})
			if i < 0 {
				t.Fatalf("not found; instead %v", r.Findings)
			}
			named := slices.ContainsFunc(r.Findings[i].Steps, func(s Step) bool {
				return s.Host == c.host && s.Flow != nil && (len(c.add.Flows) == 0 || *s.Flow == c.add.Flows[0])
			})
			if !named {
				t.Errorf("the flow is not named: %v", r.Findings[i])
			}
			for _, g := range r.Findings {
				holds(t, f, g)
				if g.Kind != c.kind && !c.isNotFirst {
					t.Errorf("also %v", g)
				}
			}
		})
	}
}

// holds tests a finding by sending its packet.
func holds(t *testing.T, facts Facts, g Finding) {
	t.Helper()
	walked(t, facts, g)
	f := newFabric(facts)
	sent := read(g.Packet)
	switch g.Kind {
	case Leak:
		outs := f.outs(f.hosts[g.From.Host], g.From.Port, sent)
		if !slices.ContainsFunc(outs, func(o *out) bool { return o.host.Number == g.Host && widePort(uint16(o.port)) == g.Port }) {
			t.Errorf("it does not come out there: %v", g)
		}
	case Lost:
		if g.To == nil {
			if out := f.ways(f.hosts[g.From.Host], g.From.Port, sent, true); allLeave(out) && sent[slotEthDst] == macWord(flows.RouterMAC) && !translated(&facts, g.From, out) {
				t.Errorf("it leaves: %v", g)
			}
			return
		}
		wanted := *g.To
		if sent[slotEthType] == small(0x0806) || sent[slotICMPv6Type] == small(135) {
			wanted = g.From // the answer
		}
		if wanted.Number == g.To.Number && f.once(f.hosts[g.From.Host], g.From.Port, sent, wanted) {
			t.Errorf("it arrives: %v", g)
		}
	}
}

// allLeave tells whether a packet comes out at a kernel, and nowhere else,
// whatever way it takes.
func allLeave(ways [][]*out) bool {
	for _, outs := range ways {
		if len(outs) != 1 || outs[0].port != outs[0].host.GatewayPort {
			return false
		}
	}
	return true
}

// translated tells whether a packet that leaves has another source than it is
// to have, or leaves where it is not to.
func translated(facts *Facts, from flows.Endpoint, ways [][]*out) bool {
	return slices.ContainsFunc(ways, func(outs []*out) bool {
		return slices.ContainsFunc(outs, func(o *out) bool {
			src := o.state.get(slotIPv4Src)
			return !facts.mayReach(from, o.host, o.port) || src.kind == constant && src.word != addr(from.Transit.V4)
		})
	})
}

// ways is where a packet comes out, for each way that it can take: there are
// several where flows of one priority overlap.
func (f *fabric) ways(h *host, port uint32, sent *packet, fits bool) (all [][]*out) {
	w := walker{fabric: f, fits: fits, steps: maxSteps}
	w.leaf = func(p *path, _ string) {
		var outs []*out
		for o := p.outs; o != nil; o = o.next {
			outs = append(outs, o)
		}
		all = append(all, outs)
	}
	w.send(h, 0, sent.state(port), nil)
	return all
}

func (f *fabric) outs(h *host, port uint32, sent *packet) []*out {
	return slices.Concat(f.ways(h, port, sent, false)...)
}

// once tells whether a packet comes out at an endpoint exactly once, whatever
// way it takes.
func (f *fabric) once(h *host, port uint32, sent *packet, at flows.Endpoint) bool {
	for _, outs := range f.ways(h, port, sent, true) {
		n := 0
		for _, o := range outs {
			if o.host.Number == at.Host && o.port == at.Port {
				n++
			}
		}
		if n != 1 {
			return false
		}
	}
	return true
}

// read is the packet that a match describes.
func read(m of.Match) *packet {
	var p packet
	for _, v := range m {
		list, _ := literals(v)
		for _, l := range list {
			p[l.slot] = p[l.slot].or(l.value)
		}
	}
	return &p
}

// mutate deletes or changes one flow or group of a host.
func mutate(r *rand.Rand, f Facts) (Facts, string) {
	h := f.Hosts[r.IntN(len(f.Hosts))]
	var all []program.Flow
	for _, p := range h.Program {
		all = append(all, p.Flows...)
	}
	victim := all[r.IntN(len(all))]
	match, instructions := slices.Clone(victim.Match()), victim.Instructions()
	table, priority := victim.Table(), victim.Priority()
	same := func() program.Flow { // another flow of the table
		for {
			if o := all[r.IntN(len(all))]; o.Table() == victim.Table() {
				return o
			}
		}
	}
	add := &program.Fragment{}
	gone := &program.Fragment{Flows: []program.Flow{victim}}
	what := "deleted"
	switch r.IntN(7) {
	case 0: // deleted
	case 1:
		what, priority = "another priority", uint16(r.IntN(220))
	case 2:
		what, instructions = "the actions of another", same().Instructions()
	case 3:
		o := same()
		what = "also for what another matches"
		add.Flows = append(add.Flows, victim)
		match, priority = o.Match(), o.Priority()+uint16(r.IntN(3))
	case 4:
		what = "one field less"
		for i := range match {
			switch match[i].Field.Name {
			case "metadata", "eth_src", "eth_dst", "ip_src", "reg0", "reg1", "reg3", "reg5", "tun_src", "in_port_oxm":
				match = slices.Delete(match, i, i+1)
			default:
				continue
			}
			break
		}
	case 5:
		what = "another number"
		if len(match) > 0 {
			v := &match[r.IntN(len(match))]
			switch v.Field.Name {
			case "metadata", "reg0", "reg3", "reg5", "tun_id", "in_port_oxm":
				v.Value = slices.Clone(v.Value)
				v.Value[len(v.Value)-1] ^= byte(1 + r.IntN(15))
			}
		}
	case 6:
		what = "another number is set"
		for i, in := range instructions {
			if a, ok := in.(of.ApplyActions); ok {
				actions := slices.Clone(a.Actions)
				for j, x := range actions {
					if s, ok := x.(of.SetField); ok {
						value := slices.Clone(s.Value)
						value[len(value)-1] ^= byte(1 + r.IntN(15))
						actions[j] = of.SetField{FieldValue: of.FieldValue{Field: s.Field, Value: value}}
						break
					}
				}
				instructions[i] = of.ApplyActions{Actions: actions}
			}
		}
	}
	if what != "deleted" {
		add.Flows = append(add.Flows, program.NewFlow(table, priority, 0xbad, match, instructions...))
	}
	// First without the victim, then with what is there instead of it.
	f = f.with(h.Number, gone)
	for i := range f.Hosts {
		if f.Hosts[i].Number == h.Number {
			p := f.Hosts[i].Program
			f.Hosts[i].Program = p[:len(p)-1]
		}
	}
	return f.with(h.Number, add), fmt.Sprintf("host %d: %v: %s %v", h.Number, victim, what, add.Flows)
}

var seeds = flag.Uint64("seeds", 200, "how many mutated programs are tested")

// Whatever is changed, a proof holds against packets made of all that flows
// match, and what is found is so.
func TestMutatedProgramsAreProvedExactlyIfBruteForceFindsNothing(t *testing.T) {
	proved, leaks, losses, unproved := 0, 0, 0, 0
	for seed := range *seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		facts := newTopology(random(r)).Facts
		if len(facts.Endpoints) == 0 {
			continue
		}
		what := ""
		for range 1 + r.IntN(2) {
			var one string
			facts, one = mutate(r, facts)
			what += one + "\n"
		}
		result := check(t, facts)
		leak, lost := map[uint32]bool{}, map[uint32]bool{}
		for _, g := range result.Findings {
			holds(t, facts, g)
			switch g.Kind {
			case Leak:
				leak[g.From.VNI] = true
			case Lost:
				lost[g.From.VNI] = true
			case Unproved:
				// From a host to one of the other family the source is not known.
				leak[g.From.VNI], lost[g.From.VNI] = true, true
				unproved++
			}
		}
		leakVNI, lostVNI, why := bruteForce(r, facts)
		for vni := range leakVNI {
			if !leak[vni] {
				t.Errorf("seed %d: %sa leak of VNI %d is not found: %s", seed, what, vni, why[vni])
			}
		}
		for vni := range lostVNI {
			if !lost[vni] {
				t.Errorf("seed %d: %sa loss in VNI %d is not found: %s", seed, what, vni, why[vni])
			}
		}
		if t.Failed() {
			return
		}
		switch {
		case result.Proved():
			proved++
		case len(leak) > 0:
			leaks++
		default:
			losses++
		}
	}
	t.Logf("%d proved, %d with leaks, %d with losses; %d findings that say unproved", proved, leaks, losses, unproved)
	if proved == 0 || leaks == 0 || losses == 0 || compared == 0 {
		t.Error("the mutations do not test all three")
	}
	t.Logf("%d findings were compared with the walker", compared)
}

// bruteForce sends many packets from every endpoint.
func bruteForce(r *rand.Rand, facts Facts) (leaks, losses map[uint32]bool, why map[uint32]string) {
	leaks, losses, why = map[uint32]bool{}, map[uint32]bool{}, map[uint32]string{}
	f := newFabric(facts)
	values := map[slot][]word{slotEthDst: {ones(48)}, slotEthType: {small(0x0800), small(0x0806), small(0x86dd)}}
	var matches [][]literal
	for _, h := range f.hosts {
		for _, t := range h.tables {
			if t == nil {
				continue
			}
			for _, s := range t.signatures {
				for _, b := range s.buckets {
					for _, rule := range b.rules {
						matches = append(matches, rule.match)
						for _, l := range rule.match {
							if l.slot >= firstHeader && !slices.Contains(values[l.slot], l.value) {
								values[l.slot] = append(values[l.slot], l.value)
							}
						}
					}
				}
			}
		}
	}
	for _, e := range facts.Endpoints {
		if e.Host == 0 || e.Port == 0 {
			continue
		}
		h := f.hosts[e.Host]
		for range 300 {
			p := *pattern(e)
			for range r.IntN(4) { // what some flows match
				for _, l := range matches[r.IntN(len(matches))] {
					if l.slot >= firstHeader {
						p[l.slot] = p[l.slot].andNot(l.mask).or(l.value)
					}
				}
			}
			if r.IntN(3) > 0 {
				p[slotEthSrc] = fromBytes(e.MAC[:])
			}
			if list := values[slotEthDst]; r.IntN(2) == 0 {
				p[slotEthDst] = list[r.IntN(len(list))]
			}
			for _, o := range f.outs(h, e.Port, &p) {
				if !facts.mayReach(e, o.host, o.port) {
					leaks[e.VNI] = true
					why[e.VNI] = p.fields(e.Port).String()
				}
			}
		}
		if e.MAC == ([6]byte{}) {
			continue
		}
		network := facts.Networks[slices.IndexFunc(facts.Networks, func(n flows.Network) bool { return n.VNI == e.VNI })]
		reach := newReach(f, network, nil)
		routedForce(f, reach, e, func(p *packet) {
			losses[e.VNI] = true
			why[e.VNI] = p.fields(e.Port).String()
		})
		for _, b := range facts.Endpoints {
			if b.VNI != e.VNI || b.Number == e.Number || b.MAC == e.MAC || b.MAC == ([6]byte{}) || b.Port == 0 || b.Host == 0 || !reach.connected(e, b) {
				continue
			}
			for _, q := range bridged {
				for _, from := range q.addresses(network, e) {
					for _, to := range q.targets(network, b) {
						c, _ := q.base.with(slices.Concat(q.sender(e, from), q.target(b, to))...)
						p := c.fill(pattern(e))
						wanted := b
						if q.answer {
							wanted = e
						}
						if !f.once(h, e.Port, &p, wanted) {
							losses[e.VNI] = true
							why[e.VNI] = p.fields(e.Port).String()
						}
					}
				}
			}
		}
	}
	return leaks, losses, why
}

// routedForce sends a packet from an endpoint to each that its router leads to.
func routedForce(f *fabric, r *reach, e flows.Endpoint, lost func(*packet)) {
	if r.network.Gateway == nil {
		return
	}
	for _, n := range r.peers() {
		for _, subnet := range n.Gateway.Subnets {
			q := r.route(n, subnet)
			for _, b := range r.known(n) {
				for _, from := range q.addresses(r.network, e) {
					for _, to := range q.targets(n, b) {
						if from.Is4() != to.Is4() || !r.connected(e, b) {
							continue
						}
						c, _ := q.base.with(slices.Concat(q.sender(e, from), q.target(b, to))...)
						if p := c.fill(pattern(e)); !f.once(f.hosts[e.Host], e.Port, &p, b) {
							lost(&p)
						}
					}
				}
			}
		}
	}
}
