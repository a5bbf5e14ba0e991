package lab

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// patience is how long one question waits for its answer: a lab's round trips
// take milliseconds, the first one with ARP over a tunnel some hundreds, and a
// busy machine is given some more.
const patience = time.Second

// whoIs asks over TCP or UDP who has an address, as seen from a container, and
// returns the name of the container that answered.
func (c *Container) whoIs(ctx context.Context, network string, a netip.Addr, token string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := c.in.dial(ctx, network, netip.AddrPortFrom(a, responderPort).String())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	question := askName + " " + token
	if network == "tcp" {
		question += "\n"
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return "", err
	}
	answer := make([]byte, 2048)
	n, err := conn.Read(answer)
	if err != nil {
		return "", err
	}
	name, back, _ := strings.Cut(strings.TrimSpace(string(answer[:n])), " ")
	if back != token {
		return "", fmt.Errorf("%s answered %q, which is no responder's answer", a, answer[:n])
	}
	return name, nil
}

// echoes sends one echo request and reports whether it was answered. Whose
// kernel answered, ICMP does not tell.
func (c *Container) echoes(ctx context.Context, a netip.Addr, token string) (bool, error) {
	p, err := c.ping(a, time.Hour, token)
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
func (c *Container) sendBulk(ctx context.Context, a netip.Addr, size ByteSize) (string, error) {
	conn, err := c.in.dial(ctx, "tcp", netip.AddrPortFrom(a, responderPort).String())
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

// commonAddresses are the addresses of to in families that from has too.
func commonAddresses(from, to *Container) []netip.Addr {
	var common []netip.Addr
	for _, a := range to.Addresses() {
		for _, own := range from.Addresses() {
			if own.Is4() == a.Is4() {
				common = append(common, a)
				break
			}
		}
	}
	return common
}
