package simhost

import (
	"sync"

	"github.com/weft-sdn/weft/openflow"
)

// body is what a flow matches and does, in a table. Flows of all simulated
// switches share theirs, and each is looked at once only: that is why a
// thousand switches with thousands of flows fit into one process.
type body struct {
	bytes    string // table, match, instructions
	matchLen int
	refused  *openflow.ErrorCode // by which a switch refuses it; nil: it is taken
	groups   []uint32            // that it refers to
	uses     int                 // guarded by bodies.mu
}

func (b *body) match() string        { return b.bytes[1 : 1+b.matchLen] }
func (b *body) instructions() string { return b.bytes[1+b.matchLen:] }

var bodies = shelf{all: map[string]*body{}}

// shelf keeps the bodies that are in use.
type shelf struct {
	mu  sync.Mutex
	all map[string]*body
}

// take returns the body of these bytes; who takes one releases it in the end.
func (s *shelf) take(bytes []byte, matchLen int) *body {
	s.mu.Lock()
	b := s.all[string(bytes)]
	if b != nil {
		b.uses++
	}
	s.mu.Unlock()
	if b != nil {
		return b
	}
	b = &body{bytes: string(bytes), matchLen: matchLen, uses: 1}
	b.groups, b.refused = examine(b)
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.all[b.bytes]; other != nil {
		other.uses++
		return other
	}
	s.all[b.bytes] = b
	return b
}

func (s *shelf) release(b *body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b.uses--; b.uses == 0 {
		delete(s.all, b.bytes)
	}
}

func (s *shelf) again(b *body) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.uses++
}
