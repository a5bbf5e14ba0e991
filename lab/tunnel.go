package lab

import (
	"encoding/binary"
	"errors"
	"maps"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// tunnelWatch looks at what is in the VXLAN tunnels of a cable of the underlay.
type tunnelWatch struct {
	wire     *wire
	finished sync.WaitGroup

	mu        sync.Mutex
	questions map[netip.Addr]int // for an address, by ARP or neighbour discovery
	packets   map[flow]map[Wire]int
}

type flow struct{ source, destination netip.Addr }

// watchCable watches the cable of a host.
func (l *Lab) watchCable(host string) (*tunnelWatch, error) {
	w, err := l.namespace(routerName).tapWire(interfaceName(plugPrefix, host), unix.ETH_P_ALL)
	if err != nil {
		return nil, err
	}
	t := &tunnelWatch{wire: w, questions: map[netip.Addr]int{}, packets: map[flow]map[Wire]int{}}
	t.finished.Go(func() {
		buffer := make([]byte, 1<<16)
		for {
			n, err := w.Read(buffer)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if as, inner, ok := insideVXLAN(buffer[:n]); err == nil && ok {
				t.count(as, inner)
			}
		}
	})
	return t, nil
}

func (t *tunnelWatch) count(as Wire, inner []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if target, ok := questionFor(inner); ok {
		t.questions[target]++
		return
	}
	if source, destination, ok := packetOf(inner); ok {
		f := flow{source, destination}
		if t.packets[f] == nil {
			t.packets[f] = map[Wire]int{}
		}
		t.packets[f][as]++
	}
}

// seen are the packets from one to another so far, by how they looked.
func (t *tunnelWatch) seen(source, destination netip.Addr) map[Wire]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.packets[flow{source, destination}])
}

// asked is how many questions for any of the addresses were seen so far.
func (t *tunnelWatch) asked(addresses ...netip.Addr) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range addresses {
		n += t.questions[a]
	}
	return n
}

func (t *tunnelWatch) stop() {
	t.wire.Close()
	t.finished.Wait()
}

// Lengths of headers, and where things are in them.
const (
	ethernetLength = 14
	ipv4Length     = 20 // without options; RFC 791
	ipv6Length     = 40 // RFC 8200
	udpLength      = 8
	vxlanLength    = 8 // RFC 7348
)

// split takes the Ethernet header off a frame.
func split(frame []byte) (protocol uint16, rest []byte) {
	if len(frame) < ethernetLength {
		return 0, nil
	}
	return binary.BigEndian.Uint16(frame[12:]), frame[ethernetLength:]
}

// insideVXLAN returns the frame that a frame of the underlay carries. VXLAN is
// known by its header, whatever the port: all bits but the one that says that
// there is a VNI are zero (RFC 7348 section 5).
func insideVXLAN(frame []byte) (as Wire, inner []byte, ok bool) {
	protocol, ip := split(frame)
	var udp []byte
	switch {
	case protocol == unix.ETH_P_IP && len(ip) >= ipv4Length && ip[9] == unix.IPPROTO_UDP:
		udp = ip[min(len(ip), int(ip[0]&0xf)*4):]
	case protocol == unix.ETH_P_IPV6 && len(ip) >= ipv6Length && ip[6] == unix.IPPROTO_UDP:
		udp = ip[ipv6Length:]
	}
	if len(udp) < udpLength+vxlanLength {
		return Wire{}, nil, false
	}
	header := udp[udpLength:]
	if binary.BigEndian.Uint32(header) != 0x08000000 || header[7] != 0 {
		return Wire{}, nil, false
	}
	as = Wire{UDP: binary.BigEndian.Uint16(udp[2:]), VNI: binary.BigEndian.Uint32(header[4:]) >> 8}
	return as, header[vxlanLength:], true
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
