package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/weft-sdn/weft/openflow"
)

// PacketOut makes the switch run actions on a packet, as one that came in on a
// port, or from the controller (openflow.PortController). It does not wait: a
// packet for a switch that does not take its messages is dropped, which the
// error says. What the switch has against it is logged.
func (s *Session) PacketOut(actions []openflow.Action, inPort uint32, data []byte) error {
	m := &openflow.PacketOut{BufferID: openflow.NoBuffer, InPort: inPort, Actions: actions, Data: data}
	b := m.AppendTo(nil, s.nextXID(1))
	if len(b) > openflow.MaxMessage {
		return fmt.Errorf("send a packet of %d bytes: OpenFlow allows %d a message", len(data), openflow.MaxMessage)
	}
	if !s.out.writeUrgently(b) {
		return errors.New("send a packet: the switch does not take its messages")
	}
	return nil
}

// FlushZone makes the switch forget the connections of a conntrack zone, and
// returns when it has.
func (s *Session) FlushZone(ctx context.Context, zone uint16) error {
	if err := s.order(ctx, &openflow.CTFlushZone{Zone: zone}); err != nil {
		return fmt.Errorf("flush conntrack zone %d: %w", zone, err)
	}
	return nil
}

// FlushConnections makes the switch forget the connections of a conntrack zone
// that one of some addresses takes part in, at either end and before or after
// its translation, and returns when it has. Of IPv6 these are those of TCP and
// UDP: others run out by themselves, since a flush that selects ICMPv6 ends
// Open vSwitch 3.1 (see [openflow.CTFlush]).
func (s *Session) FlushConnections(ctx context.Context, zone uint16, addresses ...netip.Addr) error {
	var flushes []openflow.Message
	for _, a := range addresses {
		protocols := []uint8{0}
		if a.Is6() {
			protocols = []uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP}
		}
		from, to := openflow.CTTuple{Src: a}, openflow.CTTuple{Dst: a}
		for _, p := range protocols {
			flushes = append(flushes,
				&openflow.CTFlush{Zone: zone, Protocol: p, Original: from},
				&openflow.CTFlush{Zone: zone, Protocol: p, Original: to},
				&openflow.CTFlush{Zone: zone, Protocol: p, Reply: from},
				&openflow.CTFlush{Zone: zone, Protocol: p, Reply: to})
		}
	}
	if err := s.order(ctx, flushes...); err != nil {
		return fmt.Errorf("flush the connections of %v in conntrack zone %d: %w", addresses, zone, err)
	}
	return nil
}

// order sends messages that have no reply but an error, and returns once all
// are done or the first error that came.
func (s *Session) order(ctx context.Context, messages ...openflow.Message) error {
	if len(messages) == 0 {
		return nil
	}
	var b []byte
	refusal := make([]*pending, len(messages))
	for i, m := range messages {
		xid := s.nextXID(1)
		refusal[i] = newPending()
		s.expect(xid, refusal[i])
		defer s.forget(xid, refusal[i])
		b = m.AppendTo(b, xid)
	}
	if err := s.out.write(s.done, b); err != nil {
		return err
	}
	// The barrier tells that no more errors will come.
	if _, err := s.ask(ctx, &openflow.BarrierRequest{}, newPending()); err != nil {
		return err
	}
	for _, p := range refusal {
		select {
		case a := <-p.answer:
			return a.err
		default:
		}
	}
	return nil
}
