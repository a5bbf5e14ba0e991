package ovsdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// Conn is one host's OVSDB connection after the handshake. Its methods may be
// called from any goroutine. It must be closed, by Close or by the end of Run.
type Conn struct {
	cfg  Config
	peer *peer

	ensuring     sync.Mutex // one Ensure at a time
	asksForLock  bool       // guarded by ensuring: we hold the lock or queue for it
	transactions atomic.Uint64

	mu        sync.Mutex
	tables    *tables
	locked    bool
	ourCfg    int           // next_cfg as our last transaction left it
	ourBridge string        // the UUID of the bridge that it left
	changed   chan struct{} // closed and replaced when any of these changes
}

// Accept takes over a connection that a host opened: it makes sure that an Open
// vSwitch database is behind it, asks for the lock, and starts to follow the
// columns that matter. On error the connection is closed.
func Accept(ctx context.Context, conn net.Conn, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	c := &Conn{cfg: cfg, tables: newTables(cfg), changed: make(chan struct{})}
	c.peer = newPeer(conn, cfg, c.notified)
	ctx, cancel := context.WithTimeout(ctx, cfg.HandshakeTimeout)
	defer cancel()
	if err := c.handshake(ctx); err != nil {
		err = fmt.Errorf("OVSDB handshake with %s: %w", conn.RemoteAddr(), err)
		c.peer.close(err)
		return nil, err
	}
	return c, nil
}

func (c *Conn) handshake(ctx context.Context) error {
	raw, err := c.peer.call(ctx, "list_dbs", []any{}, nil) // RFC 7047 section 4.1.1
	if err != nil {
		return err
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return fmt.Errorf("%w: list_dbs: %w", ErrNotOVSDB, err)
	}
	if !slices.Contains(names, database) {
		return fmt.Errorf("the server has the databases %q, but no %s", names, database)
	}
	if err := c.askForLock(ctx); err != nil {
		return err
	}
	// RFC 7047 section 4.1.5. The plain monitor is enough: nothing is to be
	// filtered by row, a standalone server answers monitor_cond_since with a
	// full dump anyway, and each update brings the whole row.
	c.peer.in.limit.Store(int64(c.cfg.MaxMessage))
	_, err = c.peer.call(ctx, "monitor", ovsdb.NewMonitorArgs(database, MarkKey, monitorRequests()), c.update)
	return err
}

// askForLock queues for the lock (RFC 7047 section 4.1.8). If another
// connection holds it, a locked notification tells when it is ours.
func (c *Conn) askForLock(ctx context.Context) error {
	_, err := c.peer.call(ctx, "lock", ovsdb.NewLockArgs(LockName), func(raw json.RawMessage) error {
		var result struct {
			Locked bool `json:"locked"`
		}
		if err := json.Unmarshal(raw, &result); err != nil {
			return fmt.Errorf("%w: lock: %w", ErrNotOVSDB, err)
		}
		c.setLocked(result.Locked)
		return nil
	})
	c.asksForLock = err == nil
	return err
}

// giveUpLock leaves the lock to whom the bridge belongs.
func (c *Conn) giveUpLock(ctx context.Context) error {
	_, err := c.peer.call(ctx, "unlock", ovsdb.NewLockArgs(LockName), func(json.RawMessage) error {
		c.setLocked(false)
		return nil
	})
	c.asksForLock = err != nil
	return err
}

// notified handles the server's notifications, on the reading goroutine.
func (c *Conn) notified(method string, params json.RawMessage) error {
	var p []json.RawMessage
	if err := json.Unmarshal(params, &p); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNotOVSDB, method, err)
	}
	switch method {
	case "update": // RFC 7047 section 4.1.6
		if len(p) != 2 {
			return fmt.Errorf("%w: update with %d parameters", ErrNotOVSDB, len(p))
		}
		return c.update(p[1])
	case "locked", "stolen": // sections 4.1.9 and 4.1.10; there is one lock only
		c.setLocked(method == "locked")
	}
	return nil
}

func (c *Conn) update(raw json.RawMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.tables.apply(raw); err != nil {
		return err
	}
	c.signal()
	return nil
}

func (c *Conn) setLocked(locked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.locked = locked
	c.signal()
}

// signal wakes who waits for a change; c.mu is held.
func (c *Conn) signal() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// View returns the newest snapshot, and a channel that is closed when there is
// a newer one.
func (c *Conn) View() (*View, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.tables.view(c.cfg.Bridge)
	v.Locked = c.locked
	if v.Bridge != nil && v.Bridge.UUID == c.ourBridge {
		v.OurCfg = c.ourCfg
	}
	return v, c.changed
}

// Run calls changed with a first snapshot and then whenever something in it is
// different. While changed runs, newer snapshots replace each other: only the
// newest is delivered next, and reading goes on. Run returns when the connection
// ends, with the cause, and closes it when ctx ends.
func (c *Conn) Run(ctx context.Context, changed func(*View)) error {
	var last *View
	for {
		v, next := c.View()
		if last == nil || !reflect.DeepEqual(v, last) {
			changed(v)
			last = v
		}
		select {
		case <-next:
		case <-c.peer.done:
			return c.peer.err
		case <-ctx.Done():
			c.Close(ctx.Err())
			return c.peer.err
		}
	}
}

// Close ends the connection. Run and all calls under way return the cause, or
// ErrClosed if it is nil.
func (c *Conn) Close(cause error) {
	if cause == nil {
		cause = ErrClosed
	}
	c.peer.close(cause)
}

// LocalAddr is the address at which the host reached us.
func (c *Conn) LocalAddr() netip.AddrPort { return addrPort(c.peer.conn.LocalAddr()) }

// RemoteAddr is the address the host came from.
func (c *Conn) RemoteAddr() netip.AddrPort { return addrPort(c.peer.conn.RemoteAddr()) }

// addrPort is the zero AddrPort for what is no TCP connection.
func addrPort(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// Probe returns nil if the host answers now (RFC 7047 section 4.1.11). The
// connection probes by itself when it is silent; this is for who cannot wait.
func (c *Conn) Probe(ctx context.Context) error {
	_, err := c.peer.call(ctx, "echo", []any{}, nil)
	return err
}

// LastHeard is when the last message came from the host.
func (c *Conn) LastHeard() time.Time { return time.Unix(0, c.peer.in.heard.Load()) }

// Transactions counts the transactions sent so far: a host that is right gets none.
func (c *Conn) Transactions() uint64 { return c.transactions.Load() }

// WaitApplied waits until ovs-vswitchd has applied all that Ensure wrote on
// this connection, as ovs-vsctl does when it is not told --no-wait.
func (c *Conn) WaitApplied(ctx context.Context) error {
	c.mu.Lock()
	ours := c.ourCfg
	c.mu.Unlock()
	for {
		v, next := c.View()
		if v.CurCfg >= ours {
			return nil
		}
		select {
		case <-next:
		case <-c.peer.done:
			return c.peer.err
		case <-ctx.Done():
			return errors.Join(ctx.Err(), fmt.Errorf("ovs-vswitchd has applied configuration %d, not yet %d; is it running?", v.CurCfg, ours))
		}
	}
}
