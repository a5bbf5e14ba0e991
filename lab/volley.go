package lab

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// A volley looks at all pairs of containers at once, in a fraction of a second:
// every container sends one marked datagram to each other one and one to
// everybody, past its own network stack, and raw sockets see where they come
// out, and in how many copies. [Lab.Check] is slower and looks at more: at
// ARP, TCP and what the kernels of the containers think of it all.

// Datagram is one datagram of a volley.
type Datagram struct {
	From, To string // containers; To is empty when it is for everybody
	IPv6     bool
}

func (d Datagram) String() string {
	to, family := d.To, "IPv4"
	if to == "" {
		to = "everybody"
	}
	if d.IPv6 {
		family = "IPv6"
	}
	return fmt.Sprintf("%s from %s to %s", family, d.From, to)
}

// Arrivals are the containers at which copies of datagrams came out, by name.
type Arrivals map[Datagram][]string

// Volley fires one volley among all plugged containers and returns what came
// out where. What is expected only tells how long to wait: a second volley is
// fired right after the first as its control, and when all that is expected of
// it has come out, nothing of the first is still on its way.
func (l *Lab) Volley(ctx context.Context, expected Arrivals) (Arrivals, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	v := volley{token: rand.Text(), arrived: map[string]Arrivals{firstRound: {}, controlRound: {}}}
	defer v.close()
	for _, c := range l.Containers() {
		if !c.Plugged() {
			continue
		}
		if err := v.join(c); err != nil {
			return nil, err
		}
	}
	for _, round := range []string{firstRound, controlRound} {
		if err := v.fire(round); err != nil {
			return nil, err
		}
	}
	err := until(ctx, "the control volley came out", func() (bool, error) { return v.holds(controlRound, expected), nil })
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, err
	}
	return v.of(firstRound), nil
}

// The two rounds of a volley.
const (
	firstRound   = "first"
	controlRound = "control"
)

type volley struct {
	token    string
	members  []member
	finished sync.WaitGroup

	mu      sync.Mutex
	arrived map[string]Arrivals // by round
}

type member struct {
	*Container
	wire *wire
}

// join adds a container: it is watched from now on.
func (v *volley) join(c *Container) error {
	w, err := c.in.tapWire(c.Interface(), unix.ETH_P_ALL)
	if err != nil {
		return err
	}
	v.members = append(v.members, member{c, w})
	v.finished.Go(func() {
		frame := make([]byte, 1<<16)
		for {
			n, err := w.Read(frame)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if payload, ok := datagramIn(frame[:n]); err == nil && ok {
				v.note(c.Name, string(payload))
			}
		}
	})
	return nil
}

func (v *volley) close() {
	for _, m := range v.members {
		m.wire.Close()
	}
	v.finished.Wait()
}

// mark is what a datagram of the volley carries.
func (v *volley) mark(round string, d Datagram) string {
	return strings.Join([]string{v.token, round, d.From, d.To, fmt.Sprint(d.IPv6)}, "|")
}

func (v *volley) note(at, mark string) {
	words := strings.Split(mark, "|")
	if len(words) != 5 || words[0] != v.token {
		return
	}
	d := Datagram{From: words[2], To: words[3], IPv6: words[4] == "true"}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.arrived[words[1]][d] = append(v.arrived[words[1]][d], at)
}

func (v *volley) fire(round string) error {
	for _, from := range v.members {
		for _, source := range from.Addresses() {
			d := Datagram{From: from.Name, IPv6: source.Is6()}
			mac, all := broadcast, netip.AddrFrom4([4]byte{255, 255, 255, 255})
			if source.Is6() {
				mac, all = allNodesMAC, netip.IPv6LinkLocalAllNodes()
			}
			if err := v.send(round, d, from, source, mac, all); err != nil {
				return err
			}
			for _, to := range v.members {
				i := slices.IndexFunc(to.Addresses(), func(a netip.Addr) bool { return a.Is6() == source.Is6() })
				if to.Container == from.Container || i < 0 {
					continue
				}
				d.To = to.Name
				if err := v.send(round, d, from, source, to.wire.mac, to.Addresses()[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// allNodesMAC is where Ethernet takes ff02::1 (RFC 2464 section 7).
var allNodesMAC = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}

func (v *volley) send(round string, d Datagram, from member, source netip.Addr, mac net.HardwareAddr, to netip.Addr) error {
	frame := udpDatagram(mac, from.wire.mac, netip.AddrPortFrom(source, responderPort), netip.AddrPortFrom(to, discardPort), []byte(v.mark(round, d)))
	if _, err := from.wire.Write(frame); err != nil {
		return fmt.Errorf("send a datagram from %s: %w", from.Name, err)
	}
	return nil
}

// of returns the arrivals of a round.
func (v *volley) of(round string) Arrivals {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := Arrivals{}
	for d, at := range v.arrived[round] {
		out[d] = slices.Sorted(slices.Values(at))
	}
	return out
}

// holds reports whether all that is expected of a round came out.
func (v *volley) holds(round string, expected Arrivals) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for d, at := range expected {
		for _, name := range at {
			if !slices.Contains(v.arrived[round][d], name) {
				return false
			}
		}
	}
	return true
}

// datagramIn returns the payload of a UDP datagram to the discard port. That
// an ICMP error quotes one does not count.
func datagramIn(frame []byte) (payload []byte, ok bool) {
	protocol, ip := split(frame)
	var udp []byte
	switch {
	case protocol == unix.ETH_P_IP && len(ip) >= ipv4Length && ip[9] == unix.IPPROTO_UDP:
		udp = ip[min(len(ip), int(ip[0]&0xf)*4):]
	case protocol == unix.ETH_P_IPV6 && len(ip) >= ipv6Length && ip[6] == unix.IPPROTO_UDP:
		udp = ip[ipv6Length:]
	}
	if len(udp) < udpLength || binary.BigEndian.Uint16(udp[2:]) != discardPort {
		return nil, false
	}
	end := min(len(udp), int(binary.BigEndian.Uint16(udp[4:]))) // frames are padded
	return udp[udpLength:max(end, udpLength)], true
}
