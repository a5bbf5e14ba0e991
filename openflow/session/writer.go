package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
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
	urgent  chan []byte

	mu      sync.Mutex // of write: chunks and written go in pairs
	chunks  chan []byte
	written chan struct{}
}

func newWriter(conn net.Conn, timeout time.Duration) *writer {
	return &writer{
		conn:    conn,
		timeout: timeout,
		urgent:  make(chan []byte, 64),
		chunks:  make(chan []byte),
		written: make(chan struct{}, 1),
	}
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

// write hands over whole messages and waits until they are written. b may be
// used again after that.
func (w *writer) write(done <-chan struct{}, b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.chunks <- b:
	case <-done:
		return errEnded
	}
	select {
	case <-w.written:
		return nil
	case <-done:
		return errEnded
	}
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
