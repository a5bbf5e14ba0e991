package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// dualTopology is pairTopology with both families.
const dualTopology = `
name: dual
underlay:
  segments: {lan: 192.0.2.0/24}
hosts:
  - {name: host1, address: 192.0.2.11/24}
  - {name: host2, address: 192.0.2.12/24}
networks:
  - {name: net1, subnets: [10.0.1.0/24, "2001:db8:1::/64"], vni: 5000}
endpoints:
  - {name: one, network: net1, addresses: [10.0.1.1, "2001:db8:1::1"]}
  - {name: two, network: net1, addresses: [10.0.1.2, "2001:db8:1::2"]}
containers:
  - {name: one, host: host1}
  - {name: two, host: host2}
expect:
  - {from: one, to: two, reaches: true}
  - {from: two, to: one, reaches: true}
  - {from: one, to: two, neighbour: local}
`

var droppedLine = regexp.MustCompile(`cookie=(0x[0-9a-f]+), .*n_packets=(\d+),`)

// drops counts packets by the cookie of the flow that dropped them.
func (s *site) drops(host string) map[uint64]int {
	s.t.Helper()
	counts := map[uint64]int{}
	for _, line := range lines(s.on(host, "ovs-ofctl", "dump-flows", "br-weft"), "cookie=") {
		found := droppedLine.FindStringSubmatch(line)
		if found == nil || !strings.HasSuffix(line, "actions=drop") {
			continue
		}
		cookie, err := strconv.ParseUint(found[1], 0, 64)
		s.must(err)
		packets, err := strconv.Atoi(found[2])
		s.must(err)
		counts[cookie] += packets
	}
	return counts
}

// capture is everything that arrives in a container.
func (s *site) capture(container string) (file string) {
	s.t.Helper()
	file = filepath.Join(s.t.TempDir(), "captured")
	ctx, stop := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// It ends by being killed.
		_, _ = s.Machine(container).Run(ctx, "tcpdump", "-i", "eth0", "-Q", "in", "-U", "--immediate-mode", "-w", file)
	}()
	s.t.Cleanup(func() { stop(); <-ended })
	s.within(soon, "tcpdump listens", func() error {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 { // it writes a header first
			return fmt.Errorf("nothing in %s: %v", file, err)
		}
		return nil
	})
	return file
}

// arrived says whether a frame with a mark is in a capture.
func arrived(file string, mark []byte) error {
	text, err := os.ReadFile(file)
	if err == nil && !bytes.Contains(text, mark) {
		err = fmt.Errorf("no frame with %x arrived", mark)
	}
	return err
}

func TestNoEndpointSpeaksForAnother(t *testing.T) {
	s := up(t, dualTopology)
	s.check()
	one, two := s.endpoint("one"), s.endpoint("two")
	m1, m2 := mac(one.MAC.Bytes), mac(two.MAC.Bytes)
	other := mac{2, 0, 0, 0, 0, 0x99}
	a1, a2, x := netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.2"), netip.MustParseAddr("10.0.1.99")
	b1, b2, y := netip.MustParseAddr("2001:db8:1::1"), netip.MustParseAddr("2001:db8:1::2"), netip.MustParseAddr("2001:db8:1::99")
	allNodes := netip.MustParseAddr("ff02::1")
	nodes := mac{0x33, 0x33, 0, 0, 0, 1}
	const v4, v6, a = unix.ETH_P_IP, unix.ETH_P_IPV6, unix.ETH_P_ARP

	file := s.capture("two")
	for _, good := range []struct {
		name  string
		frame []byte
	}{
		{"IPv4", ethernet(m2, m1, v4, udpIn(a1, a2, nil))},
		{"IPv6", ethernet(m2, m1, v6, udpIn(b1, b2, nil))},
		{"a broadcast", ethernet(everybody, m1, v4, udpIn(a1, netip.MustParseAddr("10.0.1.255"), nil))},
		{"an ARP answer", ethernet(m2, m1, a, arp(2, m1, a1, m2, a2))},
		{"a neighbour advertisement", ethernet(m2, m1, v6, icmpv6(b1, b2, ndHopLimit, neighbourAdvertisement, neighbour(0x60, b1, targetLinkLayer, m1)))},
	} {
		mark := newMark()
		s.within(soon, good.name+" arrives", func() error {
			s.sends("one", join(good.frame, mark))
			return arrived(file, mark)
		})
	}
	for _, bad := range []struct {
		name, why string
		frame     []byte
	}{
		{"another source MAC", "source MAC", ethernet(m2, other, v4, udpIn(a1, a2, nil))},
		{"the receiver's MAC", "source MAC", ethernet(m2, m2, v4, udpIn(a1, a2, nil))},
		{"another IPv4 address", "source address", ethernet(m2, m1, v4, udpIn(x, a2, nil))},
		{"the receiver's IPv4 address", "source address", ethernet(m2, m1, v4, udpIn(a2, a2, nil))},
		{"another IPv6 address", "source address", ethernet(m2, m1, v6, udpIn(y, b2, nil))},
		{"IPv6 from nowhere", "source address", ethernet(m2, m1, v6, udpIn(netip.IPv6Unspecified(), b2, nil))},
		{"an ARP answer for another", "source address", ethernet(m2, m1, a, arp(2, m1, x, m2, a2))},
		{"an ARP answer with another MAC", "source address", ethernet(m2, m1, a, arp(2, other, a1, m2, a2))},
		{"an ARP question as another", "source address", ethernet(everybody, m1, a, arp(1, m1, x, mac{}, a2))},
		{"a protocol that is not IP", "source address", ethernet(m2, m1, 0x88b5, nil)},
		{"an advertisement for another", "neighbour discovery", ethernet(m2, m1, v6, icmpv6(b1, b2, ndHopLimit, neighbourAdvertisement, neighbour(0x60, y, targetLinkLayer, m1)))},
		{"an advertisement with another MAC", "neighbour discovery", ethernet(m2, m1, v6, icmpv6(b1, b2, ndHopLimit, neighbourAdvertisement, neighbour(0x60, b1, targetLinkLayer, other)))},
		{"an advertisement from afar", "neighbour discovery", ethernet(m2, m1, v6, icmpv6(b1, b2, 64, neighbourAdvertisement, neighbour(0x60, b1, targetLinkLayer, m1)))},
		{"a solicitation with another MAC", "neighbour discovery", ethernet(m2, m1, v6, icmpv6(b1, b2, ndHopLimit, neighbourSolicitation, neighbour(0, b2, sourceLinkLayer, other)))},
		{"a router advertisement", "router advertisements", ethernet(nodes, m1, v6, icmpv6(b1, allNodes, ndHopLimit, routerAdvertisement, make([]byte, 12)))},
		{"a redirect", "router advertisements", ethernet(m2, m1, v6, icmpv6(b1, b2, ndHopLimit, redirect, make([]byte, 36)))},
		{"a VLAN tag", "untagged", ethernet(m2, m1, 0x8100, join([]byte{0, 5, 8, 0}, udpIn(a1, a2, nil)))},
		{"two VLAN tags", "untagged", ethernet(m2, m1, 0x88a8, join([]byte{0, 5, 0x81, 0, 0, 6, 8, 0}, udpIn(a1, a2, nil)))},
		{"an unknown destination", "destination MAC", ethernet(other, m1, v4, udpIn(a1, a2, nil))},
		{"an ARP question for nobody", "asked for", ethernet(everybody, m1, a, arp(1, m1, a1, mac{}, x))},
		{"a solicitation for nobody", "asked for", ethernet(mac{0x33, 0x33, 0xff, 0, 0, 0x99}, m1, v6, icmpv6(b1, netip.MustParseAddr("ff02::1:ff00:99"), ndHopLimit, neighbourSolicitation, neighbour(0, y, sourceLinkLayer, m1)))},
	} {
		t.Run(bad.name, func(t *testing.T) {
			s := s.in(t)
			s.droppedBecause("host1", bad.why, func(mark []byte) {
				frame := join(bad.frame, mark)
				s.sends("one", frame, frame, frame)
			}, 3, file)
		})
	}
	t.Run("a tunnel packet of a stranger", func(t *testing.T) {
		s := s.in(t)
		s.droppedBecause("host2", "VTEP", func(mark []byte) {
			conn, err := s.HTTP().Transport.(*http.Transport).DialContext(s.ctx, "udp", "192.0.2.12:4789")
			s.must(err)
			defer conn.Close()
			vxlan := []byte{8, 0, 0, 0, 0, 0x13, 0x88, 0} // VNI 5000 (RFC 7348 section 5)
			for range 3 {
				_, err = conn.Write(join(vxlan, ethernet(m2, m1, v4, udpIn(a1, a2, nil)), mark))
				s.must(err)
			}
		}, 3, file)
	})
}

func newMark() []byte {
	mark := make([]byte, 32) // long enough that no frame needs padding after it
	rand.Read(mark)
	return mark
}

// droppedBecause sends marked frames that must not arrive, and finds the drop
// flow that counted them.
func (s *site) droppedBecause(host, why string, send func(mark []byte), frames int, file string) {
	s.t.Helper()
	before, mark := s.drops(host), newMark()
	send(mark)
	var cookie uint64
	s.within(soon, "the frames are counted", func() error {
		// Counters follow the datapath's once a second unless asked for.
		for c, n := range s.drops(host) {
			if n >= before[c]+frames {
				if text := s.why(c); strings.Contains(text, why) {
					cookie = c
					return nil
				}
			}
		}
		return fmt.Errorf("no drop because of %q among %v", why, s.risen(host, before))
	})
	if err := arrived(file, mark); err == nil {
		s.t.Errorf("counted at %#x, and it arrived", cookie)
	}
}

func (s *site) why(cookie uint64) string {
	s.t.Helper()
	out, err := s.weft("why", fmt.Sprintf("%#x", cookie))
	s.must(err)
	return out
}

func (s *site) risen(host string, before map[uint64]int) (all []string) {
	s.t.Helper()
	for c, n := range s.drops(host) {
		if n > before[c] {
			all = append(all, fmt.Sprintf("+%d %s", n-before[c], s.why(c)))
		}
	}
	return all
}
