package ipam

import (
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
)

// MAC derives an endpoint's MAC address from its IP address, so that a container recreated with the same address has
// the same MAC, and no neighbour holds a stale one.
//
// For IPv4 it is 02:42 and the address, as Docker makes it: it can be read, is unique in a network by itself, and
// the VNI has no room in it.
//
// An IPv6 address does not fit, so 43 bits of a hash of it and the VNI stand for it: without the VNI, networks that
// use the same addresses would show the same MACs to a host that is in several of them. The first octet is x2, local
// and unicast, in the quadrant that IEEE 802c leaves to administrators (RFC 8948, section 2), and odd in its first
// digit, so that it is never the 02 of the IPv4 kind. Two of 100,000 endpoints of a network may meet by chance (about
// 1 in 1,800 such networks), so the caller must look whether a derived MAC is taken.
func MAC(addr netip.Addr, vni uint32) [6]byte {
	if addr.Is4() || addr.Is4In6() {
		b := addr.As4()
		return [6]byte{0x02, 0x42, b[0], b[1], b[2], b[3]}
	}
	b := addr.As16()
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(b[:], vni))
	var mac [6]byte
	copy(mac[:], sum[:])
	mac[0] = mac[0]&0xe0 | 0x12
	return mac
}
