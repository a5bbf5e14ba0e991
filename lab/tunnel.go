package lab

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// tunnelWatch looks at what two containers have in a VXLAN tunnel.
type tunnelWatch struct {
	wire     *wire
	finished sync.WaitGroup

	mu                    sync.Mutex
	questioned, answering int
}

// watchTunnel counts, among the frames of an underlay cable, the questions for
// either address and the packets from the second to the first.
func watchTunnel(w *wire, first, second netip.Addr) *tunnelWatch {
	t := &tunnelWatch{wire: w}
	t.finished.Go(func() {
		buffer := make([]byte, 1<<16)
		for {
			n, err := w.Read(buffer)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if inner, ok := insideVXLAN(buffer[:n]); err == nil && ok {
				t.count(inner, first, second)
			}
		}
	})
	return t
}

func (t *tunnelWatch) count(inner []byte, first, second netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if target, ok := questionFor(inner); ok && (target == first || target == second) {
		t.questioned++
		return
	}
	if source, destination, ok := packetOf(inner); ok && source == second && destination == first {
		t.answering++
	}
}

func (t *tunnelWatch) answers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answering
}

// stop ends the watch and returns how many questions it saw.
func (t *tunnelWatch) stop() int {
	t.wire.Close()
	t.finished.Wait()
	return t.questioned
}

// Lengths of headers, and where things are in them.
const (
	ethernetLength = 14
	ipv4Length     = 20 // without options; RFC 791
	ipv6Length     = 40 // RFC 8200
	udpLength      = 8
	vxlanLength    = 8 // RFC 7348
	vxlanPort      = 4789
)

// split takes the Ethernet header off a frame.
func split(frame []byte) (protocol uint16, rest []byte) {
	if len(frame) < ethernetLength {
		return 0, nil
	}
	return binary.BigEndian.Uint16(frame[12:]), frame[ethernetLength:]
}

// insideVXLAN returns the frame that a frame of the underlay carries.
func insideVXLAN(frame []byte) (inner []byte, ok bool) {
	protocol, ip := split(frame)
	var udp []byte
	switch {
	case protocol == unix.ETH_P_IP && len(ip) >= ipv4Length && ip[9] == unix.IPPROTO_UDP:
		udp = ip[min(len(ip), int(ip[0]&0xf)*4):]
	case protocol == unix.ETH_P_IPV6 && len(ip) >= ipv6Length && ip[6] == unix.IPPROTO_UDP:
		udp = ip[ipv6Length:]
	}
	if len(udp) < udpLength+vxlanLength || binary.BigEndian.Uint16(udp[2:]) != vxlanPort {
		return nil, false
	}
	return udp[udpLength+vxlanLength:], true
}

// questionFor returns the address that an ARP request (RFC 826) or a neighbour
// solicitation (RFC 4861) asks for.
func questionFor(frame []byte) (target netip.Addr, ok bool) {
	const (
		arpLength, arpOperation, arpTarget, arpRequest = 28, 6, 24, 1

		icmpTarget, solicitation = 8, 135
	)
	protocol, rest := split(frame)
	switch {
	case protocol == unix.ETH_P_ARP && len(rest) >= arpLength && binary.BigEndian.Uint16(rest[arpOperation:]) == arpRequest:
		return netip.AddrFrom4([4]byte(rest[arpTarget:])), true
	case protocol == unix.ETH_P_IPV6 && len(rest) >= ipv6Length+icmpTarget+16 && rest[6] == unix.IPPROTO_ICMPV6 && rest[ipv6Length] == solicitation:
		return netip.AddrFrom16([16]byte(rest[ipv6Length+icmpTarget:])), true
	}
	return netip.Addr{}, false
}

// packetOf returns who an IP packet is from and to.
func packetOf(frame []byte) (source, destination netip.Addr, ok bool) {
	protocol, ip := split(frame)
	switch {
	case protocol == unix.ETH_P_IP && len(ip) >= ipv4Length:
		return netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:])), true
	case protocol == unix.ETH_P_IPV6 && len(ip) >= ipv6Length:
		return netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:])), true
	}
	return netip.Addr{}, netip.Addr{}, false
}
