package model

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// Addr is an IP address in a request. It keeps text that is no address
// instead of failing, so that validation can name the field that holds it.
type Addr struct {
	netip.Addr
	bad string
}

// AddrFrom wraps a valid address.
func AddrFrom(a netip.Addr) Addr { return Addr{Addr: a} }

// MustAddr parses s and panics when it is no address; for tables in tests.
func MustAddr(s string) Addr { return Addr{Addr: netip.MustParseAddr(s)} }

// UnmarshalText accepts any text; [Addr.check] says what is wrong with it.
func (a *Addr) UnmarshalText(text []byte) error {
	addr, err := netip.ParseAddr(string(text))
	if err != nil || addr.Zone() != "" {
		*a = Addr{bad: strings.ToValidUTF8(string(text), "?")}
		return nil
	}
	*a = Addr{Addr: addr.Unmap()}
	return nil
}

// MarshalText writes the address, or the text that was none.
func (a Addr) MarshalText() ([]byte, error) {
	if a.bad != "" {
		return []byte(a.bad), nil
	}
	return a.Addr.MarshalText()
}

func (a Addr) check(field string) *Error {
	if a.Addr.IsValid() {
		return nil
	}
	return Invalidf(field, "%q is not an IP address such as 10.0.1.10 or 2001:db8::10", shorten(a.bad))
}

// Prefix is a subnet in a request, as forgiving at first as [Addr].
type Prefix struct {
	netip.Prefix
	bad string
}

// PrefixFrom wraps a valid prefix.
func PrefixFrom(p netip.Prefix) Prefix { return Prefix{Prefix: p} }

// MustPrefix parses s and panics when it is no prefix; for tables in tests.
func MustPrefix(s string) Prefix { return Prefix{Prefix: netip.MustParsePrefix(s)} }

// UnmarshalText accepts any text; [Prefix.check] says what is wrong with it.
func (p *Prefix) UnmarshalText(text []byte) error {
	prefix, err := netip.ParsePrefix(string(text))
	if err != nil {
		*p = Prefix{bad: strings.ToValidUTF8(string(text), "?")}
		return nil
	}
	*p = Prefix{Prefix: prefix}
	return nil
}

// MarshalText writes the prefix, or the text that was none.
func (p Prefix) MarshalText() ([]byte, error) {
	if p.bad != "" {
		return []byte(p.bad), nil
	}
	return p.Prefix.MarshalText()
}

func (p Prefix) check(field string) *Error {
	if !p.Prefix.IsValid() {
		return Invalidf(field, "%q is not a subnet such as 10.0.1.0/24 or 2001:db8:1::/64", shorten(p.bad))
	}
	return CheckSubnet(field, p.Prefix)
}

// MAC is an Ethernet address in a request, as forgiving at first as [Addr].
// The zero value means "not given".
type MAC struct {
	Bytes [6]byte
	bad   string
}

// MACFrom wraps the six bytes of an address.
func MACFrom(b [6]byte) MAC { return MAC{Bytes: b} }

// IsZero reports whether no address was given.
func (m MAC) IsZero() bool { return m == MAC{} }

func (m MAC) String() string {
	if m.bad != "" {
		return m.bad
	}
	b := m.Bytes
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5])
}

// UnmarshalText accepts any text; [MAC.check] says what is wrong with it.
func (m *MAC) UnmarshalText(text []byte) error {
	s := strings.ToLower(string(text))
	var b [6]byte
	plain := strings.NewReplacer(":", "", "-", "").Replace(s)
	raw, err := hex.DecodeString(plain)
	if len(s) != 17 || err != nil || len(raw) != 6 {
		*m = MAC{bad: strings.ToValidUTF8(string(text), "?")}
		if m.bad == "" {
			*m = MAC{}
		}
		return nil
	}
	copy(b[:], raw)
	*m = MAC{Bytes: b}
	if b == ([6]byte{}) {
		m.bad = s // given, and wrong: not the same as absent
	}
	return nil
}

// MarshalText writes the address with colons, or nothing for the zero value.
func (m MAC) MarshalText() ([]byte, error) {
	if m.IsZero() {
		return nil, nil
	}
	return []byte(m.String()), nil
}

func (m MAC) check(field string) *Error {
	switch {
	case m.IsZero():
		return nil
	case m.bad != "":
		if m.bad == "00:00:00:00:00:00" {
			return Invalidf(field, "the all-zero MAC address belongs to nobody: leave it out and one is chosen")
		}
		return Invalidf(field, "%q is not a MAC address such as 02:42:0a:00:01:0a", shorten(m.bad))
	case m.Bytes[0]&1 == 1:
		return Invalidf(field, "%s is a group (multicast or broadcast) address, an endpoint needs an individual one: clear the lowest bit of the first byte (IEEE 802)", m)
	}
	return nil
}

func shorten(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
