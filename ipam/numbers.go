package ipam

import (
	"fmt"
	"math/bits"
)

// Numbers is which of lo to hi are in use: VNIs, owners of flows, hosts. It is not safe for concurrent use.
type Numbers struct {
	lo, hi uint32
	used   bitset
	count  uint64
	last   uint32 // that was taken
}

// NewNumbers is the range from lo to hi, both included, with nothing in use.
func NewNumbers(lo, hi uint32) *Numbers {
	return &Numbers{lo: lo, hi: hi, used: newBitset(bits.Len32(hi - lo))}
}

// Take marks n as in use. It fails, and changes nothing, if n is outside the range or ErrInUse.
func (p *Numbers) Take(n uint32) error {
	if n < p.lo || n > p.hi {
		return fmt.Errorf("%d is not between %d and %d", n, p.lo, p.hi)
	}
	if p.used.has(p.index(n)) {
		return fmt.Errorf("%d is %w", n, ErrInUse)
	}
	p.used.add(p.index(n))
	p.count++
	p.last = n
	return nil
}

// Give marks n as free; it reports whether it was in use.
func (p *Numbers) Give(n uint32) bool {
	if n < p.lo || n > p.hi || !p.used.has(p.index(n)) {
		return false
	}
	p.used.remove(p.index(n))
	p.count--
	return true
}

// Lowest is the lowest number that is free, or an *ExhaustedError. It stays free until Take.
func (p *Numbers) Lowest() (uint32, error) {
	gap, ok := p.used.gap()
	if !ok || gap.low > uint64(p.hi-p.lo) {
		return 0, &ExhaustedError{Range: fmt.Sprintf("%d-%d", p.lo, p.hi), Used: p.count, Size: p.Size()}
	}
	return p.lo + uint32(gap.low), nil
}

// Next is the next number after the one taken last that is free, beginning anew after upTo: one that was given back is
// used again as late as possible. What is above upTo is given out, lowest first, when nothing else is left.
func (p *Numbers) Next(upTo uint32) (uint32, error) {
	upTo = min(max(upTo, p.lo), p.hi)
	start := p.lo
	if p.last >= p.lo && p.last < upTo {
		start = p.last + 1
	}
	for _, part := range [][2]uint32{{start, upTo}, {p.lo, start}} {
		for n := uint64(part[0]); n <= uint64(part[1]); n++ {
			if !p.used.has(p.index(uint32(n))) {
				return uint32(n), nil
			}
		}
	}
	return p.Lowest()
}

// Used is how many are in use.
func (p *Numbers) Used() uint64 { return p.count }

// Size is how many there are.
func (p *Numbers) Size() uint64 { return uint64(p.hi-p.lo) + 1 }

func (p *Numbers) index(n uint32) number { return number{low: uint64(n - p.lo)} }
