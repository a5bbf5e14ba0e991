package walk

import (
	"encoding/binary"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// table finds the flow that a packet meets. As in Open vSwitch's classifier,
// flows that look at the same bits are together and found by one hash, so that
// a look-up costs as much as there are kinds of flows, not flows.
type table struct {
	kinds []*kind // those with the highest priority first
	// opaque are flows that match something the walker does not know, so that
	// it cannot say whether a packet meets them.
	opaque []unsure
}

// unsure is a flow of which only a part of the match is known.
type unsure struct {
	kind
	rule *rule
}

// kind are the flows that look at the same bits.
type kind struct {
	looks []word
	top   uint16             // the highest priority among them
	keys  map[uint64][]*rule // by the hash of what they want, highest priority first
}

// word is eight bytes of a packet, and which bits of them count.
type word struct {
	at   int
	mask uint64
}

// rule is a flow, and what it wants to see where its kind looks.
type rule struct {
	of.FlowStats
	values []uint64
	// encoded is the flow where match and instructions are still to be decoded:
	// of most flows of a large program nobody asks for them.
	encoded *program.Flow
}

// whole is the flow with all its parts.
func (r *rule) whole() *of.FlowStats {
	if r.encoded != nil {
		r.Match, r.Instructions = r.encoded.Match(), r.encoded.Instructions()
		r.encoded = nil
	}
	return &r.FlowStats
}

// pattern is a match taken apart: a packet that meets it, and which bits of
// that count.
type pattern struct {
	value, mask [packetLen]byte
	unknown     bool // and something that the walker does not know
}

func patternOf(m of.Match) *pattern {
	p := &pattern{}
	for _, v := range m {
		field := v.Field.Canonical()
		s, known := slots[field]
		if !known {
			p.unknown = true
			continue
		}
		mask := s.full
		if v.Mask != nil {
			mask = bitsOf(v.Mask)
		}
		fill := func(to *[packetLen]byte, n bits) {
			whole := to[s.at : s.at+s.size]
			bitsOf(whole).or(n.and(s.full).left(s.shift)).put(whole)
		}
		fill(&p.mask, mask)
		fill(&p.value, bitsOf(v.Value).and(mask))
	}
	return p
}

// words are the parts of a packet that the pattern looks at, and what it wants
// to see there.
func (p *pattern) words() (looks []word, wants []uint64) {
	for at := 0; at < packetLen; at += 8 {
		if mask := binary.NativeEndian.Uint64(p.mask[at:]); mask != 0 {
			looks = append(looks, word{at, mask})
			wants = append(wants, binary.NativeEndian.Uint64(p.value[at:])&mask)
		}
	}
	return looks, wants
}

func (k *kind) matches(r *rule, p *Packet) bool {
	for i, w := range k.looks {
		if binary.NativeEndian.Uint64(p.b[w.at:])&w.mask != r.values[i] {
			return false
		}
	}
	return true
}

// hash mixes what b has where the kind looks.
func (k *kind) hash(b *[packetLen]byte) uint64 {
	const odd = 0x9e3779b97f4a7c15 // of the golden ratio, to spread the bits
	h := uint64(0)
	for _, w := range k.looks {
		h = (h ^ binary.NativeEndian.Uint64(b[w.at:])&w.mask) * odd
		h ^= h >> 29
	}
	return h
}

// add puts a rule for packets that meet a match where lookup finds it; kinds are
// those of the table so far, by mask.
func (t *table) add(r *rule, m of.Match, kinds map[[packetLen]byte]*kind) {
	p := patternOf(m)
	looks, wants := p.words()
	r.values = wants
	if p.unknown {
		t.opaque = append(t.opaque, unsure{kind{looks: looks}, r})
		return
	}
	k := kinds[p.mask]
	if k == nil {
		k = &kind{looks: looks, keys: map[uint64][]*rule{}}
		kinds[p.mask] = k
		t.kinds = append(t.kinds, k)
	}
	k.top = max(k.top, r.Priority)
	h := k.hash(&p.value)
	at, _ := slices.BinarySearchFunc(k.keys[h], r.Priority, func(other *rule, priority uint16) int {
		return int(priority) - int(other.Priority)
	})
	k.keys[h] = slices.Insert(k.keys[h], at, r)
}

// replace adds a rule to a table that is in use, in place of one of the same
// match and priority.
func (t *table) replace(r *rule, m of.Match) {
	p := patternOf(m)
	kinds := map[[packetLen]byte]*kind{}
	if k := t.remove(r.Priority, p); k != nil {
		kinds[p.mask] = k
	}
	t.add(r, m, kinds)
}

// remove removes a rule, and returns the kind of which it would be.
func (t *table) remove(priority uint16, p *pattern) *kind {
	looks, wants := p.words()
	for _, k := range t.kinds {
		if slices.Equal(k.looks, looks) {
			h := k.hash(&p.value)
			k.keys[h] = slices.DeleteFunc(k.keys[h], func(o *rule) bool {
				return o.Priority == priority && slices.Equal(o.values, wants)
			})
			return k
		}
	}
	return nil
}

// order makes the table ready for look-ups.
func (t *table) order() {
	slices.SortStableFunc(t.kinds, func(a, b *kind) int { return int(b.top) - int(a.top) })
}

// lookup finds the flow of the highest priority that the packet meets, nil if
// there is none. Of two flows of one priority it is the switch's choice which
// one it takes, so then both are returned. So are one that the packet meets
// and one that it may meet.
func (t *table) lookup(p *Packet) (best, rival *rule) {
	for _, k := range t.kinds {
		if best != nil && k.top < best.Priority {
			break
		}
		for _, r := range k.keys[k.hash(&p.b)] {
			if best != nil && r.Priority < best.Priority {
				break
			}
			if !k.matches(r, p) {
				continue
			}
			if best != nil && r.Priority == best.Priority {
				rival = r
			} else {
				best, rival = r, nil
			}
		}
	}
	for _, u := range t.opaque {
		if (best == nil || u.rule.Priority >= best.Priority) && u.matches(u.rule, p) {
			return best, u.rule
		}
	}
	return best, rival
}
