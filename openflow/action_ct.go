package openflow

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// Flags of CT.
const (
	CTCommit = 1 << 0 // remember the connection
	CTForce  = 1 << 1 // in this packet's direction, whatever was there before
)

// NoTable is CT.Table for a packet that goes on with the next action only.
const NoTable = 0xff

// Application-level gateways of CT, by the port of their protocol.
const (
	ALGFTP  = 21
	ALGTFTP = 69
)

// CT sends the packet through the connection tracker, and its tracked copy on
// to a table unless that is NoTable.
type CT struct {
	Flags    uint16
	Zone     uint16   // if ZoneFrom has no field
	ZoneFrom Subfield // holds the zone, in 16 bits
	Table    uint8
	ALG      uint16
	Nested   []Action // NAT, and what sets ct_mark and ct_label
}

func (a CT) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxCT)
	b = binary.BigEndian.AppendUint16(b, a.Flags)
	if a.ZoneFrom.Field != nil {
		b = a.ZoneFrom.Field.nxm.appendTo(b)
		b = binary.BigEndian.AppendUint16(b, a.ZoneFrom.packed())
	} else {
		b = append(b, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, a.Zone)
	}
	b = append(b, a.Table, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, a.ALG)
	return end(AppendActions(b, a.Nested), start)
}

func (p *actionParser) ct(body []byte) Action {
	if len(body) < 14 {
		return nil
	}
	a := CT{
		Flags: binary.BigEndian.Uint16(body),
		Table: body[8],
		ALG:   binary.BigEndian.Uint16(body[12:]),
	}
	zone := binary.BigEndian.Uint16(body[6:])
	if binary.BigEndian.Uint32(body[2:]) == 0 {
		a.Zone = zone
	} else {
		from, _, ok := parseSubfield(zone, body[2:6])
		if !ok {
			return nil
		}
		a.ZoneFrom = from
	}
	var ok bool
	if a.Nested, ok = p.nested(body[14:]); !ok {
		return nil
	}
	return a
}

// CTClear makes the packet untracked.
type CTClear struct{}

func (CTClear) AppendTo(b []byte) []byte { return appendPlain(b, nxCTClear) }
func (CTClear) String() string           { return "ct_clear" }

// Flags of NAT.
const (
	NATSrc        = 1 << 0
	NATDst        = 1 << 1
	NATPersistent = 1 << 2
	NATHash       = 1 << 3
	NATRandom     = 1 << 4
)

// NAT translates inside CT. Without flags it applies what the connection has.
// Addresses that are not valid and ports that are zero are left out.
type NAT struct {
	Flags            uint16
	Min, Max         netip.Addr
	PortMin, PortMax uint16
}

// What of a range is present in NXAST_NAT.
const (
	natIPv4Min = 1 << iota
	natIPv4Max
	natIPv6Min
	natIPv6Max
	natPortMin
	natPortMax
)

func (a NAT) present() uint16 {
	var p uint16
	for _, end := range []struct {
		addr     netip.Addr
		ip4, ip6 uint16
	}{{a.Min, natIPv4Min, natIPv6Min}, {a.Max, natIPv4Max, natIPv6Max}} {
		switch {
		case end.addr.Is4():
			p |= end.ip4
		case end.addr.Is6():
			p |= end.ip6
		}
	}
	if a.PortMin != 0 {
		p |= natPortMin
	}
	if a.PortMax != 0 {
		p |= natPortMax
	}
	return p
}

func (a NAT) AppendTo(b []byte) []byte {
	start := len(b)
	b = append(beginNicira(b, nxNAT), 0, 0)
	b = binary.BigEndian.AppendUint16(b, a.Flags)
	b = binary.BigEndian.AppendUint16(b, a.present())
	b = appendAddr(b, a.Min)
	b = appendAddr(b, a.Max)
	if a.PortMin != 0 {
		b = binary.BigEndian.AppendUint16(b, a.PortMin)
	}
	if a.PortMax != 0 {
		b = binary.BigEndian.AppendUint16(b, a.PortMax)
	}
	return end(b, start)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		bytes := a.As4()
		return append(b, bytes[:]...)
	case a.Is6():
		bytes := a.As16()
		return append(b, bytes[:]...)
	}
	return b
}

func parseNAT(body []byte) Action {
	a := NAT{Flags: binary.BigEndian.Uint16(body[2:])}
	present, b := binary.BigEndian.Uint16(body[4:]), body[6:]
	// take is the next part of the range, if it is present.
	take := func(bit uint16, size int) []byte {
		if present&bit == 0 || len(b) < size {
			return nil
		}
		var part []byte
		part, b = b[:size], b[size:]
		return part
	}
	a.Min, _ = netip.AddrFromSlice(take(natIPv4Min, 4))
	a.Max, _ = netip.AddrFromSlice(take(natIPv4Max, 4))
	if v := take(natIPv6Min, 16); v != nil {
		a.Min, _ = netip.AddrFromSlice(v)
	}
	if v := take(natIPv6Max, 16); v != nil {
		a.Max, _ = netip.AddrFromSlice(v)
	}
	a.PortMin = uint16(number(take(natPortMin, 2)))
	a.PortMax = uint16(number(take(natPortMax, 2)))
	return a
}

func (a NAT) String() string {
	var s strings.Builder
	s.WriteString("nat")
	if a.Flags&(NATSrc|NATDst) == 0 {
		return s.String()
	}
	if a.Flags&NATSrc != 0 {
		s.WriteString("(src")
	} else {
		s.WriteString("(dst")
	}
	if a.Min.IsValid() {
		s.WriteString("=" + a.addrs())
		if a.PortMin != 0 {
			s.WriteString(":" + strconv.Itoa(int(a.PortMin)))
			if a.PortMax != 0 && a.PortMax != a.PortMin {
				s.WriteString("-" + strconv.Itoa(int(a.PortMax)))
			}
		}
	}
	for _, flag := range []struct {
		bit  uint16
		name string
	}{{NATPersistent, "persistent"}, {NATHash, "hash"}, {NATRandom, "random"}} {
		if a.Flags&flag.bit != 0 {
			s.WriteString("," + flag.name)
		}
	}
	s.WriteString(")")
	return s.String()
}

// addrs is the range of addresses; IPv6 ones are in brackets before a port.
func (a NAT) addrs() string {
	one := netip.Addr.String
	if a.Min.Is6() && a.PortMin != 0 {
		one = func(a netip.Addr) string { return "[" + a.String() + "]" }
	}
	if !a.Max.IsValid() || a.Max == a.Min {
		return one(a.Min)
	}
	return one(a.Min) + "-" + one(a.Max)
}
