package verify

import (
	"github.com/weft-sdn/weft/flows"
)

// A cutting is a question at the cut: what is known of its packets there. Those
// of many senders, and those that come from many hosts, are the same there.
type cutting struct {
	*reach
	question *question
	host     *host
	state    state
	alike    string    // what it has in common with cuttings on other hosts
	buckets  []*bucket // that its packets are looked up in
	steps    map[*effect]*cutting
	arrived  map[*target]bool
}

// A cutID is what tells cuttings of a network apart.
type cutID struct {
	question *question
	key      string
}

// cutAt is the cutting of a path that is there.
func (r *reach) cutAt(q *question, at *path) *cutting {
	key := at.cutKey(q, q.cut)
	id := cutID{q, string(key)}
	k := r.cuts[id]
	if k == nil {
		k = &cutting{reach: r, question: q, host: at.host, state: at.cutState(q.cut), steps: map[*effect]*cutting{}, arrived: map[*target]bool{}}
		if q.forgets() {
			k.state.at[slotReg0+3] = 0 // whoever asks
		}
		if t := k.host.tables[q.cut]; t != nil {
			for _, sig := range t.signatures {
				sig.among(&k.state, q.base, func(b *bucket) { k.buckets = append(k.buckets, b) })
			}
		}
		deliver := at.host.cut.in[flows.TableDeliver]
		k.alike = string(appendWord(key[4:], small(uint64(deliver)))) // less the host's number
		r.cuts[id] = k
	}
	return k
}

// arrives is follow, done once for all that ask for a target from here.
func (k *cutting) arrives(t *target) bool {
	fine, known := k.arrived[t]
	if !known {
		fine = k.follow(t)
		k.arrived[t] = fine
	}
	return fine
}

// follow tells whether a question about a target is all right from the cut on.
func (k *cutting) follow(t *target) (fine bool) {
	if t.cube == nil {
		return false
	}
	if e := k.sole(t.cube); e != nil {
		if far := k.step(e, t); far != nil {
			return far.arrives(t.across)
		}
		if fine, known := k.answered(e, t); known {
			return fine
		}
	}
	q := k.question
	fine = true
	w := walker{fabric: k.fabric, none: q.none, fits: true, steps: maxSteps}
	w.leaf = func(p *path, _ string) { fine = fine && !q.answer && p.unsure == nil && p.copies(t.endpoint) == 1 }
	w.enter = func(p *path, table uint8) bool {
		if p.depth == 1 || !fine {
			return fine
		}
		if far := k.relay(p, table, t); far != nil {
			fine = far.arrives(t.across)
			return false
		}
		return true
	}
	if q.answer {
		w.enter = func(p *path, table uint8) bool {
			switch asker, only := p.cube.of(slotReg0 + 3); {
			case !fine:
				return false
			case only && asker.exact():
				// Rules about one asker: the target's own are as they should be.
				fine = asker.value == small(uint64(t.endpoint.Number)) || !k.asks(k.host, asker.value)
				return false
			case table != flows.TableDeliver || p.host != k.host:
				return true
			}
			fine = k.answersAt(p, t)
			return false
		}
	}
	w.send(k.host, q.cut, k.state.share(), t.cube)
	return fine
}

// answersAt tells whether a path is about to deliver the answer.
func (k *cutting) answersAt(p *path, t *target) bool {
	return p.todo == nil && p.outs == nil && k.question.answers(p, t.endpoint, t.address) && p.agrees(&k.state)
}

// sole is what the one rule does that takes all packets of a cube, nil if it is
// not as simple as that.
func (k *cutting) sole(c cube) *effect {
	var need [16]literal
	var room [8]*rule
	rules := room[:0]
	for _, b := range k.buckets {
		rules = b.candidates(&k.state, c, rules)
	}
	var one *rule
	for _, r := range byPriority(rules) {
		if one != nil && r.priority < one.priority {
			break
		}
		answer, literals := r.test(&k.state, need[:0])
		switch {
		case answer == no || !c.meets(literals):
		case answer == maybe || one != nil || !c.within(literals):
			return nil
		default:
			one = r
		}
	}
	if one == nil {
		return nil
	}
	return one.effect
}

// step is where a question is cut again, on another host, after the ops of an
// effect that do nothing but set values and go on; nil if it is not.
func (k *cutting) step(e *effect, t *target) *cutting {
	far, known := k.steps[e]
	if known || k.question.answer {
		return far
	}
	if p, table := k.after(e); p != nil {
		p.cube = k.question.base
		if t.across == t { // so the target does not matter
			far = k.relay(p, table, t)
		}
	}
	k.steps[e] = far
	return far
}

// after is the path after the ops of an effect, and the table that it goes to;
// nil if they do more than to set values and go on.
func (k *cutting) after(e *effect) (*path, uint8) {
	p := &path{host: k.host, state: k.state.share(), depth: 1}
	for i := range e.ops {
		switch o := &e.ops[i]; {
		case o.kind == opSet || o.kind == opMove:
			p.state.assign(o)
		case o.kind == opGoto && i == len(e.ops)-1:
			return p, uint8(o.n)
		default:
			return nil, 0
		}
	}
	return nil, 0
}

// An answering is an answer that is ready to be delivered after one effect.
type answering struct {
	effect *effect
	target *target
	alike  string
}

// answered tells whether an effect makes the answer; known is false if that
// takes more than one table. It is the same on all hosts with such an effect.
func (k *cutting) answered(e *effect, t *target) (fine, known bool) {
	if !k.question.answer {
		return false, false
	}
	id := answering{e, t, k.alike}
	if fine, known = k.reach.answers[id]; known {
		return fine, true
	}
	p, table := k.after(e)
	if p == nil || table != flows.TableDeliver {
		return false, false
	}
	p.cube = t.cube
	fine = k.answersAt(p, t)
	k.reach.answers[id] = fine
	return fine, true
}
