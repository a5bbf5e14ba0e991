package session

import (
	"testing"

	"github.com/weft-sdn/weft/openflow/program"
)

// BenchmarkStart is what a session does for 25,000 fragments besides comparing
// and sending.
func BenchmarkStart(b *testing.B) {
	var frs []*program.Fragment
	for owner := range uint32(25_000) {
		frs = append(frs, &program.Fragment{Key: program.Key{Kind: 2, VNI: owner % 20, Owner: owner}})
	}
	for b.Loop() {
		s := &Session{state: newState()}
		s.Wanted(frs)
		j := s.state.take()
		s.state.confirm(&j)
	}
}
