package openflow

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// A format is how ovs-ofctl prints the values of a field in set_field and
// learn. A match prints some differently: see matchtext.go.
type format uint8

const (
	decimal format = iota
	hexadecimal
	ethernet
	address
	port
	fragment
	ctState
	tcpFlags
	tunFlags
	packetType
)

// text is a value of f as set_field prints it.
func (f *Field) text(value, mask []byte, n Names) string {
	if mask == nil {
		return f.exactText(value, n)
	}
	switch f.format {
	case ethernet:
		return f.exactText(value, n) + "/" + net.HardwareAddr(mask).String()
	case address:
		return f.exactText(value, n) + "/" + maskText(mask)
	case ctState, tcpFlags, tunFlags:
		return flagsText(flagNames[f.format], value, mask)
	case fragment:
		return fragmentText(value[0], mask[0])
	}
	return f.exactText(value, n) + "/" + hexText(mask)
}

func (f *Field) exactText(value []byte, n Names) string {
	switch f.format {
	case decimal:
		return fmt.Sprint(number(value))
	case ethernet:
		return net.HardwareAddr(value).String()
	case address:
		return addressText(value)
	case port:
		return portText(portNumber(value), n)
	case fragment:
		return fragmentText(value[0], fragAny|fragLater)
	case ctState, tcpFlags, tunFlags:
		return setFlagsText(flagNames[f.format], value)
	case packetType:
		return fmt.Sprintf("(%d,%s)", number(value[:2]), hexText(value[2:]))
	}
	return hexText(value)
}

// number is the value of up to eight bytes.
func number(b []byte) uint64 {
	var wide [8]byte
	copy(wide[8-len(b):], b)
	return binary.BigEndian.Uint64(wide[:])
}

// hexText is what printf prints for %#x, for a number of any length: zero has
// no 0x.
func hexText(b []byte) string {
	digits := strings.TrimLeft(hex.EncodeToString(b), "0")
	if digits == "" {
		return "0"
	}
	return "0x" + digits
}

func hexNumber(v uint64) string { return hexText(binary.BigEndian.AppendUint64(nil, v)) }

// addressText is an IPv4 or IPv6 address. The C library prints IPv6 addresses of
// the form ::/96 as IPv4-compatible ones (RFC 4291, 2.5.5.1), netip does not.
func addressText(b []byte) string {
	a, _ := netip.AddrFromSlice(b)
	if a.Is6() && isZero(b[:12]) && !isZero(b[12:14]) {
		return "::" + addressText(b[12:])
	}
	return a.String()
}

// maskText is the mask of an address: a prefix length if it can be.
func maskText(mask []byte) string {
	if ones, bits := net.IPMask(mask).Size(); bits != 0 {
		return fmt.Sprint(ones)
	}
	return addressText(mask)
}

// The names of flags, the lowest bit first.
var flagNames = map[format][]string{
	ctState:  {"new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"},
	tcpFlags: {"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]"},
	tunFlags: {"oam"},
}

// flagsText is the flags in mask, each with + or -.
func flagsText(names []string, value, mask []byte) string {
	var s strings.Builder
	v, m := number(value), number(mask)
	for i, name := range names {
		switch bit := uint64(1) << i; {
		case m&bit == 0:
		case v&bit != 0:
			s.WriteString("+" + name)
		default:
			s.WriteString("-" + name)
		}
	}
	return s.String()
}

// setFlagsText is the flags that are set.
func setFlagsText(names []string, value []byte) string {
	var s []string
	for i, name := range names {
		if number(value)&(1<<i) != 0 {
			s = append(s, name)
		}
	}
	if s == nil {
		return "0"
	}
	return strings.Join(s, "|")
}

// Bits of nw_frag.
const (
	fragAny   = 1 << 0 // a fragment
	fragLater = 1 << 1 // and not the first one
)

func fragmentText(value, mask uint8) string {
	switch {
	case mask == fragAny && value == fragAny:
		return "yes"
	case mask == fragAny:
		return "no"
	case mask == fragLater && value == 0:
		return "not_later"
	case value&fragLater != 0:
		return "later"
	case value&fragAny != 0:
		return "first"
	}
	return "no"
}
