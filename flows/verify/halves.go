package verify

import (
	"bytes"
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
	w := walker{fabric: r.fabric, none: q.none, fits: true, steps: maxSteps}
	h := r.hosts[a.Host]
	m := meeting{walker: &w, question: q, cut: q.cut, sent: sent, all: true}
	w.leaf = func(*path, string) { m.all = false }
	w.enter = func(p *path, table uint8) bool {
		if table != q.cut || p.host != h {
			return true
		}
		m.arrive(p)
		return false
	}
	w.send(h, 0, start(a.Port), sent)
	return m.result()
}

// A meeting is a cut at which all packets of a cube arrive that were sent. What
// may become of them on the way, they arrive alike.
type meeting struct {
	*walker
	question *question
	cut      uint8
	sent     cube
	at       *path
	key      []byte
	all      bool
}

// arrive notes a path that is at the cut.
func (m *meeting) arrive(p *path) {
	if !m.all {
		return
	}
	m.all = p.outs == nil && p.todo.done() && p.unsure == nil && m.sent.within(p.cube) && p.plain(m.cut) &&
		!slices.ContainsFunc(p.excluded(), func(c cube) bool { return !m.empty(c) })
	if !m.all {
		return
	}
	key := p.cutKey(m.question, m.cut)
	if m.at == nil {
		m.at, m.key = p, key
	} else {
		m.all = bytes.Equal(m.key, key) && p.host == m.at.host
	}
}

// result is a path of those that arrived, nil if not all did.
func (m *meeting) result() *path {
	if !m.all {
		return nil
	}
	return m.at
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

// A relaying is a question that is about to enter a table.
type relaying struct {
	question *question
	table    uint8
	key      string
}

// relay follows a path that is about to enter a table to the cut on another
// host, where it goes on as another question. It is nil if not all such packets
// get there, whatever their headers are.
func (r *reach) relay(p *path, table uint8, t *target) *cutting {
	if p.todo != nil || p.outs != nil || p.unsure != nil || !p.plain(table) || !p.carries(t) {
		return nil
	}
	as := t.across.question
	id := relaying{as, table, string(p.cutKey(nil, table))}
	if far, known := r.relays[id]; known {
		return far
	}
	w := walker{fabric: r.fabric, none: as.none, fits: true, steps: maxSteps}
	m := meeting{walker: &w, question: as, cut: as.cut, sent: as.base, all: true}
	w.leaf = func(*path, string) { m.all = false }
	w.enter = func(x *path, t uint8) bool {
		if t != as.cut || x.host == p.host {
			return true
		}
		m.all = m.all && x.state.untouched()
		m.arrive(x)
		return false
	}
	w.send(p.host, table, p.cutState(table), as.base)
	var far *cutting
	if at := m.result(); at != nil {
		far = r.cutAt(as, at)
	}
	r.relays[id] = far
	return far
}

// carries tells whether a path's packets are now what they are to be on their
// way to another host.
func (p *path) carries(t *target) bool {
	if t.across == t {
		return p.state.untouched()
	}
	c := t.across.cube
	if c == nil {
		return false
	}
	var need [16]literal
	for _, l := range c {
		switch answer, literals := p.state.test(l, need[:0]); answer {
		case yes:
		case depends:
			if !p.cube.within(literals) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// done tells whether nothing is left to do but to go back, and to set what
// nobody looks at any more.
func (f *frame) done() bool {
	for ; f != nil; f = f.next {
		if slices.ContainsFunc(f.ops, func(o op) bool { return o.kind != opSet && o.kind != opMove && o.kind != opForget }) {
			return false
		}
	}
	return true
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

// forgets tells whether who sent it does not matter after the cut, though a
// table looks at it.
func (q *question) forgets() bool { return q.answer || q.anonymous }

// cutKey is all that matters to a table, but for who sent it where the answer
// is for the sender.
func (p *path) cutKey(q *question, table uint8) []byte {
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 128), p.host.Number)
	for x := range slots {
		if !p.host.cut.in[table].has(x) || q != nil && q.forgets() && x == slotReg0+3 {
			continue
		}
		if w, known := p.state.constant(x); known {
			b = appendWord(append(b, byte(x)), w)
		}
	}
	return b
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
