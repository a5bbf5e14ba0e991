package lab

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"
)

// patience is how long one question waits for its answer: a lab's round trips
// take milliseconds, the first one with ARP over a tunnel some hundreds, and a
// busy machine is given some more.
const patience = time.Second

// Answer says who answered a question, and as whom he saw who asked.
type Answer struct {
	By     string
	SeenAs netip.AddrPort
}

// Ask asks over TCP or UDP who answers at an address. Responders have to be
// there: see [Lab.Respond].
func (m *Machine) Ask(ctx context.Context, network string, at netip.AddrPort) (Answer, error) {
	return m.ask(ctx, network, netip.AddrPort{}, at, rand.Text())
}

// AskFrom is [Machine.Ask] from a port, and an address unless it is unspecified.
func (m *Machine) AskFrom(ctx context.Context, network string, from, at netip.AddrPort) (Answer, error) {
	return m.ask(ctx, network, from, at, rand.Text())
}

func (m *Machine) ask(ctx context.Context, network string, from, at netip.AddrPort, token string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := m.in.dialFrom(ctx, network, from, at)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	return question(conn, network, token)
}

// question asks over a connection and reads the one answer.
func question(conn net.Conn, network, token string) (Answer, error) {
	q := askName + " " + token
	if network == overTCP {
		q += "\n"
	}
	if _, err := io.WriteString(conn, q); err != nil {
		return Answer{}, err
	}
	text := make([]byte, 2048)
	n, err := conn.Read(text)
	if err != nil {
		return Answer{}, err
	}
	words := strings.Fields(string(text[:n]))
	if len(words) != 3 || words[1] != token {
		return Answer{}, fmt.Errorf("%s answered %q, which is no responder's answer", conn.RemoteAddr(), text[:n])
	}
	seen, err := netip.ParseAddrPort(words[2])
	return Answer{By: words[0], SeenAs: netip.AddrPortFrom(seen.Addr().Unmap(), seen.Port())}, err
}

// Talk is a TCP connection over which one asks again and again.
type Talk struct {
	conn net.Conn
}

// Talk opens a connection to a responder.
func (m *Machine) Talk(ctx context.Context, at netip.AddrPort) (*Talk, error) {
	conn, err := m.in.dialFrom(ctx, overTCP, netip.AddrPort{}, at)
	if err != nil {
		return nil, fmt.Errorf("connect %s with %s: %w", m.Name, at, err)
	}
	return &Talk{conn}, nil
}

// Ask asks once more over the connection, and waits as long as ctx lets it.
func (t *Talk) Ask(ctx context.Context) (Answer, error) {
	deadline, _ := ctx.Deadline() // none is none
	t.conn.SetDeadline(deadline)
	return question(t.conn, overTCP, rand.Text())
}

// Close ends the connection.
func (t *Talk) Close() error { return t.conn.Close() }

// echoes sends one echo request and reports whether it was answered. Whose
// kernel answered, ICMP does not tell.
func (m *Machine) echoes(ctx context.Context, a netip.Addr, token string) (bool, error) {
	p, err := m.ping(a, time.Hour, uint16(mathrand.Uint32()), token)
	if err != nil {
		return false, err
	}
	defer p.close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answered := func() (bool, error) { return p.Result().Received > 0, nil }
	return until(ctx, "the echo is answered", answered) == nil, nil
}

// sendBulk sends size bytes over one TCP connection and returns who received
// them all.
func (m *Machine) sendBulk(ctx context.Context, a netip.Addr, size ByteSize) (string, error) {
	conn, err := m.in.dialFrom(ctx, overTCP, netip.AddrPort{}, netip.AddrPortFrom(a, responderPort))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	data := io.LimitReader(rand.Reader, int64(size))
	if _, err := io.WriteString(conn, askBulk+"\n"); err != nil {
		return "", err
	}
	if _, err := io.Copy(conn, data); err != nil {
		return "", err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("no receipt for %s: %w", size, err)
	}
	name, count, _ := strings.Cut(strings.TrimSpace(answer), " ")
	if count != fmt.Sprint(int64(size)) {
		return name, fmt.Errorf("%s received %s of %d bytes", name, count, int64(size))
	}
	return name, nil
}
