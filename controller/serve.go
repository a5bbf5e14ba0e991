package controller

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/weft-sdn/weft/openflow/session"
	"github.com/weft-sdn/weft/ovsdb"
)

const (
	// maxStrangers bounds the connections that have not shown yet that they are
	// a host's; each may take handshakeTimeout for that. It is more than the
	// hosts that may come at once, when the controller starts: if those threw
	// each other out, all would begin anew again and again.
	maxStrangers     = 2048
	handshakeTimeout = 10 * time.Second
	// A host's database answers within milliseconds. One that has said nothing
	// for hostSilence is away before another may take over what the host holds.
	hostProbe   = 3 * time.Second
	hostSilence = 9 * time.Second
	// ovs-vswitchd answers nothing while it commits, which takes it some 2 s
	// for a million flows.
	commitTimeout = 20 * time.Second
	acceptPause   = 100 * time.Millisecond
)

// Serve lets hosts in until ctx ends.
func (c *Controller) Serve(ctx context.Context) error {
	if c.config.Advertise != "" {
		addr, err := netip.ParseAddr(c.config.Advertise)
		if err != nil {
			return fmt.Errorf("--advertise %q is not an IP address", c.config.Advertise)
		}
		c.advertise = addr
	}
	ovsdbs, err := net.Listen("tcp", c.config.OVSDBListen)
	if err != nil {
		return fmt.Errorf("listen for OVSDB connections of hosts: %w", err)
	}
	switches, err := net.Listen("tcp", c.config.OpenFlowListen)
	if err != nil {
		ovsdbs.Close()
		return fmt.Errorf("listen for OpenFlow connections of bridges: %w", err)
	}
	c.openflowPort = portOf(switches)
	c.log.Info("hosts are let in", "ovsdb", ovsdbs.Addr(), "openflow", switches.Addr(), "cluster", c.ClusterID())
	if len(c.config.Admit) == 0 {
		c.log.Warn("any host that reaches these ports may join: say --admit CIDR to let in only those of your underlay")
	}
	c.listening.Store(&listeners{ovsdbs.Addr(), switches.Addr()})
	if err := c.startGossip(portOf(ovsdbs), portOf(switches)); err != nil {
		return errors.Join(err, ovsdbs.Close(), switches.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ovsdbs.Close(); switches.Close() })
	defer stop()
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() { c.probeSegments(ctx) })
	serving.Add(1)
	go func() {
		defer serving.Done()
		c.accept(ctx, &serving, switches, "OpenFlow", c.serveSwitch)
	}()
	c.accept(ctx, &serving, ovsdbs, "OVSDB", c.serveHost)
	return ctx.Err()
}

func portOf(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }

type listeners struct{ ovsdb, openflow net.Addr }

// Addresses are where hosts are let in, nil before Serve.
func (c *Controller) Addresses() (ovsdb, openflow net.Addr) {
	if l := c.listening.Load(); l != nil {
		return l.ovsdb, l.openflow
	}
	return nil, nil
}

// accept serves every connection that may be a host's in a goroutine of its own.
func (c *Controller) accept(ctx context.Context, serving *sync.WaitGroup, l net.Listener, protocol string, serve func(context.Context, net.Conn, func()) error) {
	var strangers door
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			// Out of file descriptors, as a rule: it passes.
			c.log.Error("cannot accept a connection", "protocol", protocol, "err", err)
			select {
			case <-time.After(acceptPause):
				continue
			case <-ctx.Done():
				return
			}
		}
		from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
		if !c.admitted(from) {
			c.log.Warn("refused a connection that --admit does not let in", "protocol", protocol, "from", from)
			conn.Close()
			continue
		}
		known := strangers.enter(conn)
		serving.Add(1)
		go func() {
			defer serving.Done()
			defer conn.Close()
			defer known()
			if err := serve(ctx, conn, known); err != nil && ctx.Err() == nil {
				c.log.Info("connection ended", "protocol", protocol, "from", conn.RemoteAddr(), "err", err)
			}
		}()
	}
}

func (c *Controller) admitted(a netip.Addr) bool {
	return len(c.config.Admit) == 0 || slices.ContainsFunc(c.config.Admit, func(p netip.Prefix) bool { return p.Contains(a) })
}

// door keeps the connections that have not shown yet whose they are. When it
// is full, the one that has taken longest goes: a host shows who it is within
// milliseconds, so those who only occupy places cannot keep it out.
type door struct {
	mu        sync.Mutex
	strangers list.List
}

// enter lets a connection in; the function that it returns takes it off the
// list again.
func (d *door) enter(conn net.Conn) (known func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.strangers.Len() >= maxStrangers {
		oldest := d.strangers.Front()
		d.strangers.Remove(oldest)
		oldest.Value.(net.Conn).Close()
	}
	place := d.strangers.PushBack(conn)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.strangers.Remove(place) // does nothing when it is gone already
	}
}

// serveHost serves the OVSDB connection of a host.
func (c *Controller) serveHost(ctx context.Context, raw net.Conn, known func()) error {
	conn, err := ovsdb.Accept(ctx, raw, ovsdb.Config{HandshakeTimeout: handshakeTimeout, ProbeAfter: hostProbe, DropAfter: hostSilence})
	if err != nil {
		return err
	}
	var ensuring sync.WaitGroup
	defer ensuring.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ensure := make(chan struct{}, 1)
	var l *hostLink
	var refused error
	err = conn.Run(ctx, func(v *ovsdb.View) {
		switch {
		case l == nil:
			known()
			if l, refused = c.welcome(ctx, conn, v, ensure); refused != nil {
				cancel(refused)
				return
			}
			ensuring.Go(func() { c.keepEnsured(ctx, l, conn, ensure) })
		case v.SystemID != l.systemID:
			refused = fmt.Errorf("its system-id changed from %q to %q: it joins anew", l.systemID, v.SystemID)
			cancel(refused)
			return
		}
		_ = c.do(ctx, func() {
			if l.conn == conn {
				c.seen(ctx, l, v)
			}
		})
	})
	if refused != nil {
		err = refused
	}
	if l != nil {
		_ = c.do(context.Background(), func() { c.lost(l, conn, err) })
	}
	return err
}

// serveSwitch serves the OpenFlow connection of a bridge.
func (c *Controller) serveSwitch(ctx context.Context, raw net.Conn, known func()) error {
	s, err := session.Accept(ctx, raw, session.Config{
		Logger: c.log, GenerationID: c.store.Epoch(), Repair: c.config.Repair, Except: learned, HandshakeTimeout: handshakeTimeout, CommitTimeout: commitTimeout,
	})
	if err != nil {
		return err
	}
	from := raw.RemoteAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	l, err := c.claimSwitch(ctx, s, from, known)
	if err != nil {
		return err
	}
	if host := c.snapshot().host(l.systemID); host != nil {
		s.After(host.Superseded)
	}
	h := &switchHandler{c: c, l: l, sw: &switchLink{session: s, emptying: map[uint16]bool{}}}
	if err := c.do(ctx, func() { err = c.attach(l, h.sw) }); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	var counting sync.WaitGroup
	defer counting.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	counting.Go(func() { c.readCounters(ctx, h) })
	err = s.Run(ctx, h)
	_ = c.do(context.Background(), func() { c.detached(l, h.sw, err) })
	return err
}

// errReplaced ends a connection in whose place the same host has another.
var errReplaced = errors.New("the same host connected anew")
