package membership

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// table is what this member knows. memberlist calls into it with its own lock
// held, so nothing in here waits, or calls memberlist.
type table struct {
	mu      sync.Mutex
	members map[string]*Member
	problems

	// Changes that nobody was told of yet, at most one for each name, in the
	// order in which they began.
	changes map[string]*Change
	order   []string
	changed chan struct{} // has a token when there are any
}

func newTable() *table {
	return &table{members: make(map[string]*Member), changes: make(map[string]*Change), changed: make(chan struct{}, 1)}
}

// set replaces a member. The zero Member forgets it.
func (t *table) set(name string, after Member) {
	var before Member
	if known := t.members[name]; known != nil {
		before = *known
	}
	if after.Name == "" {
		delete(t.members, name)
	} else {
		t.members[name] = &after
	}
	if waiting := t.changes[name]; waiting != nil {
		waiting.After = after
	} else {
		t.changes[name] = &Change{Before: before, After: after}
		t.order = append(t.order, name)
	}
	select {
	case t.changed <- struct{}{}:
	default:
	}
}

// next takes out the oldest change.
func (t *table) next() (Change, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.order) > 0 {
		name := t.order[0]
		t.order = t.order[1:]
		c := *t.changes[name]
		delete(t.changes, name)
		if !c.nothing() {
			return c, true
		}
	}
	return Change{}, false
}

// appeared is a member that joined, came back, or says something new.
func (t *table) appeared(name string, at netip.AddrPort, s self) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := Member{Name: name, Address: at, Role: s.role, Facts: s.facts, Keys: s.keys, Incarnation: s.incarnation,
		State: Alive, Since: time.Now(), leaving: s.leaving}
	if known := t.members[name]; known != nil && !known.declared && (known.State == Alive || known.State == Suspect) {
		m.State, m.Since = known.State, known.Since
	}
	t.set(name, m)
}

// gone is a member of which the others say that it is not there any more. If it
// has not said so itself, doubt is for the caller to settle.
func (t *table) gone(name string) (doubt bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.members[name]
	if known == nil || known.State == Dead || known.State == Left {
		return false
	}
	m := *known
	m.declared = true
	switch {
	case m.leaving:
		m.State, m.Since = Left, time.Now()
	case m.State == Alive:
		m.State, m.Since, doubt = Suspect, time.Now(), true
	}
	t.set(name, m)
	return doubt
}

// suspect notes that a member does not answer. It reports whether that is new.
func (t *table) suspect(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.members[name]
	if known == nil || known.State != Alive {
		return false
	}
	m := *known
	m.State, m.Since = Suspect, time.Now()
	t.set(name, m)
	return true
}

// settle ends the suspicion against a member.
func (t *table) settle(name string, as State) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.members[name]; known != nil && known.State == Suspect {
		m := *known
		m.State, m.Since = as, time.Now()
		t.set(name, m)
	}
}

// forget drops who was dead or has left for so long.
func (t *table) forget(after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, m := range t.members {
		if (m.State == Dead || m.State == Left) && time.Since(m.Since) > after {
			t.set(name, Member{})
		}
	}
}

// known returns what is known of one.
func (t *table) known(name string) (Member, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.members[name]; m != nil {
		return *m, true
	}
	return Member{}, false
}

// count says how many are in a state.
func (t *table) count(s State) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, m := range t.members {
		if m.State == s {
			n++
		}
	}
	return n
}

func (t *table) list() ([]Member, []Problem) {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Member, 0, len(t.members))
	for _, m := range t.members {
		out = append(out, *m)
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	return out, t.problems.list()
}
