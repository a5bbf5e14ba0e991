// Package icmp writes the error messages that a router owes the sender of a
// packet that it does not forward: time exceeded, and too big (RFC 792, RFC
// 4443). It also knows when a router has to be silent (RFC 1122 section 3.2.2,
// RFC 1812 section 4.3.2.7, RFC 4443 section 2.4).
//
// It is pure: bytes in, bytes out. It does not know where the packet came from,
// how many errors a second are too many, or how the answer gets on its way.
package icmp
