package openflow

import (
	"fmt"
	"strconv"
	"strings"
)

// Names gives ports and tables names in text, as ovs-ofctl --names does. A nil
// function, or one that returns "", leaves the number.
type Names struct {
	Port  func(uint32) string
	Table func(uint8) string
}

// named is an action or instruction whose text may contain names.
type named interface{ text(n Names) string }

// FormatActions is a list of actions as ovs-ofctl prints it, "drop" if empty.
func FormatActions(as []Action, n Names) string {
	if len(as) == 0 {
		return "drop"
	}
	parts := make([]string, len(as))
	for i, a := range as {
		parts[i] = textOf(a, n)
	}
	return strings.Join(parts, ",")
}

// FormatInstructions is what ovs-ofctl prints after "actions=".
func FormatInstructions(is []Instruction, n Names) string {
	var parts []string
	for _, i := range is {
		if s := textOf(i, n); s != "" {
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return "drop"
	}
	return strings.Join(parts, ",")
}

func textOf(a fmt.Stringer, n Names) string {
	if a, ok := a.(named); ok {
		return a.text(n)
	}
	return a.String()
}

var reservedPorts = map[uint32]string{
	PortInPort:     "IN_PORT",
	PortTable:      "TABLE",
	PortNormal:     "NORMAL",
	PortFlood:      "FLOOD",
	PortAll:        "ALL",
	PortController: "CONTROLLER",
	PortLocal:      "LOCAL",
	PortAny:        "ANY",
}

func portText(p uint32, n Names) string {
	if s, ok := reservedPorts[p]; ok {
		return s
	}
	if n.Port != nil {
		if s := n.Port(p); s != "" {
			return quoted(s)
		}
	}
	return fmt.Sprint(p)
}

func tableText(t uint8, n Names) string {
	if n.Table != nil {
		if s := n.Table(t); s != "" {
			return quoted(s)
		}
	}
	return fmt.Sprint(t)
}

// quoted puts a name in quotes unless it is letters and digits, the first one a
// letter, so that it cannot be taken for syntax.
func quoted(s string) string {
	for i, c := range []byte(s) {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		digit := '0' <= c && c <= '9' && i > 0
		if !letter && !digit {
			return strconv.Quote(s)
		}
	}
	return s
}

// portNumber is the value of in_port in 16 or 32 bits.
func portNumber(value []byte) uint32 {
	if len(value) == 2 {
		return port32(uint16(number(value)))
	}
	return uint32(number(value))
}

// port32 widens a port number of 16 bits: the reserved ones are at the end of
// either range.
func port32(p uint16) uint32 {
	if p >= PortMax&0xffff {
		return 0xffff0000 | uint32(p)
	}
	return uint32(p)
}

func (s Subfield) isWhole() bool { return s.Lo == 0 && s.Bits == s.Field.Bits }

// String is the subfield as actions name it: NXM_NX_REG0[], [3] or [0..15].
func (s Subfield) String() string {
	switch {
	case s.isWhole():
		return s.Field.longName + "[]"
	case s.Bits == 1:
		return fmt.Sprintf("%s[%d]", s.Field.longName, s.Lo)
	}
	return fmt.Sprintf("%s[%d..%d]", s.Field.longName, s.Lo, s.Lo+s.Bits-1)
}

var reasonNames = []string{"no_match", "action", "invalid_ttl", "action_set", "group", "packet_out"}
