package ipam

import "math/bits"

// bitset is a set of the whole numbers below 2^size that knows its lowest gap. A bitmap alone would have to be
// searched for it, so there are levels of them:
//
//	level 0   a bit for each number: it is in the set
//	level 1   a bit for each word of level 0: all its 64 bits are set
//	level 2   the same for level 1, and so on, up to a level of a single word
//
// The lowest gap is found from the top: the lowest clear bit leads to a word that has a clear bit. Each operation
// looks at one word a level: 3 for the 16 bits of an IPv4 /16, 11 for the 64 bits of an IPv6 /64. Words that are zero
// are not kept, so a set is as large as what is in it, however wide its range.
type bitset struct {
	levels int
	size   int
	words  map[position]uint64
}

// position of a word: its level, and its place there.
type position struct {
	level int
	at    number
}

// number is wide enough for what an IPv6 address counts from the start of its subnet.
type number struct{ high, low uint64 }

const wordBits = 6 // 2^6 = 64 bits

func newBitset(size int) bitset {
	return bitset{levels: max(1, (size+wordBits-1)/wordBits), size: size, words: map[position]uint64{}}
}

// up is where the word is that has n's bit, and which of its bits it is.
func (n number) up() (at number, bit uint64) {
	return number{n.high >> wordBits, n.low>>wordBits | n.high<<(64-wordBits)}, 1 << (n.low & 63)
}

// down is the number of a bit in the word at n.
func (n number) down(bit int) number {
	return number{n.high<<wordBits | n.low>>(64-wordBits), n.low<<wordBits | uint64(bit)}
}

func (s bitset) has(n number) bool {
	at, bit := n.up()
	return s.words[position{0, at}]&bit != 0
}

func (s bitset) add(n number) {
	for level := range s.levels {
		at, bit := n.up()
		p := position{level, at}
		word := s.words[p] | bit
		s.words[p] = word
		if word != ^uint64(0) {
			return
		}
		n = at
	}
}

func (s bitset) remove(n number) {
	for level := range s.levels {
		at, bit := n.up()
		p := position{level, at}
		word := s.words[p]
		if word&bit == 0 {
			return
		}
		if word == bit {
			delete(s.words, p)
		} else {
			s.words[p] = word &^ bit
		}
		if word != ^uint64(0) {
			return // it was not full: the level above does not know it
		}
		n = at
	}
}

// gap is the lowest number that is not in the set. There is none if all below 2^size are.
func (s bitset) gap() (n number, ok bool) {
	for level := s.levels - 1; level >= 0; level-- {
		bit := bits.TrailingZeros64(^s.words[position{level, n}])
		width := wordBits
		if level == s.levels-1 {
			width = s.size - level*wordBits // the single word at the top may be used in part
		}
		if bit >= 1<<width {
			return number{}, false
		}
		n = n.down(bit)
	}
	return n, true
}
