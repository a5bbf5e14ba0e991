package verify

// A liveness says for every table which slots matter to what becomes of a
// packet from there on, and which may be changed. Packets that agree in what
// matters can be followed together.
type liveness struct {
	in   [256]set
	mods [256]set
}

// maxNesting is how deep groups and clones may stand in each other before no
// more is known than that everything matters.
const maxNesting = 16

// newLiveness works backwards from the outputs until nothing changes any
// more. Only matches of slots in the mask are counted.
func newLiveness(h *host, mask set) (l liveness) {
	for changed := true; changed; {
		changed = false
		for i, t := range h.tables {
			if t == nil {
				continue
			}
			in, mods := l.in[i]|t.matched&mask, l.mods[i]
			for s := range t.shapes {
				in |= l.before(h, s.ops, 0, maxNesting)
				mods |= l.changes(s.ops)
			}
			if in != l.in[i] || mods != l.mods[i] {
				l.in[i], l.mods[i], changed = in, mods, true
			}
		}
	}
	return l
}

// sent are the slots that an output to a tunnel reads.
var sent = setOf(slotTunID, slotTunDst, slotTunIPv6Dst)

// before is what matters before ops, where after matters after them.
func (l *liveness) before(h *host, ops []op, after set, depth int) set {
	live := after
	for i := len(ops) - 1; i >= 0; i-- {
		live = l.step(h, &ops[i], live, depth)
	}
	return live
}

func (l *liveness) step(h *host, o *op, live set, depth int) set {
	switch o.kind {
	case opSet, opForget, opChoose:
		if o.dst.whole() {
			live &^= setOf(o.dst.slot)
		}
	case opMove:
		if live.has(o.dst.slot) {
			if o.dst.whole() {
				live &^= setOf(o.dst.slot)
			}
			live |= setOf(o.src.slot)
		}
	case opOutput:
		live |= sent
	case opOutputReg, opOutputBack:
		live |= sent | setOf(o.src.slot)
	case opGoto, opResubmit:
		live |= l.in[o.n]
	case opTrack:
		live |= l.before(h, o.ops, l.in[o.n]&^setOf(slotCTState), 0) &^ setOf(slotCTMark, slotCTLabel)
	case opClone:
		if depth == 0 {
			return ^set(0)
		}
		live |= l.before(h, o.ops, 0, depth-1)
	case opGroup:
		if depth == 0 {
			return ^set(0)
		}
		if g := h.groups[o.n]; g != nil {
			for _, b := range g.buckets {
				live |= l.before(h, b, 0, depth-1)
			}
		}
	}
	return live
}

// changes are the slots that ops may change for what comes after them.
func (l *liveness) changes(ops []op) (mods set) {
	for i := range ops {
		switch o := &ops[i]; o.kind {
		case opSet, opMove, opForget, opChoose:
			mods |= setOf(o.dst.slot)
		case opGoto, opResubmit:
			mods |= l.mods[o.n]
		}
	}
	return mods
}

// classes are effects without what does not matter after them. Hosts with the
// same liveness share them.
type classes struct {
	liveness
	byKey map[string]*class
}

// A class is all effects that do the same to what matters.
type class struct{ ops []op }

// A classOf is a class among the rules of a bucket.
type classOf struct {
	*class
	priority int // the highest of its rules
}

// of is the class of an effect.
func (c *classes) of(e *effect) *class {
	if e.classFor == c {
		return e.class
	}
	ops := c.trim(e.ops)
	name := string(key(nil, ops, true))
	found := c.byKey[name]
	if found == nil {
		found = &class{ops}
		c.byKey[name] = found
	}
	e.classFor, e.class = c, found
	return found
}

// trim leaves out assignments that do not matter. What groups do differs from
// host to host, so before one everything does.
func (c *classes) trim(ops []op) []op {
	kept := make([]op, len(ops))
	n, live := len(ops), set(0)
	for i := len(ops) - 1; i >= 0; i-- {
		o := ops[i]
		if (o.kind == opSet || o.kind == opMove || o.kind == opForget || o.kind == opChoose) && !live.has(o.dst.slot) {
			continue
		}
		if o.kind == opGroup || o.kind == opClone {
			live = ^set(0)
		} else {
			live = c.step(nil, &o, live, maxNesting)
		}
		n--
		kept[n] = o
	}
	return kept[n:]
}

// classify finds the classes of the rules of a bucket.
func (b *bucket) classify(c *classes) {
	seen := map[*class]bool{}
	for _, r := range b.rules {
		if k := c.of(r.effect); !seen[k] {
			seen[k] = true
			b.classes = append(b.classes, classOf{k, int(r.priority)})
		}
	}
}
