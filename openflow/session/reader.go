package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// next reads one message into b, which it grows as needed.
func (s *Session) next(b []byte) ([]byte, openflow.Header, error) {
	if cap(b) < openflow.HeaderLen {
		b = make([]byte, 0, 1024)
	}
	b = b[:openflow.HeaderLen]
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil, openflow.Header{}, err
	}
	h, err := openflow.ParseHeader(b)
	if err != nil {
		return nil, h, err
	}
	if h.Length > s.cfg.MaxMessage {
		return nil, h, fmt.Errorf("it announces a message (%v) of %d bytes, more than the %d that are allowed", h.Type, h.Length, s.cfg.MaxMessage)
	}
	if h.Length > cap(b) {
		b = append(make([]byte, 0, h.Length), b...)
	}
	b = b[:h.Length]
	if _, err := io.ReadFull(s.in, b[openflow.HeaderLen:]); err != nil {
		return nil, h, fmt.Errorf("%v of %d bytes breaks off: %w", h.Type, h.Length, err)
	}
	return b, h, nil
}

// read reads until the connection ends. It never waits for anything else, or a
// switch with much to say would block.
func (s *Session) read(ctx context.Context) error {
	var b []byte
	for {
		var h openflow.Header
		var err error
		if b, h, err = s.next(b); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, io.EOF) {
				return errors.New("the switch closed the connection")
			}
			return err
		}
		s.heard.Store(time.Now().UnixNano())
		if h.Type == openflow.TypeMultipartReply && h.Version == openflow.Version {
			err = s.multipart(h, b)
		} else {
			err = s.message(b)
		}
		if err != nil {
			return err
		}
	}
}

// message handles a message that is complete in itself.
func (s *Session) message(b []byte) error {
	m, xid, err := openflow.Parse(b)
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case *openflow.EchoRequest:
		if !s.out.writeUrgently((&openflow.EchoReply{Data: m.Data}).AppendTo(nil, xid)) {
			return errors.New("the switch asks for more echoes than it takes")
		}
	case *openflow.EchoReply:
		// That it came is all it says.
	case *openflow.PortStatus:
		if !s.ready {
			return nil // the list of ports, which is still to come, has it
		}
		return s.events.post(func(h Handler) { h.PortChanged(m.Port, m.Reason == openflow.PortDeleted) })
	case *openflow.PacketIn:
		s.stats.PacketIns.Add(1)
		if !s.ready || !s.events.postLossy(func(h Handler) { h.PacketIn(m) }) {
			s.stats.Dropped.Add(1)
		}
	case *openflow.RoleStatus:
		if m.Role != openflow.RoleMaster {
			return ErrStale
		}
	case *openflow.Error:
		if s.bundleError(xid, m) || s.answer(xid, m, m) {
			return nil
		}
		s.cfg.Logger.Warn("the switch refused something that nobody waits for", "switch", s.conn.RemoteAddr(), "xid", xid, "err", m)
	default:
		if !s.answer(xid, m, nil) {
			s.cfg.Logger.Debug("unexpected message", "switch", s.conn.RemoteAddr(), "type", m.Type(), "xid", xid)
		}
	}
	return nil
}

// multipart handles one message of a multipart reply. Only what nobody waits
// for as bytes is decoded.
func (s *Session) multipart(h openflow.Header, b []byte) error {
	kind, more, body, err := openflow.MultipartHeader(b)
	if err != nil {
		return fmt.Errorf("decode %v: %w", h.Type, err)
	}
	if kind == openflow.KindFlowMonitor && h.XID == 0 {
		return s.monitored(b)
	}
	return s.part(h.XID, more, body)
}

// monitored handles a report of the flow monitor.
func (s *Session) monitored(b []byte) error {
	m, _, err := openflow.Parse(b)
	if err != nil {
		return err
	}
	if updates, ok := m.(*openflow.MultipartReply).Body.(openflow.FlowUpdates); ok {
		// Learned flows come and go all the time, and looking again costs.
		s.state.saw(slices.DeleteFunc(updates, s.excepted))
	}
	return nil
}

// excepted tells whether a report is about a flow that is not the session's
// business.
func (s *Session) excepted(u openflow.FlowUpdate) bool {
	switch u.Event {
	case openflow.FlowAdded, openflow.FlowModified, openflow.FlowDeleted:
		return s.cfg.Except.Contains(u.Cookie)
	}
	return false
}
