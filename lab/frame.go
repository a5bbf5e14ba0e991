package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// wire is a raw socket on one interface: it sends frames past the namespace's
// own network stack and sees what arrives before it.
type wire struct {
	*os.File // Read and Write are one frame each
	mac      net.HardwareAddr
}

// tapWire opens a raw socket on a device of the namespace, for frames of one
// protocol or unix.ETH_P_ALL.
func (n namespace) tapWire(dev string, protocol uint16) (*wire, error) {
	w := &wire{}
	err := n.do(func() error {
		card, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		// Nothing is received before the socket is bound: packet(7).
		address := &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, protocol)), Ifindex: card.Index}
		if err := unix.Bind(fd, address); err != nil {
			return fmt.Errorf("bind: %w", errors.Join(err, unix.Close(fd)))
		}
		w.File, w.mac = os.NewFile(uintptr(fd), dev), card.HardwareAddr
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open a raw socket on %s in %s: %w", dev, n, err)
	}
	return w, nil
}

var broadcast = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// announce sends an ARP announcement of the container's first IPv4 address
// (RFC 5227 section 2.3), or a probe for nobody when it has none.
func (c *Container) announce() error {
	w, err := c.in.tapWire(c.Interface(), unix.ETH_P_ARP)
	if err != nil {
		return err
	}
	defer w.Close()
	address := netip.IPv4Unspecified()
	for _, a := range c.Addresses() {
		if a.Is4() {
			address = a
			break
		}
	}
	_, err = w.Write(arpAnnouncement(w.mac, address))
	return err
}

func ethernet(to, from net.HardwareAddr, protocol uint16) []byte {
	frame := append([]byte(nil), to...)
	frame = append(frame, from...)
	return binary.BigEndian.AppendUint16(frame, protocol)
}

// arpAnnouncement is an ARP request for the sender's own address (RFC 826).
func arpAnnouncement(mac net.HardwareAddr, address netip.Addr) []byte {
	const ethernetHardware, request = 1, 1
	f := ethernet(broadcast, mac, unix.ETH_P_ARP)
	f = binary.BigEndian.AppendUint16(f, ethernetHardware)
	f = binary.BigEndian.AppendUint16(f, unix.ETH_P_IP)
	f = append(f, 6, 4) // lengths of the two kinds of address
	f = binary.BigEndian.AppendUint16(f, request)
	f = append(f, mac...)
	f = append(f, address.AsSlice()...)
	f = append(f, make([]byte, 6)...)
	return append(f, address.AsSlice()...)
}

// udpDatagram is an IPv4 or IPv6 packet with a UDP datagram in an Ethernet
// frame, with valid checksums.
func udpDatagram(toMAC, fromMAC net.HardwareAddr, from, to netip.AddrPort, payload []byte) []byte {
	const headerLength, hopLimit = 8, 64
	udp := binary.BigEndian.AppendUint16(nil, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(headerLength+len(payload)))
	udp = append(append(udp, 0, 0), payload...)

	// Over the pseudo-header, which RFC 768 and RFC 8200 section 8.1 put in
	// different words and the same sum.
	pseudo := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	pseudo = append(pseudo, 0, unix.IPPROTO_UDP, byte(len(udp)>>8), byte(len(udp)))
	sum := checksum(append(pseudo, udp...))
	if sum == 0 {
		sum = 0xffff // zero would mean: no checksum
	}
	binary.BigEndian.PutUint16(udp[6:], sum)

	if from.Addr().Is6() {
		ip := []byte{0x60, 0, 0, 0, byte(len(udp) >> 8), byte(len(udp)), unix.IPPROTO_UDP, hopLimit}
		ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
		return append(append(ethernet(toMAC, fromMAC, unix.ETH_P_IPV6), ip...), udp...)
	}
	const ipHeaderLength = 20
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, hopLimit, unix.IPPROTO_UDP, 0, 0} // version 4, five words, don't fragment
	binary.BigEndian.PutUint16(ip[2:], uint16(ipHeaderLength+len(udp)))
	ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	return append(append(ethernet(toMAC, fromMAC, unix.ETH_P_IP), ip...), udp...)
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
