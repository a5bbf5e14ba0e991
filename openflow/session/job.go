package session

import (
	"iter"
	"maps"
	"slices"

	"github.com/weft-sdn/weft/openflow/program"
)

// job is one comparison, whose difference makes one bundle.
type job struct {
	kind       jobKind
	generation uint64
	before     []*program.Fragment // confirmed
	after      []keyed             // to be there in the end
	seen       map[program.Identity]*program.Installed
}

// keyed is what is to be there for a key in the end, or nil.
type keyed struct {
	key      program.Key
	fragment *program.Fragment
	of       *fragment
}

type jobKind uint8

const (
	idle    jobKind = iota
	start           // all that is wanted with all that is there
	full            // all that was confirmed with all that is there
	recheck         // the flows that others touched, and the groups, with what was confirmed
	delta           // what is wanted with what was confirmed, where they may differ
)

// take returns the next job. What comes up while it is being done makes
// another. Undoing what others did comes before going on from there, but they
// cannot keep what is wanted from going in by changing things all the time.
func (st *state) take() job {
	st.mu.Lock()
	defer st.mu.Unlock()
	j := job{generation: st.generation}
	pending := len(st.dirty) > 0 || st.generation != st.confirmed
	switch {
	case !st.known:
		return j
	case st.start:
		j.kind = start
		st.fill(&j, st.inOrder())
		st.start, st.gap, st.check = false, false, false
		clear(st.seen)
		st.clean()
	case st.gap:
		j.kind = full
		st.fill(&j, maps.All(st.fragments))
		st.gap, st.check = false, false
		clear(st.seen)
	case (st.check || len(st.seen) > 0) && !(pending && st.rechecked):
		j.kind = recheck
		st.rechecked = true
		// As a rule it is the groups alone that are looked at again.
		if len(st.seen) == 0 {
			st.fill(&j, st.those(st.grouped))
		} else {
			st.fill(&j, maps.All(st.fragments))
		}
		j.seen = st.seen
		st.seen = make(map[program.Identity]*program.Installed)
		st.check = false
	case pending:
		j.kind = delta
		st.rechecked = false
		st.fill(&j, st.those(st.dirty))
		st.clean()
	}
	return j
}

// clean forgets what was dirty. The map is made anew: one that had thousands of
// keys once takes as long to go through for ever after.
func (st *state) clean() { st.dirty = make(map[program.Key]struct{}) }

// those returns the fragments of keys.
func (st *state) those(keys map[program.Key]struct{}) iter.Seq2[program.Key, *fragment] {
	return func(yield func(program.Key, *fragment) bool) {
		for k := range keys {
			if f := st.fragments[k]; f != nil && !yield(k, f) {
				return
			}
		}
	}
}

// inOrder returns all fragments in the order in which the caller of
// Wanted has them, as long as there are no others: neighbours are alike, and
// Open vSwitch takes them in faster than in the order of a map.
func (st *state) inOrder() iter.Seq2[program.Key, *fragment] {
	order := st.order
	st.order = nil
	if len(order) != len(st.fragments) {
		return maps.All(st.fragments)
	}
	return func(yield func(program.Key, *fragment) bool) {
		for _, f := range order {
			if !yield(f.wanted.Key, f) {
				return
			}
		}
	}
}

// fill puts fragments into a job, without the refused ones.
func (st *state) fill(j *job, fragments iter.Seq2[program.Key, *fragment]) {
	for k, f := range fragments {
		if f.installed != nil {
			j.before = append(j.before, f.installed)
		}
		wanted := f.wanted
		if r, ok := st.refusals[k]; ok && r.fragment == wanted {
			wanted = nil
		}
		j.after = append(j.after, keyed{k, wanted, f})
	}
}

// wanted returns the fragments that are to be there.
func (j *job) wanted() []*program.Fragment {
	var w []*program.Fragment
	for _, a := range j.after {
		if a.fragment != nil {
			w = append(w, a.fragment)
		}
	}
	return w
}

// confirm says that the switch has what a start or delta was for. It returns
// what is left out.
func (st *state) confirm(j *job) []Refusal {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, a := range j.after {
		f := a.of
		if f.installed.HasGroups() {
			delete(st.grouped, a.key)
		}
		if f.installed = a.fragment; f.installed.HasGroups() {
			st.grouped[a.key] = struct{}{}
		}
		if f.installed == nil && f.wanted == nil {
			delete(st.fragments, a.key)
		}
	}
	st.confirmed = j.generation
	left := make([]Refusal, 0, len(st.refusals))
	for _, r := range st.refusals {
		left = append(left, r.why)
	}
	slices.SortFunc(left, func(a, b Refusal) int { return a.Key.Compare(b.Key) })
	return left
}

// refuse leaves out of the next attempt what the switch refused of a job, and
// makes that attempt due. The groups are read first: a flow whose group somebody
// deleted is refused through no fault of its own.
func (st *state) refuse(j *job, why []Refusal) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, a := range j.after {
		st.dirty[a.key] = struct{}{}
		if i, ok := slices.BinarySearchFunc(why, a.key, func(r Refusal, k program.Key) int { return r.Key.Compare(k) }); ok {
			st.refusals[a.key] = refusal{a.fragment, why[i]}
		}
	}
	st.start = st.start || j.kind == start
	st.check = true
}

// forgive tries again what was refused, now that groups have been repaired.
func (st *state) forgive() {
	st.mu.Lock()
	defer st.mu.Unlock()
	for k := range st.refusals {
		st.dirty[k] = struct{}{}
	}
	clear(st.refusals)
}
