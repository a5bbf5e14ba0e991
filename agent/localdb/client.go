package localdb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultRemote is where Open vSwitch listens, in the notation of
	// ovs-vsctl --db.
	DefaultRemote = "unix:/var/run/openvswitch/db.sock"

	// Interface is the row of a gateway.
	Interface = "weft-gw"

	// SelfPrefix and a number name the rows of a host that is in networks itself.
	SelfPrefix = "weft-h"

	// ReportKey is the key of the agent's report in the external_ids of the
	// Open_vSwitch row.
	ReportKey = "weft-agent"

	retryFirst, retryLast = 200 * time.Millisecond, 5 * time.Second
)

// State is what the database says.
type State struct {
	Gateway map[string]string            // external_ids of weft-gw; nil if there is no such row
	Selves  map[string]map[string]string // of the interfaces through which the host is in networks itself, by name
}

// Client keeps a connection, for as long as Run runs. What it knows outlives
// the connection: an ovsdb-server that restarts wants nothing changed.
type Client struct {
	path          string
	log           *slog.Logger
	untilReported bool // a connection ends when the report is as wanted

	changed chan struct{} // has room for one

	mu     sync.Mutex
	state  State
	known  bool
	report *string // to be shown; nil until something was reported
	conn   *conn
}

// New prepares a client; remote is "unix:PATH".
func New(remote string, log *slog.Logger) (*Client, error) {
	path, ok := strings.CutPrefix(remote, "unix:")
	if !ok || path == "" {
		return nil, fmt.Errorf("%q is no local OVSDB such as %s", remote, DefaultRemote)
	}
	return &Client{path: path, log: log, changed: make(chan struct{}, 1)}, nil
}

// Changed has a value when State may have changed.
func (c *Client) Changed() <-chan struct{} { return c.changed }

// State is what the database said last. Known is false until it has said
// anything.
func (c *Client) State() (s State, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.known
}

// Report has the report be as told from now on; empty, there is none. Nothing
// is written where it is so already.
func (c *Client) Report(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report = &text
	if c.conn != nil {
		c.conn.poke()
	}
}

// Run connects, and connects again, until ctx ends.
func (c *Client) Run(ctx context.Context) {
	wait, complained := retryFirst, false
	for ctx.Err() == nil {
		started := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > retryLast {
			wait, complained = retryFirst, false
		}
		if !complained {
			c.log.Warn("no connection to the local OVSDB; what is set up stays as it is", "socket", c.path, "error", err)
			complained = true
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, retryLast)
	}
}

// once is one connection.
func (c *Client) once(ctx context.Context) error {
	socket, err := new(net.Dialer).DialContext(ctx, "unix", c.path)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { socket.Close() })()
	defer socket.Close()
	conn := newConn(socket)
	conn.untilReported = c.untilReported
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.conn = nil
		c.mu.Unlock()
	}()
	return conn.run(c.seen, c.wanted)
}

// seen notes what the database says now.
func (c *Client) seen(s State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known && (c.state.Gateway == nil) == (s.Gateway == nil) && maps.Equal(c.state.Gateway, s.Gateway) &&
		maps.EqualFunc(c.state.Selves, s.Selves, maps.Equal[map[string]string, map[string]string]) {
		return
	}
	c.state, c.known = s, true
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// wanted is the report that should be in the database.
func (c *Client) wanted() (text string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.report == nil {
		return "", false
	}
	return *c.report, true
}

// Forget removes the report, and returns when it is gone.
func Forget(ctx context.Context, remote string) error {
	c, err := New(remote, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	c.Report("")
	c.untilReported = true
	if err := c.once(ctx); err != nil {
		return fmt.Errorf("remove the report from OVSDB at %s: %w", c.path, errors.Join(ctx.Err(), err))
	}
	return nil
}
