package walk

// bits is a number of up to 128 bits, as wide as the widest field.
type bits struct{ hi, lo uint64 }

func number(n uint64) bits { return bits{0, n} }

// ones are the n lowest bits.
func ones(n int) bits {
	switch {
	case n >= 128:
		return bits{^uint64(0), ^uint64(0)}
	case n > 64:
		return bits{1<<(n-64) - 1, ^uint64(0)}
	case n == 64:
		return bits{0, ^uint64(0)}
	}
	return bits{0, 1<<n - 1}
}

func (b bits) and(c bits) bits    { return bits{b.hi & c.hi, b.lo & c.lo} }
func (b bits) or(c bits) bits     { return bits{b.hi | c.hi, b.lo | c.lo} }
func (b bits) andNot(c bits) bits { return bits{b.hi &^ c.hi, b.lo &^ c.lo} }

func (b bits) left(n int) bits {
	if n >= 64 {
		return bits{b.lo << (n - 64), 0}
	}
	return bits{b.hi<<n | b.lo>>(64-n), b.lo << n}
}

func (b bits) right(n int) bits {
	if n >= 64 {
		return bits{0, b.hi >> (n - 64)}
	}
	return bits{b.hi >> n, b.lo>>n | b.hi<<(64-n)}
}

// bitsOf reads a number in network order.
func bitsOf(b []byte) bits {
	var n bits
	for _, x := range b {
		n = n.left(8)
		n.lo |= uint64(x)
	}
	return n
}

// put writes the number in network order into all of b.
func (b bits) put(to []byte) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte(b.lo)
		b = b.right(8)
	}
}
