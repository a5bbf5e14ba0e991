package verify

// A path is one way through the fabric and the set of packets that take it:
// the cube, less what rules of higher priority took.
type path struct {
	host  *host
	state state
	cube  cube
	taken *taken
	todo  *frame
	trail *trail
	outs  *out
	depth int // lookups so far
	// unsure is a rule outside the model that decides who takes this way; guess
	// is one that matches something of which the value is not known, so that
	// what it takes and what it leaves are both followed.
	unsure, guess *rule
	invalid       bool // the connection tracker says that it is of no connection
	marked        bool // a connection's mark decided who takes this way
}

// taken are lookups in which the packets of a path did not match certain
// rules, the last one first.
type taken struct {
	state *state
	rules []*rule
	next  *taken
}

// A frame is what is left to do.
type frame struct {
	ops     []op
	rule    *rule
	node    *node // of the sweep, if there is one
	restore *before
	next    *frame
}

// before is what a bucket, a clone or another host does not change.
type before struct {
	host  *host
	state state
}

// trail are the rules that a path took, the last one first.
type trail struct {
	host  *host
	table uint8
	rule  *rule // nil: none matched
	next  *trail
}

// An out is what came out of a port, the last one first.
type out struct {
	host  *host
	port  uint32
	rule  *rule
	state state
	next  *out
}

// maxDepth bounds the lookups of a path. Open vSwitch gives a packet up at 64
// nested ones; a packet that goes from host to host has more.
const maxDepth = 200

// A walker follows paths exactly.
type walker struct {
	*fabric
	// each makes one path of every bucket of a group and of every host, which
	// is enough to find out what can happen to some packet. Without it a path
	// has all that becomes of its packets.
	each bool
	// enter is asked at each lookup; false ends the path there.
	enter func(p *path, table uint8) bool
	// follow is asked at each rule.
	follow func(n *node, r *rule) bool
	// node finds the node of the sweep for a lookup.
	node func(p *path, table uint8) *node
	// wrong is told of what should not happen at all.
	wrong func(p *path, f *frame, what string)
	// leaf is told of a path that is at its end, and why.
	leaf func(p *path, why string)

	fits  bool   // packets are not larger than anything allows
	none  []cube // no packet is in these
	steps int    // lookups that may still be done; negative: it was given up
}

// send begins a path.
func (w *walker) send(h *host, table uint8, st state, c cube) {
	p := &path{host: h, state: st, cube: c}
	w.lookup(p, table)
}

// run does what is left of a path.
func (w *walker) run(p *path) {
	for p.todo != nil {
		f := p.todo
		p.todo = f.next
		if f.restore != nil {
			p.host, p.state = f.restore.host, f.restore.state
			continue
		}
		if w.do(p, f) {
			return
		}
	}
	w.leaf(p, "")
}

// do does the ops of a frame. It reports whether the path went on elsewhere.
func (w *walker) do(p *path, f *frame) (elsewhere bool) {
	for i := range f.ops {
		o := &f.ops[i]
		rest := func() {
			if i+1 < len(f.ops) {
				p.todo = &frame{ops: f.ops[i+1:], rule: f.rule, node: f.node, next: p.todo}
			}
		}
		switch o.kind {
		case opSet, opMove, opForget:
			p.state.assign(o)
		case opChoose:
			rest()
			w.choose(p, o)
			return true
		case opTrack:
			rest()
			w.track(p, o)
			return true
		case opOutput:
			if port, known := p.state.constant(slotInPort); known && uint32(port.lo) == o.n {
				continue // Open vSwitch does not send a packet back that way
			}
			if w.output(p, f, o.n, rest) {
				return true
			}
		case opOutputReg, opOutputBack:
			v := p.state.get(o.src.slot)
			v = combine(o.src.bits, v.slice(o.src.lo, o.src.bits))
			port, known := p.state.constant(slotInPort)
			switch {
			case v.kind != constant:
				w.report(p, f, "the port depends on the packet: "+o.text)
			case o.kind == opOutputReg && known && port == v.word:
			default:
				if w.output(p, f, uint32(v.word.lo), rest) {
					return true
				}
			}
		case opGoto, opResubmit:
			rest()
			w.lookup(p, uint8(o.n))
			return true
		case opGroup:
			if g := p.host.groups[o.n]; g != nil {
				rest()
				w.group(p, f, g)
				return true
			}
		case opClone:
			rest()
			w.branches(p, f, [][]op{o.ops})
			return true
		case opExit:
			for p.todo != nil && p.todo.restore == nil {
				p.todo = p.todo.next
			}
			return false
		case opStrange:
			w.report(p, f, o.text)
		}
	}
	return false
}

func (w *walker) report(p *path, f *frame, what string) {
	if w.wrong != nil {
		w.wrong(p, f, what)
	} else if p.unsure == nil {
		p.unsure = f.rule
	}
}

// output sends the packet out of a port. It reports whether the path went on
// elsewhere.
func (w *walker) output(p *path, f *frame, port uint32, rest func()) bool {
	e, tunnel := p.host.TunnelPorts.Encap(port)
	if !tunnel {
		p.outs = &out{p.host, port, f.rule, p.state.share(), p.outs}
		if w.wrong != nil {
			w.wrong(p, f, "")
		}
		return false
	}
	to, where, ok := w.destinations(&p.state)
	switch {
	case !ok:
		w.report(p, f, "where the tunnel leads depends on the packet")
		return false
	case where != "" && to == nil:
		p.outs = &out{p.host, port, f.rule, p.state.share(), p.outs}
		if w.wrong != nil {
			w.wrong(p, f, "")
		}
		return false
	}
	rest()
	if !w.each {
		p.todo = &frame{restore: &before{p.host, p.state.share()}, next: p.todo}
	}
	for _, h := range to {
		if h.TunnelPorts[e] == 0 {
			continue
		}
		q := *p
		q.state, q.host = across(&p.state, p.host, h, e), h
		if !w.each {
			w.lookup(&q, 0) // no two hosts have one VTEP
			return true
		}
		q.todo = nil
		w.lookup(&q, 0)
	}
	w.run(p)
	return true
}

// lookup looks the packets of a path up in a table, and makes a path of each
// rule that some of them may match.
func (w *walker) lookup(p *path, table uint8) {
	p.depth++
	w.steps--
	if p.depth > maxDepth || w.steps < 0 {
		w.leaf(p, "it goes round in circles")
		return
	}
	if w.enter != nil && !w.enter(p, table) {
		return
	}
	var n *node
	if w.node != nil {
		n = w.node(p, table)
	}
	rules := p.host.tables[table].candidates(&p.state, p.cube, nil)
	at := p.state.share() // what taken refers to
	var need [16]literal
	all, above := false, 0 // whether a rule takes them all; where its priority begins
	for i, r := range rules {
		if r.priority != rules[above].priority {
			if all {
				return
			}
			above = i
		}
		answer, literals := r.test(&at, need[:0])
		if answer == no || !p.cube.meets(literals) {
			continue
		}
		c, ok := p.cube.with(literals...)
		if !ok || w.empty(c) {
			continue
		}
		if w.follow == nil || w.follow(n, r) {
			q := *p
			q.cube = c
			if answer == maybe {
				q.note(r)
				q.marked = q.marked || r.slots.has(slotCTMark)
			}
			if above > 0 {
				q.taken = &taken{&at, rules[:above], p.taken}
			}
			q.trail = &trail{p.host, table, r, p.trail}
			q.todo = &frame{ops: r.effect.ops, rule: r, node: n, next: p.todo}
			w.run(&q)
		}
		switch {
		case answer != maybe:
			all = all || p.cube.within(c)
		default:
			p.note(r)
		}
	}
	if all {
		return
	}
	if len(rules) > 0 {
		p.taken = &taken{&at, rules, p.taken}
	}
	p.trail = &trail{p.host, table, nil, p.trail}
	w.run(p) // nothing matches, so this lookup does nothing
}

// note remembers a rule of which it is not known whether it matches.
func (p *path) note(r *rule) {
	switch {
	case r.strange && p.unsure == nil:
		p.unsure = r
	case !r.strange && p.guess == nil:
		p.guess = r
	}
}

// doubt is a rule for which it is not sure that packets take this way.
func (p *path) doubt() *rule {
	if p.unsure != nil {
		return p.unsure
	}
	return p.guess
}

// empty tells whether a cube has no packets, as far as is seen at once.
func (w *walker) empty(c cube) bool {
	for _, n := range w.none {
		if c.within(n) {
			return true
		}
	}
	return false
}

// test asks a state whether a rule matches.
func (r *rule) test(s *state, need []literal) (answer, []literal) {
	result := yes
	for _, l := range r.match {
		var a answer
		if a, need = s.test(l, need); a == no {
			return no, nil
		}
		result = max(result, a)
	}
	if r.strange {
		result = maybe
	}
	return result, need
}
