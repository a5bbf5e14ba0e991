package ipam

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"

	"github.com/weft-sdn/weft/model"
)

// Subnet is which addresses of a subnet are in use. It is not safe for concurrent use.
type Subnet struct {
	prefix   netip.Prefix        // what is given out
	whole    netip.Prefix        // the subnet on the wire, of which that may be a part
	reserved map[netip.Addr]bool // the gateway's
	used     bitset              // including the reserved, and those that no endpoint can have
	count    uint64              // of those in use by endpoints
	size     uint64
}

// NewSubnet has nothing in use. It refuses a prefix that cannot be a subnet. The reserved addresses, those of its gateway, are never given to an endpoint; those
// outside the subnet do not matter.
func NewSubnet(prefix netip.Prefix, reserved ...netip.Addr) (*Subnet, error) {
	return NewPart(prefix, prefix, reserved...)
}

// NewPart is a part of a subnet, which it has to be inside of. Its first and its last address are like any other, unless
// they are those of the whole.
func NewPart(whole, part netip.Prefix, reserved ...netip.Addr) (*Subnet, error) {
	for _, prefix := range []netip.Prefix{whole, part} {
		if err := model.CheckSubnet("", prefix); err != nil {
			return nil, err
		}
	}
	if part.Bits() < whole.Bits() || !whole.Contains(part.Addr()) {
		return nil, fmt.Errorf("%s is not inside %s", part, whole)
	}
	s := &Subnet{prefix: part, whole: whole, reserved: map[netip.Addr]bool{}, used: newBitset(hostBits(part)), size: math.MaxUint64}
	if hostBits(part) < 64 {
		s.size = 1 << hostBits(part)
	}
	// The network address (IPv6: the subnet-router anycast address), and the broadcast address.
	for _, addr := range slices.Compact([]netip.Addr{whole.Addr(), model.LastAddress(whole)}) {
		if part.Contains(addr) && model.CheckHostAddress("", whole, addr) != nil {
			s.exclude(addr)
		}
	}
	for _, addr := range reserved {
		if part.Contains(addr) && !s.reserved[addr] {
			s.reserved[addr] = true
			if s.check(addr) == nil {
				s.exclude(addr)
			}
		}
	}
	return s, nil
}

// exclude keeps addr from ever being given.
func (s *Subnet) exclude(addr netip.Addr) {
	s.used.add(s.index(addr))
	if s.size != math.MaxUint64 {
		s.size--
	}
}

// check says why no endpoint can have an address.
func (s *Subnet) check(addr netip.Addr) error {
	if err := model.CheckHostAddress("", s.whole, addr); err != nil {
		return err
	}
	if !s.prefix.Contains(addr) {
		return fmt.Errorf("%s is not in %s", addr, s.prefix)
	}
	return nil
}

// Take marks an address as in use. It fails, and changes nothing, with the reason why an endpoint cannot have it, or
// ErrInUse.
func (s *Subnet) Take(addr netip.Addr) error {
	if err := s.check(addr); err != nil {
		return err
	}
	if s.reserved[addr] {
		return fmt.Errorf("%s is the gateway's address", addr)
	}
	if s.used.has(s.index(addr)) {
		return fmt.Errorf("%s is %w", addr, ErrInUse)
	}
	s.used.add(s.index(addr))
	s.count++
	return nil
}

// Give marks an address as free; it reports whether it was in use.
func (s *Subnet) Give(addr netip.Addr) bool {
	if s.check(addr) != nil || s.reserved[addr] || !s.used.has(s.index(addr)) {
		return false
	}
	s.used.remove(s.index(addr))
	s.count--
	return true
}

// Lowest is the lowest address that an endpoint can have and none has, or an *ExhaustedError. It stays free until
// Take.
func (s *Subnet) Lowest() (netip.Addr, error) {
	gap, ok := s.used.gap()
	if !ok {
		return netip.Addr{}, &ExhaustedError{Range: s.prefix.String(), Used: s.count, Size: s.size}
	}
	return s.address(gap), nil
}

// Used is how many addresses endpoints have.
func (s *Subnet) Used() uint64 { return s.count }

// Size is how many endpoints can have; 2^64 - 1 for every IPv6 subnet of /64 or wider.
func (s *Subnet) Size() uint64 { return s.size }

func hostBits(subnet netip.Prefix) int { return subnet.Addr().BitLen() - subnet.Bits() }

// index counts addresses from the start of the subnet.
func (s *Subnet) index(addr netip.Addr) number {
	n, base := toNumber(addr), toNumber(s.prefix.Addr())
	return number{n.high ^ base.high, n.low ^ base.low} // the base has no host bits
}

func (s *Subnet) address(n number) netip.Addr {
	base := toNumber(s.prefix.Addr())
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], base.high|n.high)
	binary.BigEndian.PutUint64(b[8:], base.low|n.low)
	addr := netip.AddrFrom16(b)
	if s.prefix.Addr().Is4() {
		return addr.Unmap()
	}
	return addr
}

// toNumber of an IPv4 address is that of its IPv4-mapped form.
func toNumber(addr netip.Addr) number {
	b := addr.As16()
	return number{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}
