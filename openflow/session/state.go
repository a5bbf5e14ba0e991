package session

import (
	"fmt"
	"sync"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// mostSeen bounds what is remembered of foreign changes. Beyond it reading
// everything back is the cheaper way.
const mostSeen = 100_000

// state is what the switch should have, what it has confirmed, and why the two
// may differ. Callers and the reader write into it without waiting; the sender
// takes one job after another out of it.
type state struct {
	mu         sync.Mutex
	fragments  map[program.Key]*fragment
	grouped    map[program.Key]struct{} // those with groups, as confirmed
	order      []*fragment              // as Wanted had them; nil once that is used, or changed by Update
	refusals   map[program.Key]refusal
	generation uint64 // of what is wanted
	confirmed  uint64 // the latest one that the switch has, but for the refusals

	// What is to be done, most comprehensive first.
	known bool                                    // Wanted has been called
	start bool                                    // compare all that is wanted with all that is there
	gap   bool                                    // foreign changes may have been missed
	seen  map[program.Identity]*program.Installed // foreign changes
	check bool                                    // read the groups
	dirty map[program.Key]struct{}                // wanted and installed may differ

	rechecked bool // since the last delta

	wake chan struct{} // of capacity 1
}

// fragment is what is wanted for a key and what was confirmed. It stays the same
// one until both are nil and confirm removes it, so that a job can hold on to it.
type fragment struct {
	wanted, installed *program.Fragment
}

// refusal leaves a fragment out for as long as it is the wanted one.
type refusal struct {
	fragment *program.Fragment
	why      Refusal
}

func newState() state {
	return state{
		fragments: make(map[program.Key]*fragment),
		grouped:   make(map[program.Key]struct{}),
		refusals:  make(map[program.Key]refusal),
		seen:      make(map[program.Identity]*program.Installed),
		dirty:     make(map[program.Key]struct{}),
		wake:      make(chan struct{}, 1),
	}
}

// Wanted says everything that the switch should have. The session reads back
// what is there and sends the difference; it sends nothing before the first
// call. It returns the generation that Handler.Installed will confirm.
func (s *Session) Wanted(full []*program.Fragment) uint64 {
	st := &s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.fragments) == 0 {
		st.fragments = make(map[program.Key]*fragment, len(full))
	}
	for _, f := range st.fragments {
		f.wanted = nil
	}
	st.order = make([]*fragment, 0, len(full))
	for _, fr := range full {
		st.order = append(st.order, st.want(fr.Key, fr))
	}
	clear(st.refusals)
	st.known, st.start = true, true
	return st.next()
}

// Update says which fragments have changed. It never waits; what comes while a
// bundle is in flight goes into the next one. It returns the generation that
// Handler.Installed will confirm, by itself or with a later one.
func (s *Session) Update(changes []program.Change) uint64 {
	st := &s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, c := range changes {
		if c.Fragment != nil && c.Fragment.Key != c.Key {
			panic(fmt.Sprintf("session: a change of fragment %v comes with fragment %v", c.Key, c.Fragment.Key))
		}
		st.order = nil
		st.want(c.Key, c.Fragment)
		delete(st.refusals, c.Key)
		st.dirty[c.Key] = struct{}{}
	}
	return st.next()
}

// want notes what is wanted for a key, or nil.
func (st *state) want(k program.Key, wanted *program.Fragment) *fragment {
	f := st.fragments[k]
	if f == nil {
		f = new(fragment)
		st.fragments[k] = f
	}
	f.wanted = wanted
	return f
}

// next begins a new generation. The caller holds the lock.
func (st *state) next() uint64 {
	st.generation++
	st.rouse()
	return st.generation
}

// rouse makes the sender look for a job.
func (st *state) rouse() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// saw remembers what a flow monitor reports.
func (st *state) saw(updates openflow.FlowUpdates) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for i := range updates {
		switch u := &updates[i]; u.Event {
		case openflow.FlowAdded, openflow.FlowModified:
			f := program.FromUpdate(u)
			st.seen[f.Identity()] = &f
		case openflow.FlowDeleted:
			st.seen[program.FromUpdate(u).Identity()] = nil
		case openflow.FlowResumed:
			st.gap = true
		case openflow.FlowInitial, openflow.FlowAbbreviated, openflow.FlowPaused:
			// Initial ones are not asked for, abbreviated ones are our own
			// changes, and a pause is made good for when it ends.
		}
	}
	if len(st.seen) > mostSeen {
		st.gap = true
	}
	if st.gap {
		clear(st.seen)
	}
	if st.gap || len(st.seen) > 0 {
		st.rouse()
	}
}

// checkGroups makes reading the groups due.
func (st *state) checkGroups() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.check = true
}

// startOver makes a comparison of everything due.
func (st *state) startOver() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.start = true
}
