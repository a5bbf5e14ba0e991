package verify

import "math/bits"

// word is the value of a field: 128 bits, as many as the widest has.
type word struct{ hi, lo uint64 }

func small(v uint64) word { return word{lo: v} }

// ones is the n lowest bits.
func ones(n int) word {
	switch {
	case n >= 128:
		return word{^uint64(0), ^uint64(0)}
	case n > 64:
		return word{1<<(n-64) - 1, ^uint64(0)}
	case n == 64:
		return word{0, ^uint64(0)}
	}
	return word{0, 1<<n - 1}
}

// fromBytes reads a number in network order of at most 16 bytes.
func fromBytes(b []byte) (w word) {
	for _, x := range b {
		w = w.shl(8)
		w.lo |= uint64(x)
	}
	return w
}

// bytes is the number in n bytes in network order.
func (w word) bytes(n int) []byte {
	b := make([]byte, n)
	for i := n - 1; i >= 0; i-- {
		b[i] = byte(w.lo)
		w = w.shr(8)
	}
	return b
}

func (w word) and(o word) word    { return word{w.hi & o.hi, w.lo & o.lo} }
func (w word) or(o word) word     { return word{w.hi | o.hi, w.lo | o.lo} }
func (w word) xor(o word) word    { return word{w.hi ^ o.hi, w.lo ^ o.lo} }
func (w word) andNot(o word) word { return word{w.hi &^ o.hi, w.lo &^ o.lo} }
func (w word) zero() bool         { return w.hi|w.lo == 0 }
func (w word) count() int         { return bits.OnesCount64(w.hi) + bits.OnesCount64(w.lo) }

func (w word) shl(n int) word {
	if n >= 64 {
		return word{hi: w.lo << (n - 64)}
	}
	return word{w.hi<<n | w.lo>>(64-n), w.lo << n}
}

func (w word) shr(n int) word {
	if n >= 64 {
		return word{lo: w.hi >> (n - 64)}
	}
	return word{w.hi >> n, w.lo>>n | w.hi<<(64-n)}
}

// lowest is the lowest bit that is set, as a word.
func (w word) lowest() word {
	if w.lo != 0 {
		return word{lo: w.lo & -w.lo}
	}
	return word{hi: w.hi & -w.hi}
}

// trailing is the number of zeros below the lowest bit that is set.
func (w word) trailing() int {
	if w.lo != 0 {
		return bits.TrailingZeros64(w.lo)
	}
	return 64 + bits.TrailingZeros64(w.hi)
}
