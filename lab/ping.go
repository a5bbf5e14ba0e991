package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Pings is a running series of echo requests.
type Pings struct {
	to       netip.Addr
	id       uint16
	token    []byte
	conn     net.PacketConn
	stop     context.CancelFunc
	finished sync.WaitGroup

	mu   sync.Mutex
	sent []ping
}

// ping is one request: its sequence number is its place in the series.
type ping struct {
	at       time.Time
	answered time.Time // zero: not yet
}

// PingResult says what became of a series of echo requests.
type PingResult struct {
	Sent, Received int
	// LongestGap is the longest time from the first lost request of a row to
	// the next one that was answered, or to the last one sent.
	LongestGap time.Duration
}

// Lost is how many requests were not answered.
func (r PingResult) Lost() int { return r.Sent - r.Received }

func (r PingResult) String() string {
	return fmt.Sprintf("%d sent, %d lost, longest gap %v", r.Sent, r.Lost(), r.LongestGap.Round(time.Millisecond))
}

// Types of ICMP and ICMPv6 messages (RFC 792, RFC 4443).
const (
	echoRequest, echoReply     = 8, 0
	echoRequestV6, echoReplyV6 = 128, 129
	echoHeaderLength           = 8
)

// Ping sends an echo request to an address each interval until it is stopped.
func (m *Machine) Ping(to netip.Addr, interval time.Duration) (*Pings, error) {
	return m.ping(to, interval, uint16(rand.Uint32()), "")
}

// PingAs is [Machine.Ping] with an identifier, which tells the series of one
// machine apart and may be the same on several.
func (m *Machine) PingAs(id uint16, to netip.Addr, interval time.Duration) (*Pings, error) {
	return m.ping(to, interval, id, "")
}

// ping is [Machine.PingAs] with a token in every request.
func (m *Machine) ping(to netip.Addr, interval time.Duration, id uint16, token string) (*Pings, error) {
	network, any := "ip4:icmp", "0.0.0.0"
	if to.Is6() {
		network, any = "ip6:ipv6-icmp", "::"
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Pings{to: to, id: id, token: []byte(token), stop: cancel}
	err := m.in.do(func() (err error) {
		p.conn, err = net.ListenPacket(network, any)
		return err
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("ping %s from %s: %w", to, m.Name, err)
	}
	p.finished.Go(p.receive)
	p.finished.Go(func() { p.send(ctx, interval) })
	return p, nil
}

func (p *Pings) send(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for ctx.Err() == nil {
		p.mu.Lock()
		p.sent = append(p.sent, ping{at: time.Now()})
		seq := len(p.sent) - 1
		p.mu.Unlock()
		// A request that cannot be sent (no route, say) is a lost one.
		_, _ = p.conn.WriteTo(p.request(uint16(seq)), &net.IPAddr{IP: p.to.AsSlice()})
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (p *Pings) request(seq uint16) []byte {
	m := []byte{echoRequest, 0, 0, 0}
	if p.to.Is6() {
		m[0] = echoRequestV6 // and the kernel fills the checksum in
	}
	m = binary.BigEndian.AppendUint16(m, p.id)
	m = binary.BigEndian.AppendUint16(m, seq)
	m = append(m, p.token...)
	if p.to.Is4() {
		binary.BigEndian.PutUint16(m[2:], checksum(m))
	}
	return m
}

func (p *Pings) receive() {
	want := byte(echoReply)
	if p.to.Is6() {
		want = echoReplyV6
	}
	buffer := make([]byte, 2048)
	for {
		n, from, err := p.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil || n < echoHeaderLength || buffer[0] != want || binary.BigEndian.Uint16(buffer[4:]) != p.id {
			continue // an error that ICMP reported, or somebody else's
		}
		if source, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP); source.Unmap() != p.to {
			continue
		}
		p.answer(binary.BigEndian.Uint16(buffer[6:]))
	}
}

// answer marks the latest request with that 16-bit sequence number.
func (p *Pings) answer(seq uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.sent) - 1
	if i := last - int(uint16(last)-seq); i >= 0 && p.sent[i].answered.IsZero() {
		p.sent[i].answered = time.Now()
	}
}

// Stop ends the series, gives the last answers their time and returns what
// became of it.
func (p *Pings) Stop() PingResult {
	p.stop()
	wait, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = until(wait, "all are answered", func() (bool, error) { // or lost for good
		return p.Result().Lost() == 0, nil
	})
	p.close()
	return p.Result()
}

func (p *Pings) close() {
	p.stop()
	p.conn.Close()
	p.finished.Wait()
}

// answeredSince is how many requests were answered, without the first ones.
func (p *Pings) answeredSince(first int) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.sent[first:] {
		if !one.answered.IsZero() {
			n++
		}
	}
	return n
}

// Result is what became of the series so far; the latest requests may still be
// on their way.
func (p *Pings) Result() PingResult {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := PingResult{Sent: len(p.sent)}
	var lostSince, until time.Time
	gap := func() {
		if !lostSince.IsZero() {
			r.LongestGap = max(r.LongestGap, until.Sub(lostSince))
		}
	}
	for _, one := range p.sent {
		until = one.at
		switch {
		case !one.answered.IsZero():
			r.Received++
			gap()
			lostSince = time.Time{}
		case lostSince.IsZero():
			lostSince = one.at
		}
	}
	gap()
	return r
}
