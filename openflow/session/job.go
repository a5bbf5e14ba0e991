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

// keyed is a fragment, or nil, and its key.
type keyed struct {
	key      program.Key
	fragment *program.Fragment
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
		st.fill(&j, maps.Keys(st.fragments))
		st.gap, st.check = false, false
		clear(st.seen)
	case (st.check || len(st.seen) > 0) && !(pending && st.rechecked):
		j.kind = recheck
		st.rechecked = true
		// As a rule it is the groups alone that are looked at again.
		if len(st.seen) == 0 {
			st.fill(&j, maps.Keys(st.grouped))
		} else {
			st.fill(&j, maps.Keys(st.fragments))
		}
		j.seen = st.seen
		st.seen = make(map[program.Identity]*program.Installed)
		st.check = false
	case pending:
		j.kind = delta
		st.rechecked = false
		st.fill(&j, maps.Keys(st.dirty))
		st.clean()
	}
	return j
}

// clean forgets what was dirty. The map is made anew: one that had thousands of
// keys once takes as long to go through for ever after.
func (st *state) clean() { st.dirty = make(map[program.Key]struct{}) }

// inOrder returns the keys of all fragments in the order in which the caller of
// Wanted has them, as long as there are no others: neighbours are alike, and
// Open vSwitch takes them in faster than in the order of a map.
func (st *state) inOrder() iter.Seq[program.Key] {
	order := st.order
	st.order = nil
	if len(order) != len(st.fragments) {
		return maps.Keys(st.fragments)
	}
	return slices.Values(order)
}

// fill puts the fragments of keys into a job, without the refused ones.
func (st *state) fill(j *job, keys iter.Seq[program.Key]) {
	for k := range keys {
		f := st.fragments[k]
		if f.installed != nil {
			j.before = append(j.before, f.installed)
		}
		if r, ok := st.refusals[k]; ok && r.fragment == f.wanted {
			f.wanted = nil
		}
		j.after = append(j.after, keyed{k, f.wanted})
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
		f := st.fragments[a.key]
		f.installed = a.fragment
		delete(st.grouped, a.key)
		if f.installed != nil && len(f.installed.Groups) > 0 {
			st.grouped[a.key] = struct{}{}
		}
		if f.installed == nil && f.wanted == nil {
			delete(st.fragments, a.key)
		} else {
			st.fragments[a.key] = f
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
