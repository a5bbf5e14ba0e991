package e2e

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// sendFrames makes the test binary send frames on an interface, past the
// network stack of the container that it runs in.
const sendFrames = "send-frames"

func send(device string, frames []string) error {
	card, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, text := range frames {
		frame, err := hex.DecodeString(text)
		if err != nil {
			return err
		}
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: card.Index}); err != nil {
			return fmt.Errorf("send a frame of %d bytes on %s: %w", len(frame), device, err)
		}
	}
	return nil
}

// sends has a container send frames as they are.
func (s *site) sends(container string, frames ...[]byte) {
	s.t.Helper()
	s.sendsOn(container, "eth0", frames...)
}

// sendsOn has a machine send frames as they are on one of its interfaces.
func (s *site) sendsOn(machine, device string, frames ...[]byte) {
	s.t.Helper()
	self, err := os.Executable()
	s.must(err)
	argv := []string{sendFrames, device}
	for _, f := range frames {
		argv = append(argv, hex.EncodeToString(f))
	}
	_, err = s.Machine(machine).Run(s.ctx, self, argv...)
	s.must(err)
}

// macOn is the MAC address of an interface of a machine.
func (s *site) macOn(machine, device string) mac {
	s.t.Helper()
	out, err := s.Machine(machine).Run(s.ctx, "ip", "-oneline", "link", "show", "dev", device)
	s.must(err)
	_, address, _ := strings.Cut(out, "link/ether ")
	parsed, err := net.ParseMAC(strings.Fields(address + " none")[0])
	s.must(err)
	return mac(parsed)
}

// execIn runs a command as weft lab exec does: also on the router.
func (s *site) execIn(machine, name string, args ...string) error {
	argv := append([]string{"lab", "exec", "--dir", s.Dir, machine, "--", name}, args...)
	out, err := exec.CommandContext(s.ctx, weftBinary, argv...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s on %s: %w: %s", name, strings.Join(args, " "), machine, err, out)
	}
	return nil
}

type mac [6]byte

var everybody = mac{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func ethernet(to, from mac, protocol uint16, payload []byte) []byte {
	return join(to[:], from[:], binary.BigEndian.AppendUint16(nil, protocol), payload)
}

// arp is RFC 826's packet.
func arp(operation byte, senderMAC mac, sender netip.Addr, targetMAC mac, target netip.Addr) []byte {
	return join([]byte{0, 1, 8, 0, 6, 4, 0, operation}, senderMAC[:], sender.AsSlice(), targetMAC[:], target.AsSlice())
}

// udpIn is a UDP datagram to the discard port (RFC 863) in an IP packet.
func udpIn(from, to netip.Addr, payload []byte) []byte {
	length := 8 + len(payload)
	udp := join([]byte{0x30, 0x39, 0, 9, byte(length >> 8), byte(length), 0, 0}, payload)
	if to.Is6() {
		binary.BigEndian.PutUint16(udp[6:], checksum(pseudo(from, to, unix.IPPROTO_UDP, udp)))
		return ipv6(from, to, unix.IPPROTO_UDP, 64, udp)
	}
	total := 20 + length // without a UDP checksum: RFC 768 lets IPv4 do that
	header := join([]byte{0x45, 0, byte(total >> 8), byte(total), 0, 0, 0x40, 0, 64, unix.IPPROTO_UDP, 0, 0}, from.AsSlice(), to.AsSlice())
	binary.BigEndian.PutUint16(header[10:], checksum(header))
	return join(header, udp)
}

func ipv6(from, to netip.Addr, next, hopLimit byte, payload []byte) []byte {
	return join([]byte{0x60, 0, 0, 0, byte(len(payload) >> 8), byte(len(payload)), next, hopLimit}, from.AsSlice(), to.AsSlice(), payload)
}

// icmpv6 is an ICMPv6 message (RFC 4443) in an IPv6 packet.
func icmpv6(from, to netip.Addr, hopLimit, kind byte, body []byte) []byte {
	message := join([]byte{kind, 0, 0, 0}, body)
	binary.BigEndian.PutUint16(message[2:], checksum(pseudo(from, to, unix.IPPROTO_ICMPV6, message)))
	return ipv6(from, to, unix.IPPROTO_ICMPV6, hopLimit, message)
}

// Types of neighbour discovery (RFC 4861 section 4).
const (
	routerAdvertisement    = 134
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
	redirect               = 137

	sourceLinkLayer, targetLinkLayer = 1, 2
	ndHopLimit                       = 255
)

// neighbour is the body of a neighbour solicitation or advertisement.
func neighbour(flags byte, target netip.Addr, option byte, of mac) []byte {
	return join([]byte{flags, 0, 0, 0}, target.AsSlice(), []byte{option, 1}, of[:])
}

func pseudo(from, to netip.Addr, protocol byte, payload []byte) []byte {
	length := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
	return join(from.AsSlice(), to.AsSlice(), length, []byte{0, 0, 0, protocol}, payload)
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for i, x := range b {
		if i%2 == 0 {
			sum += uint32(x) << 8
		} else {
			sum += uint32(x)
		}
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
