package verify

import (
	of "github.com/weft-sdn/weft/openflow"
)

func (w *walker) group(p *path, f *frame, g *group) {
	if g.typ == of.GroupTypeAll || g.typ == of.GroupTypeIndirect || w.each || len(g.buckets) == 0 {
		w.branches(p, f, g.buckets)
		return
	}
	// Which bucket it is depends on a hash, or on the state of ports.
	for _, b := range g.buckets {
		w.branches(p.copy(), f, [][]op{b})
	}
}

// copy is a path that goes on as this one, with something else that happens to
// it.
func (p *path) copy() *path {
	p.state.owned = false
	q := *p
	return &q
}

// choose follows a packet with each number that something may choose for it.
func (w *walker) choose(p *path, o *op) {
	last := o.n
	if w.fits && o.text == packetSize {
		last = 0
	}
	for n := range last + 1 {
		q := p.copy()
		q.state.assign(&op{kind: opSet, dst: o.dst, word: small(uint64(n))})
		w.run(q)
	}
}

// track follows a packet in every world.
func (w *walker) track(p *path, o *op) {
	translated := 0
	if len(o.nat.known) > 0 {
		translated = 1
	}
	for _, world := range p.host.worlds[o.n][translated] {
		q := p.copy()
		if w.each {
			q.todo = nil
		} else {
			q.todo = &frame{restore: &before{p.host, p.state.share()}, next: p.todo}
		}
		q.invalid = q.invalid || world.invalid
		world.enter(&q.state, o)
		w.lookup(q, uint8(o.n))
	}
	if w.each {
		w.run(p)
	}
}

// branches does lists of ops, each with a copy of the packet, and then what is
// left to do.
func (w *walker) branches(p *path, f *frame, lists [][]op) {
	p.depth++
	if p.depth > maxDepth {
		w.leaf(p, "it goes round in circles")
		return
	}
	if w.each {
		p.state.owned = false
		for _, ops := range lists {
			q := *p
			q.todo = &frame{ops: ops, rule: f.rule, node: f.node}
			w.run(&q)
		}
		w.run(p)
		return
	}
	b := &before{p.host, p.state.share()}
	for i := len(lists) - 1; i >= 0; i-- {
		p.todo = &frame{ops: lists[i], rule: f.rule, node: f.node, next: &frame{restore: b, next: p.todo}}
	}
	w.run(p)
}
