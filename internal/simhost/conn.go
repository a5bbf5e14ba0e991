package simhost

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"

	"github.com/weft-sdn/weft/openflow"
)

// conn is the connection to one controller.
type conn struct {
	net.Conn
	sw      *Switch
	in      *bufio.Reader
	role    openflow.Role
	monitor bool // it wants to hear of flows
	bundles map[uint32]*bundle

	writing sync.Mutex
	out     *bufio.Writer
	buffer  []byte
}

// serving returns what serves a connection to a target.
func (s *Switch) serving(ctx context.Context, target string) func(net.Conn) {
	return func(raw net.Conn) {
		c := &conn{
			Conn: raw, sw: s, role: openflow.RoleEqual,
			in: bufio.NewReaderSize(raw, 16<<10), out: bufio.NewWriterSize(raw, 4<<10),
			bundles: map[uint32]*bundle{},
		}
		c.send(&openflow.Hello{Version: 0x06, Versions: []uint8{1, 2, 3, 4, 5, 6}}, 1)
		if c.flush() != nil || !c.shakeHands() {
			return
		}
		s.mu.Lock()
		s.conns[c] = true
		s.mu.Unlock()
		s.connection(target, true)
		c.serve()
		s.mu.Lock()
		delete(s.conns, c)
		for _, b := range c.bundles {
			b.drop()
		}
		s.mu.Unlock()
		if ctx.Err() == nil {
			s.connection(target, false)
		}
	}
}

// shakeHands waits for a hello that has OpenFlow 1.4 in it.
func (c *conn) shakeHands() bool {
	b, err := c.next(nil)
	if err != nil {
		return false
	}
	m, xid, err := openflow.Parse(b)
	hello, ok := m.(*openflow.Hello)
	if err != nil || !ok {
		return false
	}
	if !hello.Speaks(openflow.Version) {
		c.send(&openflow.Error{ErrorCode: openflow.ErrHelloIncompatible}, xid)
		_ = c.flush() // a courtesy: the connection ends here
		return false
	}
	return true
}

// next reads a message into b.
func (c *conn) next(b []byte) ([]byte, error) {
	if cap(b) < openflow.HeaderLen {
		b = make([]byte, openflow.HeaderLen, 512)
	}
	b = b[:openflow.HeaderLen]
	if _, err := io.ReadFull(c.in, b); err != nil {
		return nil, err
	}
	h, err := openflow.ParseHeader(b)
	if err != nil {
		return nil, err
	}
	if h.Length > cap(b) {
		b = append(make([]byte, 0, h.Length), b...)
	}
	b = b[:h.Length]
	_, err = io.ReadFull(c.in, b[openflow.HeaderLen:])
	return b, err
}

func (c *conn) serve() {
	var b []byte
	for {
		var err error
		if c.in.Buffered() == 0 && c.flush() != nil {
			return
		}
		if b, err = c.next(b); err != nil {
			return
		}
		c.sw.mu.Lock()
		c.handle(b)
		c.sw.mu.Unlock()
	}
}

// send queues a message; serve, or whoever sends unasked, flushes.
func (c *conn) send(m openflow.Message, xid uint32) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.buffer = m.AppendTo(c.buffer[:0], xid)
	_, _ = c.out.Write(c.buffer) // an error stays, and flush returns it
}

func (c *conn) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.out.Flush()
}

// refuse answers a message with an error.
func (c *conn) refuse(code openflow.ErrorCode, xid uint32, m []byte) {
	const enough = 64 // of the message go with the error, at least
	c.send(&openflow.Error{ErrorCode: code, Data: m[:min(len(m), enough)]}, xid)
}
