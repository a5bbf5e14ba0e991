package verify

import (
	"encoding/binary"
	"slices"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// A host is a switch with its program, ready to look packets up.
type host struct {
	flows.Host
	tables [256]*table
	groups map[uint32]*group
	behind map[uint32]*flows.Endpoint // port → the endpoint that it is of

	classes *classes
	cut     liveness        // for all slots, where classes has those of the pipeline
	worlds  [256][2][]world // see distinct
}

type group struct {
	id      uint32
	typ     of.GroupType
	buckets [][]op
}

// A table is the rules of a table, in buckets by what they match exactly of
// what the pipeline sets: those are constants almost always, so a lookup looks
// into one bucket for each signature.
type table struct {
	signatures []*signature
	shapes     map[*shape]bool
	last       *shape
	matched    set
}

type signature struct {
	slots   []slot
	buckets map[string]*bucket
	// all is the rules of all buckets, for packets of which it is not known
	// which bucket is theirs.
	all bucket
}

type bucket struct {
	match []literal
	rules []*rule // higher priorities first
	// sure is the highest priority of a rule that matches nothing but what the
	// bucket is for, -1 if there is none.
	sure    int
	classes []classOf
	parts   []*partition
}

// A partition is rules of a large bucket that match the same header slots
// exactly, by the values of the slot that tells them apart best.
type partition struct {
	slots     set
	protocols []*byValue
}

// A protocol is an Ethertype and an IP protocol, -1 where they are not matched.
type protocol struct{ eth, ip int32 }

type byValue struct {
	protocol
	all    []*rule
	slot   slot
	values map[word][]*rule // nil: nothing tells them apart
}

// largeBucket is from how many rules on a bucket is worth partitioning.
const largeBucket = 12

func newHost(c *compiler, in Host, known map[liveness]*classes) *host {
	h := &host{Host: in.Host, groups: map[uint32]*group{}, behind: map[uint32]*flows.Endpoint{}}
	var by []*bucket
	for _, f := range in.Program {
		rules := c.fragment(f)
		if grown := len(c.bucketOf); grown > len(by) {
			by = append(by, make([]*bucket, grown-len(by))...)
		}
		for _, r := range rules {
			h.add(r, by)
		}
		for _, g := range f.Groups {
			group := &group{id: g.ID(), typ: g.Type()}
			for _, b := range g.Buckets() {
				group.buckets = append(group.buckets, compileActions(nil, b.Actions))
			}
			h.groups[group.id] = group
		}
	}
	h.distinct()
	h.cut = newLiveness(h, ^set(0))
	swept := newLiveness(h, pipeline)
	if h.classes = known[swept]; h.classes == nil {
		h.classes = &classes{liveness: swept, byKey: map[string]*class{}}
		known[swept] = h.classes
	}
	for _, t := range h.tables {
		if t == nil {
			continue
		}
		for _, s := range t.signatures {
			for key, b := range s.buckets {
				b = c.finished(b, h.classes)
				s.buckets[key] = b
				s.all.rules = append(s.all.rules, b.rules...)
			}
			if len(s.buckets) > 1 {
				s.all.finish()
			}
		}
	}
	return h
}

// add puts a rule into its bucket; by are the buckets of the host by the numbers
// that the compiler gives to what they are for.
func (h *host) add(r *rule, by []*bucket) {
	t := h.tables[r.table]
	if t == nil {
		t = &table{shapes: map[*shape]bool{}}
		h.tables[r.table] = t
	}
	if t.last != r.effect.shape { // which often is the same for many rules
		t.last = r.effect.shape
		t.shapes[t.last] = true
	}
	t.matched |= r.slots
	b := by[r.bucket]
	if b == nil {
		b = t.bucket(r)
		by[r.bucket] = b
	}
	b.rules = append(b.rules, r)
}

// bucket makes the bucket of a rule.
func (t *table) bucket(r *rule) *bucket {
	b := &bucket{sure: -1}
	var slots, key []byte
	for _, l := range r.match {
		if r.exact.has(l.slot) && pipeline.has(l.slot) {
			b.match = append(b.match, l)
			slots = append(slots, byte(l.slot))
			key = appendWord(key, l.value)
		}
	}
	i := slices.IndexFunc(t.signatures, func(s *signature) bool { return len(s.slots) == len(slots) && sameSlots(s.slots, slots) })
	if i < 0 {
		i = len(t.signatures)
		t.signatures = append(t.signatures, &signature{buckets: map[string]*bucket{}})
		for _, x := range slots {
			t.signatures[i].slots = append(t.signatures[i].slots, slot(x))
		}
	}
	t.signatures[i].buckets[string(key)] = b
	return b
}

func sameSlots(slots []slot, bytes []byte) bool {
	for i, s := range slots {
		if byte(s) != bytes[i] {
			return false
		}
	}
	return true
}

func appendWord(b []byte, w word) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, w.hi), w.lo)
}

func higherFirst(a, b *rule) int { return int(b.priority) - int(a.priority) }

// finished makes a bucket ready for lookups. Hosts that have the same rules
// share one.
func (c *compiler) finished(b *bucket, classes *classes) *bucket {
	if len(b.rules) < largeBucket {
		b.finish()
		b.classify(classes)
		return b
	}
	id := bucketID{classes: classes, rules: len(b.rules)}
	for _, r := range b.rules {
		id.sum = id.sum*31 + r.number
	}
	for _, o := range c.buckets[id] {
		if slices.Equal(o.unsorted, b.rules) {
			return o.bucket
		}
	}
	unsorted := slices.Clone(b.rules)
	b.finish()
	b.classify(classes)
	c.buckets[id] = append(c.buckets[id], sharedBucket{unsorted, b})
	return b
}

// A bucketID is what equal buckets have in common, and few others.
type bucketID struct {
	classes *classes
	rules   int
	sum     uint64
}

type sharedBucket struct {
	unsorted []*rule
	*bucket
}

func (b *bucket) finish() {
	slices.SortStableFunc(b.rules, higherFirst)
	for _, r := range b.rules {
		if !r.strange && len(r.match) == len(b.match) && int(r.priority) > b.sure {
			b.sure = int(r.priority)
		}
	}
	if len(b.rules) < largeBucket {
		return
	}
	for _, r := range b.rules {
		b.partition(r.exact &^ pipeline).protocol(r).add(r)
	}
	for _, p := range b.parts {
		for _, v := range p.protocols {
			v.split(p.slots)
		}
	}
}

func (b *bucket) partition(slots set) *partition {
	for _, p := range b.parts {
		if p.slots == slots {
			return p
		}
	}
	p := &partition{slots: slots}
	b.parts = append(b.parts, p)
	return p
}

func (p *partition) protocol(r *rule) *byValue {
	id := protocol{-1, -1}
	for _, l := range r.match {
		switch {
		case l.slot == slotEthType && r.exact.has(slotEthType):
			id.eth = int32(l.value.lo)
		case l.slot == slotIPProto && r.exact.has(slotIPProto):
			id.ip = int32(l.value.lo)
		}
	}
	for _, v := range p.protocols {
		if v.protocol == id {
			return v
		}
	}
	v := &byValue{protocol: id}
	p.protocols = append(p.protocols, v)
	return v
}

func (v *byValue) add(r *rule) { v.all = append(v.all, r) }

// split finds the slot that has most values and sorts the rules by it.
func (v *byValue) split(slots set) {
	if len(v.all) < largeBucket {
		return
	}
	values := func(x slot) map[word][]*rule {
		m := make(map[word][]*rule, len(v.all))
		for i, r := range v.all {
			for _, l := range r.match {
				if l.slot != x {
					continue
				}
				if m[l.value] == nil { // as a rule there is one
					m[l.value] = v.all[i : i+1 : i+1]
				} else {
					m[l.value] = append(m[l.value], r)
				}
			}
		}
		return m
	}
	for x := firstHeader; x < slotPktMark; x++ {
		if !slots.has(x) || x == slotEthType || x == slotIPProto {
			continue
		}
		if m := values(x); len(m) > max(1, len(v.values)) {
			v.slot, v.values = x, m
		}
	}
}

// candidates are the rules of a table that a packet of the cube may match,
// higher priorities first, and some more that it cannot match. They are
// appended to out.
func (t *table) candidates(s *state, c cube, out []*rule) []*rule {
	if t == nil {
		return out
	}
	for _, sig := range t.signatures {
		sig.among(s, c, func(b *bucket) { out = b.candidates(s, c, out) })
	}
	return byPriority(out)
}

func byPriority(rules []*rule) []*rule {
	if !slices.IsSortedFunc(rules, higherFirst) {
		slices.SortStableFunc(rules, higherFirst)
	}
	return rules
}

// among finds buckets with all rules that a packet of the cube may match.
func (s *signature) among(st *state, c cube, found func(*bucket)) {
	switch b, known := s.bucket(st, c); {
	case !known && len(s.buckets) > 1:
		found(&s.all)
	case !known:
		for _, b := range s.buckets {
			found(b)
		}
	case b != nil:
		found(b)
	}
}

// fixed is what a slot holds for every packet of the cube.
func fixed(s *state, c cube, x slot) (word, bool) {
	i := s.at[x]
	if i != 0 {
		switch v := &s.values[i-1]; v.kind {
		case constant:
			return v.word, true
		case copied:
			x = v.from
		default:
			return word{}, false
		}
	}
	if l, has := c.of(x); has && l.exact() {
		return l.value, true
	}
	return word{}, false
}

// bucket is the bucket for the packets of a cube, nil if there is none; known
// is false if that depends on the packet.
func (s *signature) bucket(st *state, c cube) (b *bucket, known bool) {
	var buf [96]byte
	key := buf[:0]
	for _, x := range s.slots {
		w, ok := fixed(st, c, x)
		if !ok {
			return nil, false
		}
		key = appendWord(key, w)
	}
	return s.buckets[string(key)], true
}

// lookup finds the buckets whose match the state may have.
func (s *signature) lookup(st *state, found func(*bucket)) {
	if b, known := s.bucket(st, nil); known {
		if b != nil {
			found(b)
		}
		return
	}
next:
	for _, b := range s.buckets {
		for _, l := range b.match {
			if answer, _ := st.test(l, nil); answer == no {
				continue next
			}
		}
		found(b)
	}
}

func (b *bucket) candidates(s *state, c cube, out []*rule) []*rule {
	if b.parts == nil {
		return append(out, b.rules...)
	}
	eth, ethKnown := fixed(s, c, slotEthType)
	ip, ipKnown := fixed(s, c, slotIPProto)
	for _, p := range b.parts {
		for _, v := range p.protocols {
			if ethKnown && v.eth >= 0 && uint64(v.eth) != eth.lo || ipKnown && v.ip >= 0 && uint64(v.ip) != ip.lo {
				continue
			}
			if v.values != nil {
				if w, ok := fixed(s, c, v.slot); ok {
					out = append(out, v.values[w]...)
					continue
				}
			}
			out = append(out, v.all...)
		}
	}
	return out
}
