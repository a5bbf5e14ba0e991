package verify

import "slices"

// A value is what a slot holds on the way: a constant, what the packet had in
// some slot when it was sent, something unknown, or a mixture of those.
type value struct {
	kind  valueKind
	from  slot    // copied
	word  word    // constant
	parts *[]part // mixed: what is in it, never changed
}

type valueKind uint8

const (
	copied valueKind = iota
	constant
	unknown
	mixed
)

// A part is some bits of a mixed value, from bit at on.
type part struct {
	at, bits int
	kind     valueKind
	from     span // copied
	word     word // constant
}

func number(w word) value { return value{kind: constant, word: w} }

// slice is bits of a value as parts that begin at bit 0.
func (v value) slice(lo, bits int) []part {
	switch v.kind {
	case copied:
		return []part{{bits: bits, kind: copied, from: span{v.from, lo, bits}}}
	case constant:
		return []part{{bits: bits, kind: constant, word: v.word.shr(lo).and(ones(bits))}}
	case unknown:
		return []part{{bits: bits, kind: unknown}}
	}
	var out []part
	for _, p := range *v.parts {
		from, to := max(lo, p.at), min(lo+bits, p.at+p.bits)
		if from >= to {
			continue
		}
		q := part{at: from - lo, bits: to - from, kind: p.kind}
		switch p.kind {
		case copied:
			q.from = span{p.from.slot, p.from.lo + from - p.at, to - from}
		case constant:
			q.word = p.word.shr(from - p.at).and(ones(to - from))
		}
		out = append(out, q)
	}
	return out
}

// replace is the value with some of its bits replaced.
func (v value) replace(w, lo, bits int, by []part) value {
	parts := v.slice(0, lo)
	if lo == 0 {
		parts = nil
	}
	for _, p := range by {
		p.at += lo
		parts = append(parts, p)
	}
	if lo+bits < w {
		for _, p := range v.slice(lo+bits, w-lo-bits) {
			p.at += lo + bits
			parts = append(parts, p)
		}
	}
	return combine(w, parts)
}

// combine puts parts together, and finds the plain kinds again.
func combine(w int, parts []part) value {
	if len(parts) == 1 {
		switch p := parts[0]; {
		case p.kind == unknown:
			return value{kind: unknown}
		case p.kind == copied && p.from.lo == 0 && p.from.bits == width[p.from.slot] && p.bits == w:
			return value{kind: copied, from: p.from.slot}
		}
	}
	var all word
	for _, p := range parts {
		if p.kind != constant {
			return value{kind: mixed, parts: &parts}
		}
		all = all.or(p.word.shl(p.at))
	}
	return number(all)
}

// known is the bits that are constant, and what they are.
func (v value) known(w int) (val, mask word) {
	switch v.kind {
	case constant:
		return v.word, ones(w)
	case mixed:
		for _, p := range *v.parts {
			if p.kind == constant {
				val = val.or(p.word.shl(p.at))
				mask = mask.or(ones(p.bits).shl(p.at))
			}
		}
	}
	return val, mask
}

// A state is the value of every slot. Copies share what they have in common;
// they are made with share.
type state struct {
	at     [slots]uint8 // 0: as it was sent; otherwise values[at-1]
	values []value
	owned  bool // nobody shares the room behind values
}

func (s *state) share() state {
	s.owned = false
	return *s
}

func (s *state) get(x slot) value {
	if i := s.at[x]; i != 0 {
		return s.values[i-1]
	}
	return value{kind: copied, from: x}
}

func (s *state) put(x slot, v value) {
	if len(s.values) == 255 {
		s.compact()
	}
	if !s.owned {
		s.values = append(make([]value, 0, len(s.values)+12), s.values...)
		s.owned = true
	}
	s.values = append(s.values, v)
	s.at[x] = uint8(len(s.values))
}

// compact forgets values that no slot has any more.
func (s *state) compact() {
	var kept []value
	for x, i := range s.at {
		if i != 0 {
			kept = append(kept, s.values[i-1])
			s.at[x] = uint8(len(kept))
		}
	}
	s.values, s.owned = kept, true
}

// write replaces some bits of a slot.
func (s *state) write(dst span, by []part) {
	if dst.whole() {
		s.put(dst.slot, combine(dst.bits, by))
		return
	}
	s.put(dst.slot, s.get(dst.slot).replace(width[dst.slot], dst.lo, dst.bits, by))
}

func (s *state) constant(x slot) (word, bool) {
	if i := s.at[x]; i != 0 && s.values[i-1].kind == constant {
		return s.values[i-1].word, true
	}
	return word{}, false
}

// An answer is what a state says to a literal.
type answer uint8

const (
	no      answer = iota
	yes            // whatever was sent
	depends        // on what was sent, as literals of the packet say
	maybe          // on something that is not known
)

// test asks a state for a literal. Literals of the sent packet on which the
// answer depends are appended to need.
func (s *state) test(l literal, need []literal) (answer, []literal) {
	v := s.get(l.slot)
	switch v.kind {
	case copied:
		l.slot = v.from
		return depends, append(need, l)
	case constant:
		if !v.word.xor(l.value).and(l.mask).zero() {
			return no, need
		}
		return yes, need
	case unknown:
		return maybe, need
	}
	result := yes
	for _, p := range *v.parts {
		mask := l.mask.shr(p.at).and(ones(p.bits))
		if mask.zero() {
			continue
		}
		val := l.value.shr(p.at).and(mask)
		switch p.kind {
		case constant:
			if !p.word.xor(val).and(mask).zero() {
				return no, need
			}
		case copied:
			need = append(need, literal{p.from.slot, val.shl(p.from.lo), mask.shl(p.from.lo)})
			result = max(result, depends)
		case unknown:
			result = maybe
		}
	}
	return result, need
}

// A cube is a set of packets: those for which every literal holds. It has one
// literal for a slot at most.
type cube []literal

func (c cube) of(x slot) (literal, bool) {
	for i := range c {
		if c[i].slot == x {
			return c[i], true
		}
	}
	return literal{slot: x}, false
}

// with is the packets of the cube for which a literal holds, too; ok is false
// if there are none. The cube itself stays as it is.
func (c cube) with(list ...literal) (out cube, ok bool) {
	out = slices.Clip(c)
	copied := false
next:
	for _, l := range list {
		for i := range out {
			if out[i].slot != l.slot {
				continue
			}
			if !out[i].value.xor(l.value).and(out[i].mask).and(l.mask).zero() {
				return nil, false
			}
			if l.mask.andNot(out[i].mask).zero() {
				continue next
			}
			if !copied {
				out, copied = slices.Clone(out), true
			}
			out[i].value, out[i].mask = out[i].value.or(l.value), out[i].mask.or(l.mask)
			continue next
		}
		out, copied = append(out, l), true
	}
	return out, true
}

// within tells whether all packets of c are in o.
func (c cube) within(o cube) bool {
	for _, l := range o {
		k, has := c.of(l.slot)
		if !has || !l.mask.andNot(k.mask).zero() || !k.value.xor(l.value).and(l.mask).zero() {
			return false
		}
	}
	return true
}

// meets tells whether a packet can be in both.
func (c cube) meets(o cube) bool {
	for _, l := range o {
		if k, has := c.of(l.slot); has && !k.value.xor(l.value).and(k.mask).and(l.mask).zero() {
			return false
		}
	}
	return true
}
