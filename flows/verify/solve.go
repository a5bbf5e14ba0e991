package verify

// A verdict is what the solver says of a set of packets.
type verdict uint8

const (
	empty verdict = iota
	found
	undecided // too many possibilities to try
)

// maxTries bounds the decisions of the solver. What comes up is decided by a
// handful; sets of cubes can be built that need exponentially many.
const maxTries = 20000

// solve finds a packet of a cube that is in none of the other cubes. Bits that
// may be either way are as the pattern has them.
func solve(c cube, others []cube, pattern *packet) (out packet, v verdict) {
	s := solver{pattern: pattern}
	c, v = s.search(c, relevant(c, others))
	if v != found {
		return out, v
	}
	return c.fill(pattern), found
}

// A packet is the values of all slots.
type packet [slots]word

// fill is the packet of the cube that is most like the pattern.
func (c cube) fill(pattern *packet) packet {
	p := *pattern
	for _, l := range c {
		p[l.slot] = p[l.slot].andNot(l.mask).or(l.value)
	}
	return p
}

// holds tells whether a packet is in the cube.
func (c cube) holds(p *packet) bool {
	for _, l := range c {
		if !p[l.slot].xor(l.value).and(l.mask).zero() {
			return false
		}
	}
	return true
}

type solver struct {
	pattern *packet
	tries   int
}

// relevant are the cubes that c meets.
func relevant(c cube, others []cube) []cube {
	var kept []cube
	for _, o := range others {
		if c.meets(o) {
			kept = append(kept, o)
		}
	}
	return kept
}

// search narrows c until it meets none of the others. All of them meet it to
// begin with.
func (s *solver) search(c cube, others []cube) (cube, verdict) {
	for {
		if s.tries++; s.tries > maxTries {
			return nil, undecided
		}
		if len(others) == 0 {
			return c, found
		}
		// The cube that leaves least to choose from.
		best, least, like := -1, 1<<30, c.fill(s.pattern)
		inside := false
		for i, o := range others {
			if n := c.open(o); n < least {
				best, least = i, n
			}
			inside = inside || o.holds(&like)
		}
		switch {
		case least == 0:
			return nil, empty // c is within it
		case !inside:
			return c, found
		}
		bit := s.choose(c, others[best])
		flipped := literal{bit.slot, bit.mask.andNot(bit.value), bit.mask}
		away, _ := c.with(flipped)
		if least > 1 {
			if out, v := s.search(away, relevant(away, others)); v != empty {
				return out, v
			}
			c, _ = c.with(bit)
		} else {
			c = away
		}
		others = relevant(c, others)
	}
}

// open is how many bits of o are not decided in c, where the two meet.
func (c cube) open(o cube) (n int) {
	for _, l := range o {
		k, _ := c.of(l.slot)
		n += l.mask.andNot(k.mask).count()
	}
	return n
}

// choose picks an undecided bit of o, as o has it: one that the pattern has
// the other way, if there is one.
func (s *solver) choose(c, o cube) (bit literal) {
	for _, l := range o {
		k, _ := c.of(l.slot)
		free := l.mask.andNot(k.mask)
		if free.zero() {
			continue
		}
		if differ := free.and(l.value.xor(s.pattern[l.slot])); !differ.zero() {
			b := differ.lowest()
			return literal{l.slot, l.value.and(b), b}
		}
		if bit.mask.zero() {
			b := free.lowest()
			bit = literal{l.slot, l.value.and(b), b}
		}
	}
	return bit
}

// excluded are the cubes in which no packet of the path is: those of the rules
// that did not match, as conditions on what was sent.
func (p *path) excluded() (out []cube) {
	var need [16]literal
	for t := p.taken; t != nil; t = t.next {
		for _, r := range t.rules {
			answer, literals := r.test(t.state, need[:0])
			if answer == no || answer == maybe {
				continue // what may have matched is noted as unsure
			}
			if o, ok := cube(nil).with(literals...); ok && p.cube.meets(o) {
				out = append(out, o)
			}
		}
	}
	return out
}

// impossible are sets of packets that cannot be (man ovs-fields): no tag and
// yet something in it, a later fragment that is none.
var impossible = func() (out []cube) {
	const present = 0x1000
	for b := range 16 {
		if bit := small(1 << b); bit.lo != present {
			out = append(out, cube{{slotVLAN, bit, small(present | bit.lo)}})
		}
	}
	return append(out, cube{{slotIPFrag, small(2), small(3)}})
}()

// possible are the bits that never are set in what a port delivers.
var possible = cube{
	{slotIPFrag, word{}, small(0xfc)},
	{slotTCPFlags, word{}, small(0xf000)},
	{slotIPv6Label, word{}, small(0xfff00000)},
	{slotARPOp, word{}, small(0xff00)},
}
