package membership

import (
	"cmp"
	"slices"
	"time"
)

// Kind says what a Problem is about.
type Kind string

// Kinds of problems.
const (
	Unreachable  Kind = "Unreachable"  // a seed does not answer
	OtherCluster Kind = "OtherCluster" // somebody gossips under another cluster's id
	WrongKey     Kind = "WrongKey"     // somebody uses a key that we do not have, or none
	NameConflict Kind = "NameConflict" // one name at two addresses
	Unreadable   Kind = "Unreadable"   // a member says of itself what we do not understand
)

// Problem is what keeps somebody from being seen as a member.
type Problem struct {
	Kind   Kind
	Who    string // an address, or a member's name
	Detail string // a sentence with what to do
	First  time.Time
	Last   time.Time
	Count  int
}

const (
	// A problem that does not come again is over. Who is refused tries again
	// within some ten seconds, see reach.go.
	problemEnds = time.Minute
	// Whoever can send packets can be a problem: there is no room for more of
	// them at a time, and so no flood in the log either.
	maxProblems = 32
)

type problems struct {
	open map[problemKey]*Problem
}

type problemKey struct {
	kind Kind
	who  string
}

// note takes one in. It reports whether it is new.
func (p *problems) note(kind Kind, who, detail string) bool {
	now := time.Now()
	p.expire(now)
	key := problemKey{kind, who}
	if known := p.open[key]; known != nil {
		known.Detail, known.Last = detail, now
		known.Count++
		return false
	}
	if len(p.open) >= maxProblems {
		return false
	}
	if p.open == nil {
		p.open = make(map[problemKey]*Problem)
	}
	p.open[key] = &Problem{Kind: kind, Who: who, Detail: detail, First: now, Last: now, Count: 1}
	return true
}

// solved ends one early.
func (p *problems) solved(kind Kind, who string) { delete(p.open, problemKey{kind, who}) }

func (p *problems) expire(now time.Time) {
	for key, problem := range p.open {
		if now.Sub(problem.Last) > problemEnds {
			delete(p.open, key)
		}
	}
}

func (p *problems) list() []Problem {
	p.expire(time.Now())
	var out []Problem
	for _, problem := range p.open {
		out = append(out, *problem)
	}
	slices.SortFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Who, b.Who))
	})
	return out
}

// disputed says whether, and since when, a name is at two addresses.
func (t *table) disputed(name string) (since time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(time.Now())
	if p := t.open[problemKey{NameConflict, name}]; p != nil {
		return p.First, true
	}
	return time.Time{}, false
}
