package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/openflow/program"
)

// Handler learns what happens on a session. Its methods are called one at a
// time, in the order in which things happened, and may call any method of the
// session. What they do not take away waits in a bounded queue, and when that
// is full the session ends (ErrHandlerSlow).
type Handler interface {
	// Ready is the first call: the session is master and has these ports.
	Ready(ports []openflow.Port)
	// PortChanged says that a port is new, another, or gone. After Ready these
	// keep the list of ports complete.
	PortChanged(port openflow.Port, gone bool)
	// PacketIn hands over a packet that a flow sent to the controller. Packets
	// are the one thing that is dropped while the queue is half full.
	PacketIn(*openflow.PacketIn)
	// Installed says that the switch has confirmed everything that was wanted
	// at a generation, but for the fragments it refuses, all of which are named
	// each time. Such a fragment is left out, whole, until it changes; an
	// earlier one of its key is removed.
	Installed(generation uint64, refused []Refusal)
	// Tampered says how the switch differs from what was installed: somebody
	// else was there. With Config.Repair it is being repaired already.
	Tampered(program.Difference)
}

// Refusal is why a fragment is not on the switch.
type Refusal struct {
	Key     program.Key
	Subject string // the flow or group, in the syntax of ovs-ofctl
	Err     error
}

// Error says what was refused and why.
func (r Refusal) Error() string {
	return fmt.Sprintf("fragment %v is left out because of %q: %v", r.Key, r.Subject, r.Err)
}

// Unwrap returns the reason.
func (r Refusal) Unwrap() error { return r.Err }

// ErrHandlerSlow ends a session whose Handler does not keep up.
var ErrHandlerSlow = errors.New("the handler of the session's events does not keep up")

// events is the queue between the session and its Handler.
type events chan func(Handler)

// run calls the Handler until the session ends.
func (q events) run(ctx context.Context, h Handler) error {
	for {
		select {
		case e := <-q:
			e(h)
		case <-ctx.Done():
			return nil
		}
	}
}

// post queues an event for the reader, which must not wait.
func (q events) post(e func(Handler)) error {
	select {
	case q <- e:
		return nil
	default:
		return ErrHandlerSlow
	}
}

// postLossy queues an event unless others fill half of the queue.
func (q events) postLossy(e func(Handler)) bool {
	return len(q) < cap(q)/2 && q.post(e) == nil
}

// postWaiting queues an event for the sender, which has time, within reason.
func (q events) postWaiting(ctx context.Context, patience time.Duration, e func(Handler)) error {
	select {
	case q <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(patience):
		return ErrHandlerSlow
	}
}
