package verify

import "slices"

// distinct finds, for each table that packets enter from the connection
// tracker, worlds that stand for all, without and with a translation: of those
// between which nothing tells a difference, one is enough.
func (h *host) distinct() {
	asked := h.asked()
	for i := range h.tables {
		if t := h.tables[i]; t != nil {
			for s := range t.shapes {
				h.distinguish(s.ops, asked)
			}
		}
	}
	for _, g := range h.groups {
		for _, b := range g.buckets {
			h.distinguish(b, asked)
		}
	}
}

// distinguish does it for the tables that ops lead to.
func (h *host) distinguish(ops []op, asked *[256][]literal) {
	for _, o := range ops {
		switch {
		case o.kind == opClone:
			h.distinguish(o.ops, asked)
		case o.kind == opTrack:
			k := 0
			if len(o.nat.known) > 0 {
				k = 1
			}
			if h.worlds[o.n][k] == nil {
				h.worlds[o.n][k] = tellApart(asked[o.n], k == 1)
			}
		}
	}
}

// tellApart leaves one of the worlds that give the same answers to what is
// asked and, where something is translated, do that alike. Of several it is the
// first, so a packet of no connection is one that can be told from others.
func tellApart(asked []literal, translated bool) (list []world) {
	type view struct {
		answers        string
		begun, invalid bool
	}
	seen := map[view]bool{}
	for _, w := range worlds {
		var v view
		for _, l := range asked {
			if small(w.state | ctTracked).xor(l.value).and(l.mask).zero() {
				v.answers += "1"
			} else {
				v.answers += "0"
			}
		}
		if translated {
			v.begun, v.invalid = w.begun, w.invalid
		}
		if !seen[v] {
			seen[v] = true
			list = append(list, w)
		}
	}
	return list
}

// asked is what is asked about ct_state from each table on, until something
// else is in it.
func (h *host) asked() *[256][]literal {
	asked := &[256][]literal{}
	for i, t := range h.tables {
		if t == nil {
			continue
		}
		for _, s := range t.signatures {
			for _, b := range s.buckets {
				for _, r := range b.rules {
					for _, l := range r.match {
						if l.slot == slotCTState && !slices.Contains(asked[i], l) {
							asked[i] = append(asked[i], l)
						}
					}
				}
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for i, t := range h.tables {
			if t == nil {
				continue
			}
			for s := range t.shapes {
				for _, next := range h.next(s.ops, maxNesting) {
					for _, l := range asked[next] {
						if !slices.Contains(asked[i], l) {
							asked[i], changed = append(asked[i], l), true
						}
					}
				}
			}
		}
	}
	return asked
}

// next are the tables that ops lead to with ct_state as it is.
func (h *host) next(ops []op, depth int) (tables []uint32) {
	if depth == 0 {
		for i := range h.tables {
			tables = append(tables, uint32(i))
		}
		return tables
	}
	for _, o := range ops {
		switch o.kind {
		case opSet, opForget, opMove, opChoose:
			if o.dst.slot == slotCTState && o.dst.whole() {
				return tables
			}
		case opGoto, opResubmit:
			tables = append(tables, o.n)
		case opClone:
			tables = append(tables, h.next(o.ops, depth-1)...)
		case opGroup:
			if g := h.groups[o.n]; g != nil {
				for _, b := range g.buckets {
					tables = append(tables, h.next(b, depth-1)...)
				}
			}
		}
	}
	return tables
}
