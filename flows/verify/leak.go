package verify

import (
	"fmt"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// maxSteps bounds the lookups in which one sender's packets are followed
// exactly.
const maxSteps = 2_000_000

// A leak hunt follows exactly what a sweep suspects.
type hunt struct {
	*sweep
	sender flows.Endpoint
	found  []Finding
	seen   map[culprit]bool
	gaveUp bool
}

// A culprit is a rule that does something wrong on a host.
type culprit struct {
	host *host
	rule *rule
	port uint32
}

// hunt confirms or refutes what the sweep suspects, sender by sender, until
// nothing is open or there are enough findings.
func (s *sweep) hunt(senders []flows.Endpoint, most int) (found []Finding, gaveUp bool) {
	h := &hunt{sweep: s, seen: map[culprit]bool{}}
	for _, e := range senders {
		if !s.mark() || len(h.found) >= most {
			break
		}
		if s.hosts[e.Host] != nil {
			h.sender = e
			h.follow(e)
		}
	}
	return h.found, h.gaveUp
}

func (h *hunt) follow(e flows.Endpoint) {
	w := walker{
		fabric: h.fabric, each: true, steps: maxSteps,
		// A path that was cut short might have led further.
		leaf: func(_ *path, why string) { h.gaveUp = h.gaveUp || why != "" },
	}
	w.node = h.node
	w.enter = func(p *path, table uint8) bool {
		n := h.node(p, table)
		return n == nil || n.wrong
	}
	w.follow = func(n *node, r *rule) bool { return n == nil || n.leads(n.host.classes.of(r.effect)) }
	w.wrong = h.wrong
	w.send(h.hosts[e.Host], 0, start(e.Port), possible)
}

// node is the node that the sweep has for a lookup, nil if there is none.
func (s *sweep) node(p *path, table uint8) *node {
	s.key = nodeKey(s.key[:0], p.host, table, &p.state)
	return s.index[string(s.key)]
}

// wrong is told of what comes out, and of what cannot be followed.
func (h *hunt) wrong(p *path, at *frame, what string) {
	rule, n := at.rule, at.node
	f := Finding{Kind: Unproved, From: h.sender, Host: p.host.Number, Why: what}
	c := culprit{host: p.host, rule: rule}
	if what == "" {
		o := p.outs
		f.Host, f.Port, c.port = o.host.Number, widePort(uint16(o.port)), o.port
		f.To = o.host.behind[o.port]
		if h.mayLeave(h.vni, o.host, o.port) {
			return
		}
		f.Kind = Leak
		f.Why = h.leaks(o)
	} else {
		f.Why = fmt.Sprintf("what becomes of the packet is outside the model: %s", what)
	}
	if h.seen[c] {
		return
	}
	others := append(p.excluded(), impossible...)
	sent, v := solve(p.cube, others, pattern(h.sender))
	if v == empty {
		return
	}
	h.seen[c] = true
	if n != nil {
		delete(n.suspect, n.host.classes.of(rule.effect))
	}
	f.Steps = p.trail.steps()
	switch {
	case v == undecided:
		f.Kind, f.Why = Unproved, "it was not found out whether there is such a packet: "+f.Why
		h.found = append(h.found, f)
		return
	case p.doubt() != nil:
		f.Kind, f.Why = Unproved, fmt.Sprintf("%s, unless this flow prevents it, which matches something that is not known: %v", f.Why, p.doubt().flow)
	case f.Kind == Leak && !h.fabric.comesOut(h.hosts[h.sender.Host], h.sender.Port, &sent, p.outs.host, p.outs.port):
		f.Kind, f.Why = Unproved, "the packet was found, and when it is sent it does not come out there: "+f.Why
	}
	f.Packet = sent.fields(h.sender.Port)
	h.found = append(h.found, f)
}

func (h *hunt) leaks(o *out) string {
	_, tunnel := o.host.TunnelPorts.Encap(o.port)
	switch e := o.host.behind[o.port]; {
	case o.port == o.host.GatewayPort && o.port != 0:
		return fmt.Sprintf("a packet leaves through the kernel of %s, which is no way out of the network", h.facts.host(o.host.Number))
	case e != nil:
		return fmt.Sprintf("a packet comes out at %s of another network (VNI %d), port %d of %s", h.facts.endpoint(*e), e.VNI, o.port, h.facts.host(o.host.Number))
	case tunnel:
		return fmt.Sprintf("%s sends a packet through the tunnel to an address that is no host's", h.facts.host(o.host.Number))
	}
	return fmt.Sprintf("a packet does %v on %s, where that port is no endpoint's", of.Output{Port: widePort(uint16(o.port))}, h.facts.host(o.host.Number))
}

// comesOut sends one packet and tells whether it comes out of a port.
func (f *fabric) comesOut(h *host, port uint32, sent *packet, at *host, out uint32) (does bool) {
	w := walker{fabric: f, each: true, steps: maxSteps, leaf: func(*path, string) {}}
	w.wrong = func(p *path, _ *frame, what string) {
		does = does || what == "" && p.outs.host == at && p.outs.port == out
	}
	w.send(h, 0, sent.state(port), nil)
	return does
}

// state is what a switch knows of the packet when it comes in by a port.
func (p *packet) state(port uint32) state {
	s := start(port)
	for x := firstHeader; x < slots; x++ {
		s.put(x, number(p[x]))
	}
	return s
}
