package membership

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// network is UDP and TCP between members in memory. It drops what real ones
// drop, and counts.
type network struct {
	mu      sync.Mutex
	nodes   map[netip.AddrPort]*node
	apart   func(from, to netip.Addr) bool // a packet cannot go there
	loss    float64                        // of packets, not of streams
	chance  *rand.Rand
	latency time.Duration
}

func newNetwork() *network {
	return &network{nodes: make(map[netip.AddrPort]*node), apart: func(netip.Addr, netip.Addr) bool { return false },
		chance: rand.New(rand.NewPCG(1, 0)), latency: 300 * time.Microsecond}
}

// part takes hosts apart; nil heals.
func (n *network) part(apart func(from, to netip.Addr) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if apart == nil {
		apart = func(netip.Addr, netip.Addr) bool { return false }
	}
	n.apart = apart
}

// node is one host's sockets.
type node struct {
	net     *network
	at      netip.AddrPort
	packets chan *memberlist.Packet
	streams chan net.Conn
	stopped chan struct{}

	// What it sent, guarded by net.mu: headers of Ethernet, IP and UDP or TCP
	// included.
	sent        int
	sentPackets int
	sentStreams int
}

const (
	udpHeaders = 14 + 20 + 8
	tcpHeaders = 14 + 20 + 32
	// A stream also has three packets of its opening and four of its end.
	streamPackets = 7
	segment       = 1448
)

func (n *network) listen(at netip.AddrPort) *node {
	h := &node{net: n, at: at, packets: make(chan *memberlist.Packet, 1024), streams: make(chan net.Conn, 64), stopped: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes[at] = h
	return h
}

func (h *node) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IP(h.at.Addr().AsSlice()), int(h.at.Port()), nil
}

// to finds who listens, or nil if packets do not get there.
func (h *node) to(at netip.AddrPort) *node {
	dst := h.net.nodes[at]
	if dst == nil || h.net.apart(h.at.Addr(), at.Addr()) {
		return nil
	}
	return dst
}

func (h *node) WriteTo(b []byte, addr string) (time.Time, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return time.Time{}, err
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.sent += len(b) + udpHeaders
	h.sentPackets++
	if dst := h.to(at); dst != nil && h.net.chance.Float64() >= h.net.loss {
		time.AfterFunc(h.net.latency, func() {
			select {
			case dst.packets <- &memberlist.Packet{Buf: b, From: net.UDPAddrFromAddrPort(h.at), Timestamp: time.Now()}:
			default: // its buffer is full
			}
		})
	}
	return time.Now(), nil
}

func (h *node) PacketCh() <-chan *memberlist.Packet { return h.packets }
func (h *node) StreamCh() <-chan net.Conn           { return h.streams }

var errTimeout = &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("i/o timeout")}

func (h *node) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	h.net.mu.Lock()
	dst := h.to(at)
	h.sentStreams++
	h.sent += streamPackets / 2 * tcpHeaders
	h.net.mu.Unlock()
	if dst == nil {
		time.Sleep(timeout)
		return nil, errTimeout
	}
	time.Sleep(2 * h.net.latency)
	select {
	case <-dst.stopped:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	default:
	}
	here, there := net.Pipe()
	from := netip.AddrPortFrom(h.at.Addr(), 40000) // as if a client's
	select {
	case dst.streams <- &stream{there, dst, from}:
		return &stream{here, h, at}, nil
	default:
		return nil, errTimeout
	}
}

func (h *node) Shutdown() error {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	close(h.stopped)
	if h.net.nodes[h.at] == h {
		delete(h.net.nodes, h.at)
	}
	return nil
}

// stream is one end of a connection.
type stream struct {
	net.Conn
	of   *node
	peer netip.AddrPort
}

func (s *stream) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(s.peer) }

func (s *stream) Write(b []byte) (int, error) {
	s.of.net.mu.Lock()
	s.of.sent += len(b) + (len(b)+segment-1)/segment*tcpHeaders
	s.of.net.mu.Unlock()
	return s.Conn.Write(b)
}
