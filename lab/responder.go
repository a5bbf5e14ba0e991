package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"
)

// responderPort is where a machine under check says who it is. It is the
// same in all of them: where two containers have one address, only the answer
// tells which of the two was reached.
const responderPort = 7007

// The responder's questions, each one line or datagram.
const (
	askName = "who"  // followed by a token that comes back with the name and the asker's address
	askBulk = "bulk" // what follows is counted until the sender closes its side
)

// responder answers for one machine over TCP and UDP at one of its addresses. It
// runs in the checking process, with sockets that belong to the machine.
type responder struct {
	name      string
	listeners []net.Listener
	packets   []net.PacketConn
}

// startResponder waits until an address can be used, which takes duplicate
// address detection a second or so with IPv6.
func (m *Machine) startResponder(ctx context.Context, a netip.Addr, ports ...uint16) (*responder, error) {
	r := &responder{name: m.Name}
	for _, port := range ports {
		at := netip.AddrPortFrom(a, port).String()
		var last error
		err := until(ctx, "the address can be used", func() (bool, error) {
			last = m.in.do(func() error { return r.listen(at) })
			return last == nil, nil
		})
		if err != nil {
			r.stop()
			return nil, fmt.Errorf("responder of %s: %w: %w", m.Name, err, last)
		}
	}
	return r, nil
}

func (r *responder) listen(at string) error {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	packets, err := net.ListenPacket("udp", at)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	r.listeners = append(r.listeners, listener)
	r.packets = append(r.packets, packets)
	go r.serveTCP(listener)
	go r.serveUDP(packets)
	return nil
}

func (r *responder) stop() {
	for _, l := range r.listeners {
		l.Close()
	}
	for _, p := range r.packets {
		p.Close()
	}
}

func (r *responder) serveTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return // stopped
		}
		go r.converse(conn)
	}
}

// converse answers one connection, question by question. Whoever asked sees a
// failure as a missing answer.
func (r *responder) converse(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(2 * time.Minute))
	from := bufio.NewReader(conn)
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, token, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); verb {
		case askName:
			fmt.Fprintf(conn, "%s %s %s\n", r.name, token, conn.RemoteAddr())
		case askBulk:
			if n, err := io.Copy(io.Discard, from); err == nil {
				fmt.Fprintf(conn, "%s %d\n", r.name, n)
			}
			return
		}
	}
}

func (r *responder) serveUDP(p net.PacketConn) {
	buffer := make([]byte, 2048)
	for {
		n, from, err := p.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if token, ok := strings.CutPrefix(string(buffer[:n]), askName+" "); ok && err == nil {
			// A lost answer is asked for again.
			_, _ = p.WriteTo(fmt.Appendf(nil, "%s %s %s", r.name, token, from), from)
		}
	}
}
