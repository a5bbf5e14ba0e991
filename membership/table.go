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
	if known := t.members[name]; known != nil && (known.State == Alive || known.State == Suspect) {
		m.State, m.Since = known.State, known.Since
	}
	t.set(name, m)
}

// gone is a member of which all agree that it is not there any more.
func (t *table) gone(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.members[name]
	if known == nil {
		return
	}
	m := *known
	m.State, m.Since = Dead, time.Now()
	if m.leaving {
		m.State = Left
	}
	t.set(name, m)
}

// shift changes the state of a member, if it has a certain one. It reports where
// the member is.
func (t *table) shift(name string, from, to State) (netip.AddrPort, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.members[name]
	if known == nil || known.State != from {
		return netip.AddrPort{}, false
	}
	m := *known
	m.State, m.Since = to, time.Now()
	t.set(name, m)
	return m.Address, true
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
