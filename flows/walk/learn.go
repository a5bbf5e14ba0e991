package walk

import (
	"fmt"

	of "github.com/weft-sdn/weft/openflow"
)

// learn makes a flow of the packet. The switch has it for packets that come
// later, and when this one comes back from the connection tracker: one pass
// through the tables sees them as they were when it began.
func (r *run) learn(a of.Learn) {
	if a.Flags&of.LearnWriteResult != 0 {
		r.unknown("action", a)
		return
	}
	var match []of.FieldValue
	var actions []of.Action
	for _, s := range a.Specs {
		value := bitsOf(s.Value)
		if s.Src.Field != nil {
			f, at, known := r.field(s.Src.Field, a)
			if !known {
				return
			}
			value = r.p.load(f, at).right(s.Src.Lo)
		}
		value = value.and(ones(s.Bits))
		switch s.Kind {
		case of.LearnMatch:
			match = append(match, part(s.Dst, value))
		case of.LearnLoad:
			actions = append(actions, of.Load{Dst: s.Dst, Value: value.lo})
		case of.LearnOutput:
			actions = append(actions, of.Output{Port: port32(uint16(value.lo))})
		}
	}
	learned := of.FlowStats{
		Table: a.Table, Priority: a.Priority, Cookie: a.Cookie, IdleTimeout: a.IdleTimeout, HardTimeout: a.HardTimeout,
		Match: of.NewMatch(match...), Instructions: []of.Instruction{of.ApplyActions{Actions: actions}},
	}
	r.learned = append(r.learned, learned)
	r.step(Step{Table: r.table, Note: fmt.Sprintf("learned: %s", learned.FormatWithoutStats(of.Names{}))})
}

// part is the value of some bits of a field.
func part(s of.Subfield, value bits) of.FieldValue {
	size := (s.Field.Bits + 7) / 8
	v := of.FieldValue{Field: s.Field, Value: make([]byte, size)}
	value.left(s.Lo).put(v.Value)
	if s.Bits < s.Field.Bits {
		v.Mask = make([]byte, size)
		ones(s.Bits).left(s.Lo).put(v.Mask)
	}
	return v
}

// learn adds a flow, in place of one of the same match and priority.
func (s *Switch) learn(f of.FlowStats) {
	t := s.tables[f.Table]
	if t == nil {
		t = &table{}
		s.tables[f.Table] = t
	}
	s.learned = append(s.learned, f)
	t.replace(&rule{FlowStats: f}, f.Match)
	t.order()
}

// unlearn removes what was learned.
func (s *Switch) unlearn() {
	for _, f := range s.learned {
		s.tables[f.Table].remove(f.Priority, patternOf(f.Match))
	}
	s.learned = nil
}
