package verify

import (
	"slices"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// A rule is a flow in the form in which it is executed.
type rule struct {
	flow     program.Flow
	number   uint64 // each has another
	bucket   int    // number of the bucket that it is in, on every host
	table    uint8
	priority uint16
	match    []literal // by slot
	exact    set       // the slots whose literal is exact
	slots    set       // the slots that have a literal
	strange  bool      // it matches something outside the model, too
	effect   *effect
}

// A compiler makes rules of flows. What is the same on many hosts is made once.
type compiler struct {
	fragments map[*program.Fragment][]*rule
	rules     map[program.Flow]*rule
	effects   map[string]*effect
	shapes    map[string]*shape
	buckets   map[bucketID][]sharedBucket
	bucketOf  map[string]int // by table and what the bucket matches
}

func newCompiler() *compiler {
	return &compiler{
		fragments: map[*program.Fragment][]*rule{},
		rules:     map[program.Flow]*rule{},
		effects:   map[string]*effect{},
		shapes:    map[string]*shape{},
		buckets:   map[bucketID][]sharedBucket{},
		bucketOf:  map[string]int{},
	}
}

func (c *compiler) fragment(f *program.Fragment) []*rule {
	if rules, done := c.fragments[f]; done {
		return rules
	}
	rules := make([]*rule, len(f.Flows))
	for i, flow := range f.Flows {
		r := c.rules[flow]
		if r == nil {
			r = c.rule(flow)
			c.rules[flow] = r
		}
		rules[i] = r
	}
	c.fragments[f] = rules
	return rules
}

func (c *compiler) rule(f program.Flow) *rule {
	r := &rule{flow: f, number: uint64(len(c.rules)), table: f.Table(), priority: f.Priority()}
	nd := false
	for _, v := range f.Match() {
		if v.Field.Name == of.PacketType.Name {
			continue // every packet of a port is Ethernet
		}
		list, ok := literals(v)
		if !ok {
			r.strange = true
			continue
		}
		for _, l := range list {
			r.add(l)
			switch l.slot {
			case slotNDTarget, slotNDSLL, slotNDTLL:
				nd = nd || !l.value.zero()
			}
		}
	}
	if nd && !r.slots.has(slotICMPv6Code) {
		// Open vSwitch reads a target and options only where the code is 0.
		r.add(literal{slotICMPv6Code, small(0), ones(8)})
	}
	slices.SortFunc(r.match, func(a, b literal) int { return int(a.slot) - int(b.slot) })
	for _, l := range r.match {
		r.slots |= setOf(l.slot)
		if l.exact() {
			r.exact |= setOf(l.slot)
		}
	}
	r.effect = c.effect(compileInstructions(f.Instructions()))
	r.bucket = c.numberOfBucket(r)
	return r
}

func (c *compiler) numberOfBucket(r *rule) int {
	key := []byte{r.table}
	for _, l := range r.match {
		if r.exact.has(l.slot) && pipeline.has(l.slot) {
			key = appendWord(append(key, byte(l.slot)), l.value)
		}
	}
	n, known := c.bucketOf[string(key)]
	if !known {
		n = len(c.bucketOf)
		c.bucketOf[string(key)] = n
	}
	return n
}

// add joins a literal to those of the match.
func (r *rule) add(l literal) {
	r.slots |= setOf(l.slot)
	for i := range r.match {
		if r.match[i].slot == l.slot {
			r.match[i].value = r.match[i].value.or(l.value)
			r.match[i].mask = r.match[i].mask.or(l.mask)
			return
		}
	}
	r.match = append(r.match, l)
}

func (c *compiler) effect(ops []op) *effect {
	name := string(key(nil, ops, true))
	if e := c.effects[name]; e != nil {
		return e
	}
	bare := string(key(nil, ops, false))
	s := c.shapes[bare]
	if s == nil {
		s = &shape{ops}
		c.shapes[bare] = s
	}
	e := &effect{ops: ops, shape: s}
	c.effects[name] = e
	return e
}
