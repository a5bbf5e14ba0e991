package verify

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// An exiting is a packet that is to leave the network: from each endpoint to
// the cut, from there to where the way out begins to differ by sender, which is
// the translation, and on from there for each sender. The first of these is
// done once for each endpoint, the second once for each host, and the third
// once for each endpoint and gateway.
type exiting struct {
	*reach
	*family
	question *question
	cut      uint8              // where the way out begins to differ
	gates    map[string][]*path // where packets arrive at that, from each cut
}

// leave examines whether everybody finds a way out of a network that has one.
func (r *reach) leave() {
	g := r.network.Gateway
	if !g.Mode.Leaves() {
		return
	}
	leavers := r.leavers()
	r.exits = len(leavers)
	for _, f := range families {
		x := &exiting{reach: r, family: f, gates: map[string][]*path{}, cut: flows.TableNATDone}
		if g.Mode == flows.SNAT {
			x.cut = flows.TableNATOut
		}
		x.question = &question{
			what: "a packet to the world outside", cut: flows.TableRoute, anonymous: true,
			base: plain(f.ethType, toRouter), none: append(x.inside(), f.none...), sender: f.sender,
		}
		for _, a := range leavers {
			for _, from := range f.global(r.network, a) {
				if g.Mode == flows.Routed || x.transit(a).IsValid() {
					x.follow(a, from)
				}
			}
		}
	}
}

// inside are the packets that need not leave: to addresses that are somebody's
// here, and those that no router passes on. Nobody's number is 0.
func (x *exiting) inside() []cube {
	none := append(expired(), cube{equals(slotReg0+3, word{})})
	for _, n := range append(x.peers(), x.network) {
		for _, p := range n.Gateway.Subnets {
			if x.of(p.Addr()) {
				none = append(none, cube{x.within(x.dst, p)})
			}
		}
	}
	to := append([]netip.Addr{}, x.network.Gateway.Addresses...)
	to = append(to, flows.LinkLocal(flows.RouterMAC))
	for _, h := range x.hosts {
		to = append(to, h.Transit.V4, h.Transit.V6)
	}
	for _, a := range to {
		if a.IsValid() && x.of(a) {
			none = append(none, cube{equals(x.dst, addr(a))})
		}
	}
	return none
}

func (x *exiting) transit(e flows.Endpoint) netip.Addr {
	if x.v4 {
		return e.Transit.V4
	}
	return e.Transit.V6
}

// ways are the hosts by which an endpoint's packets may leave: all that the
// network names. Where every host is its own way out, that is the only one,
// unless connections come in to the endpoint from outside: those are answered
// where they came in, which is any host that has an endpoint or a NIC of the
// network.
func (r *reach) ways(a flows.Endpoint, members []uint32) (hosts []uint32) {
	for _, e := range r.network.Gateway.Hosts {
		hosts = append(hosts, e.Host)
	}
	switch {
	case len(hosts) > 0:
		return hosts
	case r.isEntered(a):
		return members
	}
	return []uint32{a.Host}
}

// isEntered tells whether connections come in to an endpoint from outside.
func (r *reach) isEntered(a flows.Endpoint) bool {
	g := r.network.Gateway
	return len(g.Hosts) > 0 || g.HostAccess || len(a.Forwards) > 0
}

// leavers are the endpoints for which all ways out of the network are there: a
// gateway that is not need not be reached.
func (r *reach) leavers() (list []flows.Endpoint) {
	var members []uint32
	note := func(vni, host uint32) {
		if vni == r.network.VNI && host != 0 && !slices.Contains(members, host) {
			members = append(members, host)
		}
	}
	for _, e := range r.facts.Endpoints {
		note(e.VNI, e.Host)
	}
	for _, c := range r.facts.NICs {
		note(c.VNI, c.Host)
	}
	for _, a := range r.members {
		if !slices.ContainsFunc(r.ways(a, members), func(number uint32) bool {
			h := r.hosts[number]
			return h == nil || h.GatewayPort == 0 || !r.connected(a, flows.Endpoint{Host: number})
		}) {
			list = append(list, a)
		}
	}
	return list
}

// follow examines what one endpoint sends from one of its addresses.
func (x *exiting) follow(a flows.Endpoint, from netip.Addr) {
	first := x.first(x.question, a, from)
	if first != nil {
		key := string(first.cutKey(x.question, x.question.cut))
		gates, known := x.gates[key]
		if !known {
			gates = x.reached(first)
			x.gates[key] = gates
		}
		if len(gates) > 0 && !slices.ContainsFunc(gates, func(at *path) bool { return !x.passes(at, a, from) }) {
			return
		}
	}
	x.direct(a, from)
}

// reached are the gates at which packets arrive from a cut, none if some of
// them do not.
func (x *exiting) reached(first *path) (gates []*path) {
	q := x.question
	st := first.cutState(q.cut)
	st.at[slotReg0+3] = 0
	fine := true
	known := map[string]bool{}
	w := walker{fabric: x.fabric, none: q.none, fits: true, steps: maxSteps}
	w.leaf = func(p *path, _ string) {
		fine = fine && p.outs == nil && p.unsure == nil && (p.invalid || p.marked && len(x.network.Gateway.Hosts) == 0)
	}
	w.enter = func(p *path, table uint8) bool {
		if table != x.cut {
			return true
		}
		source := p.state.get(x.src)
		fine = fine && p.outs == nil && p.todo.done() && p.unsure == nil && q.base.within(p.cube) &&
			x.networks[x.network.VNI].isExit(p.host.Number) && source.kind == copied && source.from == x.src &&
			!slices.ContainsFunc(p.excluded(), func(c cube) bool { return !w.empty(c) })
		key := string(p.cutKey(q, x.cut))
		if p.marked {
			key += "marked"
		}
		if !known[key] {
			known[key] = true
			gates = append(gates, p)
		}
		return false
	}
	w.send(first.host, q.cut, st, q.base)
	if !fine {
		return nil
	}
	return gates
}

// passes tells whether what a sender sends leaves from a gate on.
func (x *exiting) passes(at *path, a flows.Endpoint, from netip.Addr) (fine bool) {
	c, ok := x.question.base.with(equals(x.src, addr(from)))
	if !ok {
		return false
	}
	st := at.cutState(x.cut)
	fine = true
	w := walker{fabric: x.fabric, none: x.question.none, fits: true, steps: maxSteps}
	w.leaf = func(p *path, _ string) {
		p.marked = p.marked || at.marked
		fine = fine && x.left(p, a)
	}
	w.send(at.host, x.cut, st, c)
	return fine
}

// left tells whether a path has come out where it is to, once, as what it is
// to.
func (x *exiting) left(p *path, a flows.Endpoint) bool {
	if p.unsure != nil {
		return false
	}
	if p.outs == nil {
		// No connection has the mark of another host that did not come in there.
		return p.invalid || p.marked && !x.isEntered(a)
	}
	o := p.outs
	if o.next != nil || o.port == 0 || o.port != o.host.GatewayPort || !x.networks[x.network.VNI].isExit(o.host.Number) {
		return false
	}
	switch source := o.state.get(x.src); {
	case x.network.Gateway.Mode == flows.Routed:
		return source.kind == copied && source.from == x.src
	case source.kind == constant:
		return source.word == addr(x.transit(a))
	default: // as the connection tracker knows the connection
		return source.kind == unknown
	}
}

// direct follows a sender's packets from its port, and says what becomes of
// those that do not leave.
func (x *exiting) direct(a flows.Endpoint, from netip.Addr) {
	r, q := x.reach, x.question
	if r.direct++; r.direct > maxDirect || len(r.found) >= maxFindings {
		r.more = true
		return
	}
	c, ok := q.base.with(q.sender(a, from)...)
	if !ok {
		return
	}
	w := walker{fabric: r.fabric, none: q.none, fits: true, steps: maxSteps}
	w.leaf = func(p *path, why string) {
		if !x.left(p, a) {
			x.stays(a, p, why)
		}
	}
	w.send(r.hosts[a.Host], 0, start(a.Port), c)
}

// stays notes that packets do not leave, if there are any.
func (x *exiting) stays(a flows.Endpoint, p *path, why string) {
	f, ok := x.loss(x.question, a, p)
	if !ok {
		return
	}
	switch {
	case f.Kind == Unproved:
		f.Why = x.question.what + " " + p.obscure()
	case why != "":
		f.Why = fmt.Sprintf("%s does not leave: %s", x.question.what, why)
	case p.outs != nil:
		f.Host, f.Port = p.outs.host.Number, widePort(uint16(p.outs.port))
		f.Why = fmt.Sprintf("%s comes out where it is not to, more than once, or not as from its sender's transit address: by %s", x.question.what, x.facts.host(f.Host))
	default:
		f.Why = x.question.what + " does not leave"
	}
	x.found = append(x.found, f)
}
