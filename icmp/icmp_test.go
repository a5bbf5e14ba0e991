package icmp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/internal/mutate"
)

var (
	router  = [6]byte{2, 0x77, 0x65, 0x66, 0x74, 1}
	router4 = netip.MustParseAddr("10.0.1.1")
	router6 = netip.MustParseAddr("fd00:1::1")
)

// frame4 is a UDP packet of so many bytes from 10.0.1.10 to 192.0.2.1, after
// some changes to its IP packet, with a right header checksum.
func frame4(size int, changes ...func(ip []byte)) []byte {
	ip := make([]byte, size)
	copy(ip, []byte{0x45, 0, byte(size >> 8), byte(size), 0x12, 0x34, 0x40, 0, 1, 17, 0, 0, 10, 0, 1, 10, 192, 0, 2, 1, 0x9c, 0x40, 0, 53, 0, 0, 0, 0})
	for i := 28; i < size; i++ {
		ip[i] = byte(i)
	}
	for _, change := range changes {
		change(ip)
	}
	header := ip[:min(len(ip), int(ip[0]&0xf)*4)]
	copy(header[10:], []byte{0, 0})
	setChecksum(header, 10, 0)
	return append([]byte{2, 0x77, 0x65, 0x66, 0x74, 1, 2, 0, 0, 0, 0, 10, 8, 0}, ip...)
}

// frame6 is the same from fd00:1::10 to 2001:db8::1.
func frame6(size int, changes ...func(ip []byte)) []byte {
	ip := make([]byte, size)
	copy(ip, []byte{0x60, 0, 0, 0, byte((size - 40) >> 8), byte(size - 40), 17, 1})
	src, dst := netip.MustParseAddr("fd00:1::10").As16(), netip.MustParseAddr("2001:db8::1").As16()
	copy(ip[8:], src[:])
	copy(ip[24:], dst[:])
	for i := 40; i < size; i++ {
		ip[i] = byte(i)
	}
	for _, change := range changes {
		change(ip)
	}
	return append([]byte{2, 0x77, 0x65, 0x66, 0x74, 1, 2, 0, 0, 0, 0, 10, 0x86, 0xdd}, ip...)
}

func put(at int, bytes ...byte) func([]byte) { return func(ip []byte) { copy(ip[at:], bytes) } }

func address(at int, a string) func([]byte) {
	return put(at, netip.MustParseAddr(a).AsSlice()...)
}

// exceeded is TimeExceeded from whichever address of the router fits.
func exceeded(frame []byte) ([]byte, error) {
	if src, ok := Sender(frame); ok && src.Is6() {
		return TimeExceeded(frame, router6, router)
	}
	return TimeExceeded(frame, router4, router)
}

func tooBig(frame []byte) ([]byte, error) {
	if src, ok := Sender(frame); ok && src.Is6() {
		return TooBig(frame, 1400, router6, router)
	}
	return TooBig(frame, 1400, router4, router)
}

func TestWhatIsAnswered(t *testing.T) {
	for _, c := range []struct {
		name   string
		frame  []byte
		answer func([]byte) ([]byte, error)
		header string // of the message, without its checksum
		quoted int    // bytes of the packet
	}{
		{"TTL exceeded", frame4(60), exceeded, "0b00 00000000", 60},
		{"an empty datagram", frame4(28), exceeded, "0b00 00000000", 28},
		{"four bytes of payload", frame4(24), exceeded, "0b00 00000000", 24},
		{"padding of Ethernet's", append(frame4(28), make([]byte, 18)...), exceeded, "0b00 00000000", 28},
		{"cut at 128 bytes", frame4(1500)[:128], exceeded, "0b00 00000000", 114},
		{"the longest answer", frame4(1500), exceeded, "0b00 00000000", 548},
		{"options", frame4(60, put(0, 0x46)), exceeded, "0b00 00000000", 60},
		{"an echo request", frame4(84, put(9, 1), put(20, 8)), exceeded, "0b00 00000000", 84},
		{"an echo reply", frame4(84, put(9, 1), put(20, 0)), exceeded, "0b00 00000000", 84},
		{"the first fragment", frame4(60, put(6, 0x20)), exceeded, "0b00 00000000", 60},
		{"another protocol that is cut", frame4(60, put(9, 132))[:34], exceeded, "0b00 00000000", 20},
		{"too big", frame4(1500), tooBig, "0304 00000578", 548},
		{"too big and cut", frame4(1500)[:128], tooBig, "0304 00000578", 114},

		{"hop limit exceeded", frame6(80), exceeded, "0300 00000000", 80},
		{"padding of Ethernet's, IPv6", append(frame6(40, put(6, 59)), make([]byte, 6)...), exceeded, "0300 00000000", 40},
		{"the longest answer, IPv6", frame6(1500), exceeded, "0300 00000000", 1232},
		{"cut at 128 bytes, IPv6", frame6(1500)[:128], exceeded, "0300 00000000", 114},
		{"an echo request, IPv6", frame6(100, put(6, 58), put(40, 128)), exceeded, "0300 00000000", 100},
		{"behind extension headers", frame6(100, put(6, 0), put(40, 60, 0), put(48, 43, 1), put(64, 51, 0), put(72, 58, 1), put(84, 129)), exceeded, "0300 00000000", 100},
		{"the first fragment, IPv6", frame6(100, put(6, 44), put(40, 17, 0, 0, 1)), exceeded, "0300 00000000", 100},
		{"too big, IPv6", frame6(1500), tooBig, "0200 00000578", 1232},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.answer(c.frame)
			if err != nil {
				t.Fatal(err)
			}
			checkAnswer(t, c.frame, got)
			header := 14 + 20
			if got[12] == 0x86 {
				header = 14 + 40
			}
			want, err := hex.DecodeString(strings.ReplaceAll(c.header, " ", ""))
			if err != nil {
				t.Fatal(err)
			}
			message := got[header:]
			if !bytes.Equal(message[:2], want[:2]) || !bytes.Equal(message[4:8], want[2:]) {
				t.Errorf("the message begins with %x, want %s", message[:8], c.header)
			}
			if len(message)-8 != c.quoted {
				t.Errorf("%d bytes are quoted, want %d", len(message)-8, c.quoted)
			}
		})
	}
}

// checkAnswer checks what holds for every answer to a frame.
func checkAnswer(t testing.TB, frame, got []byte) {
	t.Helper()
	if !bytes.Equal(got[:6], frame[6:12]) || !bytes.Equal(got[6:12], router[:]) || !bytes.Equal(got[12:14], frame[12:14]) {
		t.Fatalf("Ethernet header %x", got[:14])
	}
	ip := got[14:]
	src, dst := addresses(ip)
	asked, _ := addresses(frame[14:])
	message := ip[20:]
	pseudo := uint32(0)
	longest := 576
	if src.Is4() {
		if src != router4 || fold(sum(ip[:20])) != 0xffff || int(binary.BigEndian.Uint16(ip[2:])) != len(ip) {
			t.Fatalf("IPv4 header %x of %d bytes", ip[:20], len(ip))
		}
	} else {
		longest = 1280
		message = ip[40:]
		pseudo = sum(ip[8:40]) + uint32(len(message)) + 58
		if src != router6 || int(binary.BigEndian.Uint16(ip[4:])) != len(message) {
			t.Fatalf("IPv6 header %x of %d bytes", ip[:40], len(ip))
		}
	}
	if dst != asked {
		t.Fatalf("it goes to %v, and %v sent the packet", dst, asked)
	}
	if len(ip) > longest {
		t.Fatalf("%d bytes, more than %d", len(ip), longest)
	}
	if fold(pseudo+sum(message)) != 0xffff {
		t.Fatalf("the checksum of %x is wrong", message)
	}
	if quoted := message[8:]; !bytes.HasPrefix(frame[14:], quoted) {
		t.Fatalf("%x is quoted", quoted)
	}
	if again, err := exceeded(got); err == nil {
		t.Fatalf("an error about the error: %x", again)
	}
}

func TestWhatMustNotBeAnswered(t *testing.T) {
	v4 := func(changes ...func([]byte)) []byte { return frame4(1500, changes...) }
	v6 := func(changes ...func([]byte)) []byte { return frame6(1500, changes...) }
	for _, c := range []struct {
		name, why string
		frame     []byte
		answer    func([]byte) ([]byte, error)
	}{
		{"nothing", "no Ethernet frame", nil, exceeded},
		{"ARP", "a frame of Ethernet type 0x0806", append(v4()[:12], append([]byte{8, 6}, make([]byte, 46)...)...), exceeded},
		{"a VLAN tag", "Ethernet type 0x8100", append(v4()[:12], append([]byte{0x81, 0, 0, 5}, v4()[12:]...)...), exceeded},
		{"half a header", "with 19 bytes", v4()[:33], exceeded},
		{"half a header, IPv6", "with 39 bytes", v6()[:53], exceeded},
		{"IPv6 that says it is IPv4", "no IP header", v4(put(0, 0x65)), exceeded},
		{"a header of 16 bytes", "no IPv4 packet", v4(put(0, 0x44)), exceeded},
		{"options that are cut", "no IPv4 packet", v4(put(0, 0x4f))[:60], exceeded},
		{"a packet shorter than its header", "no IPv4 packet", v4(put(2, 0, 19)), exceeded},
		{"a wrong checksum", "checksum", flipped(v4()), exceeded},
		{"a frame for all", "one receiver", append([]byte{255, 255, 255, 255, 255, 255}, v4()[6:]...), exceeded},
		{"a frame for many", "one receiver", append([]byte{0x33, 0x33, 0, 0, 0, 1}, v6()[6:]...), tooBig},
		{"a frame from many", "one sender", append(append(v4()[:6:6], 1, 0, 0, 0, 0, 0), v4()[12:]...), exceeded},
		{"a packet for all", "for many: 255.255.255.255", v4(address(16, "255.255.255.255")), exceeded},
		{"a packet for many", "for many: 224.0.0.9", v4(address(16, "224.0.0.9")), exceeded},
		{"a packet for many, IPv6", "for many: ff02::1", v6(address(24, "ff02::1")), tooBig},
		{"from nobody", "no single sender: 0.0.0.0", v4(address(12, "0.0.0.0")), exceeded},
		{"from nobody, IPv6", "no single sender: ::", v6(address(8, "::")), exceeded},
		{"from this network", "no single sender: 0.0.0.7", v4(address(12, "0.0.0.7")), exceeded},
		{"from many", "no single sender: 239.1.2.3", v4(address(12, "239.1.2.3")), exceeded},
		{"from many, IPv6", "no single sender: ff05::2", v6(address(8, "ff05::2")), exceeded},
		{"from all", "no single sender: 255.255.255.255", v4(address(12, "255.255.255.255")), exceeded},
		{"from itself", "no single sender: 127.0.0.1", v4(address(12, "127.0.0.1")), exceeded},
		{"from itself, IPv6", "no single sender: ::1", v6(address(8, "::1")), exceeded},
		{"from the router", "pretends to come from here", v4(address(12, "10.0.1.1")), exceeded},
		{"from the router, IPv6", "pretends to come from here", v6(address(8, "fd00:1::1")), exceeded},
		{"the second fragment", "first fragment", v4(put(6, 0x20, 1)), exceeded},
		{"the second fragment, IPv6", "first fragment", v6(put(6, 44), put(40, 17, 0, 0, 8)), exceeded},
		{"unreachable", "error itself: type 3", v4(put(9, 1), put(20, 3)), exceeded},
		{"time exceeded", "error itself: type 11", v4(put(9, 1), put(20, 11)), tooBig},
		{"a redirect", "error itself: type 5", v4(put(9, 1), put(20, 5)), tooBig},
		{"ICMP of an unknown type", "error itself: type 200", v4(put(9, 1), put(20, 200)), exceeded},
		{"ICMP that is cut", "ICMP type", v4(put(9, 1))[:34], exceeded},
		{"unreachable, IPv6", "error itself: type 1", v6(put(6, 58), put(40, 1)), exceeded},
		{"a redirect, IPv6", "error itself: type 137", v6(put(6, 58), put(40, 137)), exceeded},
		{"too big behind extension headers", "error itself: type 2", v6(put(6, 60), put(40, 58, 1), put(56, 2)), tooBig},
		{"an extension header that is cut", "extension header 43", v6(put(6, 43), put(40, 6, 20))[:128], exceeded},
		{"half an extension header", "extension header 0", v6(put(6, 0))[:60], exceeded},
		{"ICMPv6 that is cut", "ICMPv6 type", v6(put(6, 58))[:54], exceeded},
		{"too big without DF", "may be fragmented", v4(put(6, 0)), tooBig},
		{"too big after another's error", "error itself: type 3", v4(put(9, 1), put(20, 3)), tooBig},
		{"an answer of the other family", "10.0.1.1 cannot answer fd00:1::10", v6(), func(b []byte) ([]byte, error) { return TimeExceeded(b, router4, router) }},
	} {
		got, err := c.answer(c.frame)
		if err == nil || !strings.Contains(err.Error(), c.why) || got != nil {
			t.Errorf("%s: %x, error %v, want none because of %q", c.name, got, err, c.why)
		}
	}
}

// flipped has another TTL than its checksum knows.
func flipped(frame []byte) []byte {
	frame[14+8]++
	return frame
}

func TestSender(t *testing.T) {
	for want, frame := range map[string][]byte{
		"10.0.1.10":  frame4(1500)[:128],
		"fd00:1::10": frame6(1500)[:128],
		"invalid IP": frame4(30)[:20],
	} {
		got, ok := Sender(frame)
		if got.String() != want || ok != got.IsValid() {
			t.Errorf("%v %v, want %s", got, ok, want)
		}
	}
}

func corpus() mutate.Corpus {
	return mutate.Corpus{
		frame4(60), frame4(1500)[:128], frame4(84, put(9, 1), put(20, 8)), frame4(60, put(0, 0x46)),
		frame6(80), frame6(1500)[:128], frame6(100, put(6, 58), put(40, 128)),
		frame6(100, put(6, 0), put(40, 60, 0), put(48, 43, 1), put(64, 44, 0, 0, 1), put(72, 58), put(80, 129)),
	}
}

// checkFrame mends the checksum first, or few mutants of IPv4 got any further.
func checkFrame(t testing.TB, b []byte) {
	if len(b) >= 34 && b[12] == 8 && b[14]>>4 == 4 {
		header := b[14:min(len(b), 14+max(20, int(b[14]&0xf)*4))]
		copy(header[10:], []byte{0, 0})
		setChecksum(header, 10, 0)
	}
	for _, answer := range []func([]byte) ([]byte, error){exceeded, tooBig} {
		if got, err := answer(b); err == nil {
			checkAnswer(t, b, got)
		}
	}
}

func FuzzErrors(f *testing.F) {
	corpus().Seed(f)
	f.Fuzz(func(t *testing.T, b []byte) { checkFrame(t, bytes.Clone(b)) })
}

func TestMutants(t *testing.T) { corpus().Saved(t, "FuzzErrors").Check(t, checkFrame) }
