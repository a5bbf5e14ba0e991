package session

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// Accept shakes hands on an accepted connection and finds out which datapath
// is there. The caller then decides whether to Run the session or to Close it.
// On an error the connection is closed.
func Accept(ctx context.Context, conn net.Conn, cfg Config) (*Session, error) {
	cfg = cfg.withDefaults()
	s := &Session{
		cfg:     cfg,
		conn:    conn,
		in:      bufio.NewReaderSize(conn, 16<<10),
		out:     newWriter(conn, cfg.WriteTimeout),
		events:  make(events, cfg.Queue),
		done:    make(chan struct{}),
		pending: make(map[uint32]*pending),
		state:   newState(),
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	err := conn.SetDeadline(time.Now().Add(cfg.HandshakeTimeout))
	if err == nil {
		err = s.handshake()
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.Close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("OpenFlow handshake with %v: %w", conn.RemoteAddr(), err)
	}
	return s, nil
}

func (s *Session) handshake() error {
	hello := &openflow.Hello{Version: openflow.Version, Versions: []uint8{openflow.Version}}
	if _, err := s.conn.Write(hello.AppendTo(nil, s.nextXID(1))); err != nil {
		return err
	}
	m, xid, err := s.readOne()
	if err != nil {
		return err
	}
	theirs, ok := m.(*openflow.Hello)
	if !ok {
		return fmt.Errorf("it began with %v instead of a hello", m.Type())
	}
	if !theirs.Speaks(openflow.Version) {
		err := fmt.Errorf("it does not speak OpenFlow 1.4 (its hello has version 0x%02x, bitmap %v): clear the bridge's protocols column", theirs.Version, theirs.Versions)
		refusal := &openflow.Error{ErrorCode: openflow.ErrHelloIncompatible, Data: []byte(err.Error())}
		s.conn.Write(refusal.AppendTo(nil, xid)) // a courtesy; the error is returned
		return err
	}
	if _, err := s.conn.Write((&openflow.FeaturesRequest{}).AppendTo(nil, s.nextXID(1))); err != nil {
		return err
	}
	for {
		m, xid, err := s.readOne()
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *openflow.FeaturesReply:
			s.features = *m
			return nil
		case *openflow.EchoRequest:
			if _, err := s.conn.Write((&openflow.EchoReply{Data: m.Data}).AppendTo(nil, xid)); err != nil {
				return err
			}
		case *openflow.Error:
			return m
		}
		// Anything else is news for which it is too early; what matters of it
		// is asked for later.
	}
}

// readOne reads and decodes one message.
func (s *Session) readOne() (openflow.Message, uint32, error) {
	b, _, err := s.next(nil)
	if err != nil {
		return nil, 0, err
	}
	return openflow.Parse(b)
}
