// Package mutate breaks good input, the same way for the same seed: what a
// parser of outside bytes is tried with, thousands of times in an ordinary test
// and ten million times with WEFT_MUTATIONS (make fuzz-long).
//
// It is for tests only. It knows nothing of what the bytes mean: a test that
// wants its mutants to get past a length or a checksum mends that in its check.
// Coverage-guided fuzzing of the same checks is `go test -fuzz` (make fuzz).
package mutate

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
)

// maxLength keeps mutants of mutants from growing: no message of OpenFlow is
// longer.
const maxLength = 1<<16 - 1

// mutator makes one mutant after the other.
type mutator struct {
	random *rand.Rand
	corpus [][]byte
	buffer []byte
}

// newMutator sorts the inputs: which grow from a seed must not depend on the
// order of a map or a directory.
func newMutator(seed uint64, c Corpus) *mutator {
	return &mutator{random: rand.New(rand.NewPCG(seed, 0)), corpus: slices.SortedFunc(slices.Values(c), bytes.Compare)}
}

// next returns a mutant of one of the corpus: mostly a little wrong, so that it
// gets far. It is valid until the next call.
func (m *mutator) next() []byte {
	m.buffer = append(m.buffer[:0], m.pick()...)
	for range 1 + m.random.IntN(1<<max(m.random.IntN(6)-2, 0)) {
		m.buffer = m.step(m.buffer)
	}
	if len(m.buffer) > maxLength {
		m.buffer = m.buffer[:maxLength]
	}
	return m.buffer
}

func (m *mutator) pick() []byte { return m.corpus[m.random.IntN(len(m.corpus))] }

// below is a number from 0 to n-1, and 0 for no n at all.
func (m *mutator) below(n int) int {
	if n <= 0 {
		return 0
	}
	return m.random.IntN(n)
}

// step does one wrong thing.
func (m *mutator) step(b []byte) []byte {
	if len(b) == 0 {
		return append(b, byte(m.random.Uint32()))
	}
	at := m.random.IntN(len(b))
	switch m.random.IntN(9) {
	case 0:
		b[at] ^= 1 << m.random.IntN(8)
	case 1:
		b[at] = byte(m.random.Uint32())
	case 2:
		m.number(b[at:])
	case 3:
		b = b[:at]
	case 4: // something is missing
		b = slices.Delete(b, at, at+1+m.below(min(len(b)-at, 64)))
	case 5: // something stands twice
		piece := slices.Clone(b[at : at+1+m.below(min(len(b)-at, 64))])
		b = slices.Insert(b, at, piece...)
	case 6: // the end of another
		other := m.pick()
		b = append(b[:at], other[m.below(len(other)):]...)
	case 7: // a piece of another in between
		other := m.pick()
		from := m.below(len(other))
		to := from + m.below(min(len(other)-from, 64))
		b = slices.Insert(b, at, other[from:to]...)
	case 8:
		b = m.digits(b, at)
	}
	return b
}

// extremes are values at which lengths and numbers go wrong.
var extremes = []uint32{0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff}

// number puts an extreme into the 16 or 32 bits that b begins with, or moves
// them a little, as in a length that is wrong by one.
func (m *mutator) number(b []byte) {
	size := 2 + 2*m.random.IntN(2)
	if len(b) < size {
		size = len(b)
	}
	var v uint32
	for _, c := range b[:size] {
		v = v<<8 | uint32(c)
	}
	if m.random.IntN(2) == 0 {
		v += uint32(m.random.IntN(17)) - 8
	} else {
		v = extremes[m.random.IntN(len(extremes))]
	}
	for i := size - 1; i >= 0; i-- {
		b[i], v = byte(v), v>>8
	}
}

// digits replaces the decimal number at or behind at.
func (m *mutator) digits(b []byte, at int) []byte {
	isDigit := func(c byte) bool { return '0' <= c && c <= '9' }
	for at < len(b) && !isDigit(b[at]) {
		at++
	}
	to := at
	for to < len(b) && isDigit(b[to]) {
		to++
	}
	if at == to {
		return b
	}
	text := strconv.FormatUint(uint64(extremes[m.random.IntN(len(extremes))])<<m.random.IntN(32), 10)
	return slices.Replace(b, at, to, []byte(text)...)
}
