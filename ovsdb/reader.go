package ovsdb

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// slowestBytes is the least that a peer must deliver per second of a large
// message to be waited for beyond Config.DropAfter: 512 kbit/s.
const slowestBytes = 64 << 10

// reader is the side of a connection that the JSON decoder reads from. It holds
// a message to its size and to its time. JSON has no length in front, so the
// size is counted from the end of the last message, and so is the time: single
// bytes now and then do not keep a connection alive.
type reader struct {
	conn       net.Conn
	probe      func() // asks the peer for a sign of life
	probeAfter time.Duration
	dropAfter  time.Duration

	limit atomic.Int64 // bytes in one message
	heard atomic.Int64 // when the last message was complete, in nanoseconds

	// Only the goroutine that decodes touches these.
	total int64     // bytes read in all
	start int64     // of them, those that belong to complete messages
	since time.Time // when the last message was complete
}

// completed notes that a message ended at offset.
func (r *reader) completed(offset int64) {
	r.start = offset
	r.since = time.Now()
	r.heard.Store(r.since.UnixNano())
}

func (r *reader) Read(b []byte) (int, error) {
	limit := r.limit.Load()
	room := r.start + limit - r.total
	if room <= 0 {
		return 0, fmt.Errorf("%w: a message is longer than %d bytes", ErrTooLarge, limit)
	}
	if int64(len(b)) > room {
		b = b[:room]
	}
	// The first deadline only probes, the second is final.
	pending := r.total - r.start
	drop := r.since.Add(r.dropAfter + time.Duration(pending/slowestBytes)*time.Second)
	probe := r.since.Add(r.probeAfter)
	for {
		deadline := drop
		probing := time.Now().Before(probe) && probe.Before(drop)
		if probing {
			deadline = probe
		}
		if err := r.conn.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
		n, err := r.conn.Read(b)
		r.total += int64(n)
		switch {
		case n > 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return n, err
		case !probing:
			return 0, fmt.Errorf("%w: waited %s, %d bytes of an unfinished message are there",
				ErrSilent, time.Since(r.since).Round(time.Millisecond), pending)
		}
		r.probe()
	}
}
