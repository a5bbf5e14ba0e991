package verify

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// A reach examines whether the endpoints of a network reach each other. For
// every ordered pair that would be the square of their number; so a question
// is followed in two halves, from each sender to a lookup (the cut) that looks
// at nothing of the sender any more, and from there to each target. Only where
// a half is not as plain as that are the pairs followed one by one.
type reach struct {
	*fabric
	network flows.Network
	members []flows.Endpoint
	back    map[returning]bool
	relays  map[string]*path
	far     map[arrival]bool
	seen    map[loss]bool
	direct  int // pairs that were followed one by one

	found []Finding
	more  bool
	pairs int
}

// maxDirect bounds the pairs of a network that are followed one by one.
const maxDirect = 3000

// returning is an answer that deliver gives to who asked.
type returning struct {
	question *question
	asker    uint32
}

// loss tells findings apart: where it happens, and by which rule.
type loss struct {
	question *question
	host     *host
	table    uint8
	rule     *rule
}

func newReach(f *fabric, n flows.Network, members []flows.Endpoint) *reach {
	r := &reach{fabric: f, network: n, back: map[returning]bool{}, relays: map[string]*path{}, far: map[arrival]bool{}, seen: map[loss]bool{}}
	for _, e := range members {
		if e.MAC != ([6]byte{}) { // who has none yet cannot send
			r.members = append(r.members, e)
		}
	}
	return r
}

// run examines every question of every ordered pair.
func (r *reach) run() {
	for _, q := range questions {
		r.ask(q)
	}
	on := map[uint32]int{} // how many endpoints on each host
	for _, e := range r.members {
		on[e.Host]++
	}
	for x, n := range on {
		for y, m := range on {
			switch {
			case x == y:
				r.pairs += n * (n - 1)
			case r.connected(flows.Endpoint{Host: x}, flows.Endpoint{Host: y}):
				r.pairs += n * m
			}
		}
	}
}

// connected tells whether there is a way between the hosts of two endpoints:
// each has a VTEP of the same family, and a tunnel port.
func (r *reach) connected(a, b flows.Endpoint) bool {
	if a.Host == b.Host {
		return true
	}
	x, y := r.hosts[a.Host], r.hosts[b.Host]
	return x.VTEP.IsValid() && y.VTEP.IsValid() && x.VTEP.Is4() == y.VTEP.Is4() && x.TunnelPort != 0 && y.TunnelPort != 0
}

// A sending is a question on its way: who asks, and where it was cut.
type sending struct {
	endpoint flows.Endpoint
	address  netip.Addr
	first    *path
}

// ask examines one question for all pairs. Senders whose questions agree at
// the cut are examined together.
func (r *reach) ask(q *question) {
	alike := map[string][]sending{}
	var order []string
	for _, a := range r.members {
		for _, from := range q.addresses(r.network, a) {
			s := sending{a, from, r.first(q, a, from)}
			key := ""
			if s.first != nil {
				key = string(s.first.cutKey(q, q.cut))
			}
			if alike[key] == nil {
				order = append(order, key)
			}
			alike[key] = append(alike[key], s)
		}
	}
	for _, key := range order {
		for _, b := range r.members {
			for _, to := range q.targets(r.network, b) {
				r.about(q, alike[key], b, to)
			}
		}
	}
}

// about examines a question about one target, from senders that agree at the
// cut.
func (r *reach) about(q *question, senders []sending, b flows.Endpoint, to netip.Addr) {
	i := slices.IndexFunc(senders, func(s sending) bool {
		return s.endpoint.Number != b.Number && r.connected(s.endpoint, b)
	})
	if i < 0 || r.more {
		return
	}
	fine := senders[i].first != nil && r.follow(q, senders[i].first, b, to)
	if fine && !q.answer {
		return
	}
	for _, s := range senders {
		if s.endpoint.Number == b.Number || !r.connected(s.endpoint, b) || fine && r.returns(q, s) {
			continue
		}
		r.pair(q, s.endpoint, b, s.address, to)
	}
}

// returns tells whether the answer to a question comes back to who asked it.
func (r *reach) returns(q *question, s sending) bool {
	own, known := s.first.state.constant(slotReg0 + 3)
	if !known || own != small(uint64(s.endpoint.Number)) {
		return false
	}
	id := returning{q, s.endpoint.Number}
	if fine, done := r.back[id]; done {
		return fine
	}
	st := start(0)
	for x := range firstHeader {
		if s.first.state.at[x] != 0 && x != slotInPort {
			st.put(x, s.first.state.get(x))
		}
	}
	st.put(slotReg0, number(own))
	fine := true
	w := walker{fabric: r.fabric, none: q.none, steps: maxSteps, fits: true}
	w.leaf = func(p *path, _ string) {
		fine = fine && p.unsure == nil && p.copies(s.endpoint) == 1 && p.outs.state.untouched()
	}
	w.send(s.first.host, flows.TableDeliver, st, possible)
	r.back[id] = fine
	return fine
}

// untouched tells whether the header is as it was sent.
func (s *state) untouched() bool {
	for x := firstHeader; x < slotPktMark; x++ {
		if v := s.get(x); v.kind != copied || v.from != x {
			return false
		}
	}
	return true
}

// pair follows a question of one endpoint about another from its port.
func (r *reach) pair(q *question, a, b flows.Endpoint, from, to netip.Addr) {
	if r.direct++; r.direct > maxDirect || len(r.found) >= maxFindings {
		r.more = true
		return
	}
	c, ok := q.base.with(append(q.sender(a, from), q.target(b, to)...)...)
	if !ok {
		return
	}
	w := walker{fabric: r.fabric, none: q.none, steps: maxSteps, fits: true}
	w.leaf = func(p *path, why string) {
		fine := p.copies(b) == 1
		if q.answer {
			fine = p.copies(a) == 1 && q.arrived(p, a, b, to)
		}
		if !fine || p.unsure != nil {
			r.lost(q, a, b, p, why)
		}
	}
	w.send(r.hosts[a.Host], 0, start(a.Port), c)
}

// lost notes that packets do not arrive, if there are any.
func (r *reach) lost(q *question, a, b flows.Endpoint, p *path, why string) {
	t := p.trail
	id := loss{q, t.host, t.table, t.rule}
	if r.seen[id] {
		return
	}
	sent, v := solve(p.cube, slices.Concat(p.excluded(), q.none, impossible), pattern(a))
	if v == empty {
		return
	}
	r.seen[id] = true
	f := Finding{Kind: Lost, From: a, To: &b, Host: t.host.Number, Steps: t.steps(), Packet: sent.fields(a.Port)}
	target := r.facts.endpoint(b)
	wanted, copies := b, p.copies(b)
	if q.answer {
		wanted, copies = a, p.copies(a)
	}
	switch {
	case v == undecided || p.doubt() != nil:
		f.Kind = Unproved
		f.Why = fmt.Sprintf("%s for %s cannot be followed to its end", q.what, target)
		if p.doubt() != nil {
			f.Why += fmt.Sprintf(", because of a flow that does or matches something that is not known: %v", p.doubt().flow)
		}
	case why != "":
		f.Why = fmt.Sprintf("%s for %s does not arrive: %s", q.what, target, why)
	case copies > 1:
		f.Why = fmt.Sprintf("%s for %s comes out at %s %d times", q.what, target, r.facts.endpoint(wanted), copies)
	case q.answer && copies == 1:
		f.Why = fmt.Sprintf("%s for %s is answered, and the answer is wrong", q.what, target)
	case q.answer:
		f.Why = fmt.Sprintf("%s for %s is not answered", q.what, target)
	default:
		f.Why = fmt.Sprintf("%s for %s does not arrive", q.what, target)
	}
	r.found = append(r.found, f)
}
