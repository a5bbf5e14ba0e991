package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// chunk is how much is written at once: fewer writes than one a message, and
// small enough that an echo reply between two of them is in time.
const chunk = 64 << 10

// writer is the goroutine that alone writes to the connection. Everybody else
// hands it whole messages.
type writer struct {
	conn    net.Conn
	timeout time.Duration
	chunks  chan []byte
	written chan struct{} // one for each of chunks
	urgent  chan []byte
}

func newWriter(conn net.Conn, timeout time.Duration) *writer {
	return &writer{conn, timeout, make(chan []byte), make(chan struct{}, 1), make(chan []byte, 64)}
}

func (w *writer) run(ctx context.Context) error {
	for {
		// What is urgent goes first, whatever else waits.
		select {
		case b := <-w.urgent:
			if err := w.put(b); err != nil {
				return err
			}
			continue
		default:
		}
		select {
		case b := <-w.urgent:
			if err := w.put(b); err != nil {
				return err
			}
		case b := <-w.chunks:
			if err := w.put(b); err != nil {
				return err
			}
			w.written <- struct{}{}
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *writer) put(b []byte) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.timeout)); err != nil {
		return err
	}
	if _, err := w.conn.Write(b); err != nil {
		var slow net.Error
		if errors.As(err, &slow) && slow.Timeout() {
			return fmt.Errorf("the switch did not take %d bytes within %v", len(b), w.timeout)
		}
		return err
	}
	return nil
}

// writeUrgently queues a small message without waiting. It returns false when
// too many wait already.
func (w *writer) writeUrgently(b []byte) bool {
	select {
	case w.urgent <- b:
		return true
	default:
		return false
	}
}
