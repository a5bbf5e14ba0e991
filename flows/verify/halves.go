package verify

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/flows"
)

// first follows what a sender asks, for whomever, to the cut. It is nil if not
// all of it gets there with the sender left behind.
func (r *reach) first(q *question, a flows.Endpoint, from netip.Addr) *path {
	sent, ok := q.base.with(q.sender(a, from)...)
	if !ok {
		return nil
	}
	h := r.hosts[a.Host]
	var at *path
	plain := true
	w := walker{fabric: r.fabric, none: q.none, steps: maxSteps, fits: true}
	w.leaf = func(*path, string) { plain = false }
	w.enter = func(p *path, table uint8) bool {
		if table != q.cut || p.host != h {
			return true
		}
		plain = plain && at == nil && p.outs == nil && p.todo == nil && p.unsure == nil && sent.within(p.cube)
		at = p
		return false
	}
	w.send(h, 0, start(a.Port), sent)
	if !plain || at == nil {
		return nil
	}
	for _, o := range at.excluded() {
		if !w.empty(o) {
			return nil
		}
	}
	if !at.plain(q.cut) {
		return nil
	}
	return at
}

// plain tells whether nothing matters to a table, and what follows, but
// constants and what the packet was sent with.
func (p *path) plain(table uint8) bool {
	for x := range slots {
		if !p.host.cut.in[table].has(x) {
			continue
		}
		switch v := p.state.get(x); {
		case v.kind == constant, v.kind == copied && v.from == x:
		default:
			return false
		}
	}
	return true
}

// relay follows a path that is about to enter a table to the cut on another
// host. It is nil if not all packets get there, whatever their headers are.
func (r *reach) relay(q *question, p *path, table uint8) *path {
	if p.todo != nil || p.outs != nil || p.unsure != nil || !p.plain(table) || !p.state.untouched() {
		return nil
	}
	key := string(append(p.cutKey(nil, table), table, byte(slices.Index(questions, q))))
	if far, known := r.relays[key]; known {
		return far
	}
	var far *path
	plain := true
	w := walker{fabric: r.fabric, none: q.none, steps: maxSteps, fits: true}
	w.leaf = func(*path, string) { plain = false }
	w.enter = func(x *path, t uint8) bool {
		if t != q.cut || x.host == p.host {
			return true
		}
		plain = plain && far == nil && x.outs == nil && x.unsure == nil && x.todo.done() && q.base.within(x.cube) && x.state.untouched() && x.plain(t)
		far = x
		return false
	}
	w.send(p.host, table, p.cutState(table), q.base)
	if far != nil {
		plain = plain && !slices.ContainsFunc(far.excluded(), func(c cube) bool { return !w.empty(c) })
	}
	if !plain {
		far = nil
	}
	r.relays[key] = far
	return far
}

// done tells whether nothing is left to do but to go back.
func (f *frame) done() bool {
	for ; f != nil; f = f.next {
		if f.restore == nil {
			return false
		}
	}
	return true
}

// An arrival is a target, at the cut on a host.
type arrival struct {
	question *question
	key      string
	target   uint32
	address  netip.Addr
}

// arrives is follow for the cut that a relay leads to, done once for all hosts
// that send there.
func (r *reach) arrives(q *question, at *path, b flows.Endpoint, to netip.Addr) bool {
	id := arrival{q, string(at.cutKey(q, q.cut)), b.Number, to}
	fine, known := r.far[id]
	if !known {
		fine = r.follow(q, at, b, to)
		r.far[id] = fine
	}
	return fine
}

// cutState is what matters of a path's state at a table. The rest is unknown,
// but for the header, which is as it was sent.
func (p *path) cutState(table uint8) (st state) {
	st.values = []value{{kind: unknown}}
	for x := range slots {
		switch live := p.host.cut.in[table].has(x); {
		case live && p.state.at[x] != 0:
			st.put(x, p.state.get(x))
		case !live && x < firstHeader:
			st.at[x] = 1
		}
	}
	return st
}

// cutKey is all that matters to a table, but for who sent it where the answer
// is for the sender.
func (p *path) cutKey(q *question, table uint8) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 128), p.host.Number)
	for x := range slots {
		if !p.host.cut.in[table].has(x) || q != nil && q.answer && x == slotReg0+3 {
			continue
		}
		if w, known := p.state.constant(x); known {
			b = appendWord(append(b, byte(x)), w)
		}
	}
	return b
}

// follow tells whether a question about a target is all right from the cut on.
func (r *reach) follow(q *question, first *path, b flows.Endpoint, to netip.Addr) (fine bool) {
	st := first.cutState(q.cut)
	if q.answer {
		st.at[slotReg0+3] = 0 // whoever asks
	}
	c, ok := q.base.with(q.target(b, to)...)
	if !ok {
		return false
	}
	fine = true
	w := walker{fabric: r.fabric, none: q.none, steps: maxSteps, fits: true}
	w.leaf = func(p *path, _ string) { fine = fine && !q.answer && p.unsure == nil && p.copies(b) == 1 }
	w.enter = func(p *path, table uint8) bool {
		if p.depth == 1 || !fine {
			return fine
		}
		if far := r.relay(q, p, table); far != nil {
			fine = r.arrives(q, far, b, to)
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
				fine = asker.value == small(uint64(b.Number)) || !r.asks(first.host, asker.value)
				return false
			case table != flows.TableDeliver || p.host != first.host:
				return true
			}
			fine = p.todo == nil && p.outs == nil && q.answers(p, b, to) && p.agrees(&st)
			return false
		}
	}
	w.send(first.host, q.cut, st, c)
	return fine
}

// asks tells whether a number is that of an endpoint of the network on a host.
func (r *reach) asks(h *host, number word) bool {
	return slices.ContainsFunc(r.members, func(e flows.Endpoint) bool {
		return e.Host == h.Number && small(uint64(e.Number)) == number
	})
}

// agrees tells whether nothing that matters to deliver changed since a state,
// but where the packet goes.
func (p *path) agrees(st *state) bool {
	for x := range firstHeader {
		if x == slotReg0 || x == slotInPort || !p.host.cut.in[flows.TableDeliver].has(x) {
			continue
		}
		was, known := st.constant(x)
		if is, still := p.state.constant(x); !known || !still || was != is {
			return false
		}
	}
	return true
}

// copies is how often the path came out at an endpoint.
func (p *path) copies(e flows.Endpoint) (n int) {
	for o := p.outs; o != nil; o = o.next {
		if o.host.Number == e.Host && o.port == e.Port {
			n++
		}
	}
	return n
}
