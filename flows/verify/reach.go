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
	relays  map[relaying]*cutting
	cuts    map[cutID]*cutting
	answers map[answering]bool
	seen    map[culpable]bool
	direct  int // pairs that were followed one by one

	found []Finding
	more  bool
	pairs int
	exits int // endpoints that must find a way out
}

// maxDirect bounds the pairs of a network that are followed one by one.
const maxDirect = 3000

// returning is an answer that deliver gives to who asked.
type returning struct {
	question *question
	asker    uint32
}

// culpable tells findings apart: where it happens, and by which rule.
type culpable struct {
	question *question
	host     *host
	table    uint8
	rule     *rule
}

func newReach(f *fabric, n flows.Network, members []flows.Endpoint) *reach {
	r := &reach{fabric: f, network: n, back: map[returning]bool{}, relays: map[relaying]*cutting{}, cuts: map[cutID]*cutting{}, answers: map[answering]bool{}, seen: map[culpable]bool{}}
	for _, e := range members {
		if e.MAC != ([6]byte{}) { // who has none yet cannot send
			r.members = append(r.members, e)
		}
	}
	return r
}

// run examines every question of every ordered pair.
func (r *reach) run() {
	for _, q := range bridged {
		to := r.members
		if q.answer && r.network.Gateway != nil {
			to = append(slices.Clip(to), r.gateway(r.network))
		}
		r.ask(q, to)
	}
	if r.network.Gateway != nil {
		r.routes()
		r.leave()
	}
	r.pairs += r.between(r.members) - len(r.members)
}

// between is how many ordered pairs of a member and another endpoint have a way
// between their hosts.
func (r *reach) between(others []flows.Endpoint) (pairs int) {
	count := func(list []flows.Endpoint) map[uint32]int {
		on := map[uint32]int{}
		for _, e := range list {
			on[e.Host]++
		}
		return on
	}
	there := count(others)
	for x, n := range count(r.members) {
		for y, m := range there {
			if r.connected(flows.Endpoint{Host: x}, flows.Endpoint{Host: y}) {
				pairs += n * m
			}
		}
	}
	return pairs
}

// connected tells whether there is a way between the hosts of two endpoints:
// each has a VTEP of the same family, and a tunnel port of the network's
// encapsulation. A gateway is on every host.
func (r *reach) connected(a, b flows.Endpoint) bool {
	if a.Host == b.Host || b.MAC == flows.RouterMAC {
		return true
	}
	encap := r.network.Encap
	if n := r.networks[b.VNI]; n != nil {
		encap = n.Encap // what is routed crosses in the network that it goes to
	}
	x, y := r.hosts[a.Host], r.hosts[b.Host]
	return x.VTEP.IsValid() && y.VTEP.IsValid() && x.VTEP.Is4() == y.VTEP.Is4() && x.TunnelPorts[encap] != 0 && y.TunnelPorts[encap] != 0
}

// A target is whom a question is about, at one of its addresses.
type target struct {
	endpoint flows.Endpoint
	address  netip.Addr
	question *question
	cube     cube    // the question's packets about it; nil: there are none
	across   *target // as which it is asked for on another host
}

func (q *question) about(e flows.Endpoint, a netip.Addr) *target {
	t := &target{endpoint: e, address: a, question: q}
	t.cube, _ = q.base.with(q.target(e, a)...)
	t.across = t
	if q.across != nil {
		t.across = q.across.about(e, a)
	}
	return t
}

// A sending is a question on its way: who asks, from which address.
type sending struct {
	endpoint flows.Endpoint
	address  netip.Addr
	first    *path
}

// A crowd is senders on one host whose questions agree at the cut.
type crowd struct {
	*reach
	question *question
	cut      *cutting // nil for those that do not get there as they are to
	senders  []sending
	linked   map[uint32]bool // host → whether there is a way to it
	returns  *bool           // whether all answers come back to who asked
}

// ask examines one question of all members about all targets. Senders whose
// questions agree at the cut are examined together.
func (r *reach) ask(q *question, about []flows.Endpoint) {
	crowds := map[*cutting]*crowd{}
	var order []*crowd
	for _, a := range r.members {
		for _, from := range q.addresses(r.network, a) {
			s := sending{a, from, r.first(q, a, from)}
			var at *cutting
			if s.first != nil {
				at = r.cutAt(q, s.first)
			}
			if crowds[at] == nil {
				crowds[at] = &crowd{reach: r, question: q, cut: at, linked: map[uint32]bool{}}
				order = append(order, crowds[at])
			}
			crowds[at].senders = append(crowds[at].senders, s)
		}
	}
	var targets []*target
	for _, b := range about {
		for _, to := range q.targets(r.network, b) {
			targets = append(targets, q.about(b, to))
		}
	}
	for _, c := range order {
		for _, t := range targets {
			c.examine(t)
		}
	}
}

// examine examines a question about one target.
func (c *crowd) examine(t *target) {
	fine := false
	if c.cut != nil {
		if r := c.reach; r.more || !c.isLinked(t) || len(c.senders) == 1 && c.senders[0].endpoint.Number == t.endpoint.Number {
			return
		}
		fine = c.cut.follow(t)
		if fine && (!c.question.answer || c.allReturn()) {
			return
		}
	}
	for _, s := range c.senders {
		if s.endpoint.Number == t.endpoint.Number || !c.connected(s.endpoint, t.endpoint) || fine && c.reach.returns(c.question, s) {
			continue
		}
		c.pair(c.question, s.endpoint, t.endpoint, s.address, t.address)
	}
}

// isLinked tells whether there is a way from the crowd's host to a target.
func (c *crowd) isLinked(t *target) bool {
	from := c.senders[0].endpoint
	if from.Host == t.endpoint.Host || t.endpoint.MAC == flows.RouterMAC {
		return true
	}
	is, known := c.linked[t.endpoint.Host]
	if !known {
		is = c.connected(from, t.endpoint)
		c.linked[t.endpoint.Host] = is
	}
	return is
}

// allReturn tells whether the answers to all senders come back.
func (c *crowd) allReturn() bool {
	if c.returns == nil {
		all := !slices.ContainsFunc(c.senders, func(s sending) bool { return !c.reach.returns(c.question, s) })
		c.returns = &all
	}
	return *c.returns
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
	w := walker{fabric: r.fabric, none: q.none, fits: true, steps: maxSteps}
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
	w := walker{fabric: r.fabric, none: q.none, fits: true, steps: maxSteps}
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

// loss is a finding about packets that do not get where they are to, if there
// are any, and none like them was found before.
func (r *reach) loss(q *question, a flows.Endpoint, p *path) (f Finding, ok bool) {
	t := p.trail
	id := culpable{q, t.host, t.table, t.rule}
	if r.seen[id] {
		return f, false
	}
	sent, v := solve(p.cube, slices.Concat(p.excluded(), q.none, impossible), pattern(a))
	if v == empty {
		return f, false
	}
	r.seen[id] = true
	f = Finding{Kind: Lost, From: a, Host: t.host.Number, Steps: t.steps(), Packet: sent.fields(a.Port)}
	if v == undecided || p.doubt() != nil {
		f.Kind = Unproved
	}
	return f, true
}

// lost notes that packets do not arrive, if there are any.
func (r *reach) lost(q *question, a, b flows.Endpoint, p *path, why string) {
	f, ok := r.loss(q, a, p)
	if !ok {
		return
	}
	wanted, copies := b, p.copies(b)
	if b.MAC != flows.RouterMAC {
		f.To = &b
	}
	if q.answer {
		wanted, copies = a, p.copies(a)
	}
	about := q.what + " for " + r.who(b)
	switch {
	case f.Kind == Unproved:
		f.Why = about + " " + p.obscure()
	case why != "":
		f.Why = fmt.Sprintf("%s does not arrive: %s", about, why)
	case copies > 1:
		f.Why = fmt.Sprintf("%s comes out at %s %d times", about, r.who(wanted), copies)
	case q.answer && copies == 1:
		f.Why = about + " is answered, and the answer is wrong"
	case q.answer:
		f.Why = about + " is not answered"
	default:
		f.Why = about + " does not arrive"
	}
	r.found = append(r.found, f)
}

// obscure says why it is not known where a path ends.
func (p *path) obscure() string {
	s := "cannot be followed to its end"
	if p.doubt() != nil {
		s += fmt.Sprintf(", because of a flow that does or matches something that is not known: %v", p.doubt().flow)
	}
	return s
}

// who is what findings call an endpoint, or a gateway.
func (r *reach) who(e flows.Endpoint) string {
	if e.MAC == flows.RouterMAC {
		return "the gateway"
	}
	return r.facts.endpoint(e)
}
