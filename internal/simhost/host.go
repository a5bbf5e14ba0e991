package simhost

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/weft-sdn/weft/openflow"
)

// Config is what a host is.
type Config struct {
	SystemID    string            // external_ids:system-id
	Manager     string            // where the manager listens for OVSDB, "127.0.0.1:6640"
	ExternalIDs map[string]string // more of the Open_vSwitch row's
	// Backoff is the first wait after a lost connection; it doubles up to
	// eight times that. Default 1 s, as Open vSwitch's.
	Backoff time.Duration
}

// Host is a simulated host. Its methods may be called from any goroutine.
type Host struct {
	cfg Config

	mu       sync.Mutex
	db       *database
	clients  map[*client]bool
	locks    map[string]*client
	switches map[string]*Switch // by the name of their bridge
	devices  int                // given out so far

	running sync.WaitGroup
	stop    context.CancelFunc
}

// New returns a host that is switched off.
func New(cfg Config) *Host {
	if cfg.Backoff == 0 {
		cfg.Backoff = time.Second
	}
	ids := map[string]string{"system-id": cfg.SystemID}
	for k, v := range cfg.ExternalIDs {
		ids[k] = v
	}
	return &Host{
		cfg: cfg, db: newDatabase(ids),
		clients: map[*client]bool{}, locks: map[string]*client{}, switches: map[string]*Switch{},
	}
}

// Start switches the host on: it dials its manager until Stop.
func (h *Host) Start() {
	ctx, stop := context.WithCancel(context.Background())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stop = stop
	h.running.Go(func() { keepDialling(ctx, h.cfg.Manager, h.cfg.Backoff, h.managed) })
	h.reconfigure()
}

// Stop ends all connections at once, as a cut of power does. The database, and
// the flows, stay.
func (h *Host) Stop() {
	h.mu.Lock()
	stop := h.stop
	h.stop = nil
	switches := h.all()
	h.mu.Unlock()
	if stop == nil {
		return
	}
	stop()
	for _, s := range switches {
		s.dial(nil, 0)
	}
	h.running.Wait()
}

// Restart is a restart of Open vSwitch: the flows are lost, the database is
// not, and the ports get other numbers.
func (h *Host) Restart() {
	h.Stop()
	h.mu.Lock()
	for _, s := range h.switches {
		s.flush()
	}
	h.switches = map[string]*Switch{}
	h.mu.Unlock()
	h.Start()
}

// Reconnect breaks all connections. The host dials again at once.
func (h *Host) Reconnect() {
	h.Stop()
	h.Start()
}

func (h *Host) all() []*Switch {
	var out []*Switch
	for _, s := range h.switches {
		out = append(out, s)
	}
	return out
}

// keepDialling serves one connection after the other until ctx ends.
func keepDialling(ctx context.Context, address string, backoff time.Duration, serve func(net.Conn)) {
	const longest = 8
	for wait := backoff; ; wait = min(2*wait, longest*backoff) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			serve(conn)
			stop()
			conn.Close()
			wait = backoff
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// managed serves a connection to the manager.
func (h *Host) managed(conn net.Conn) {
	c := &client{host: h, conn: conn, monitors: map[string]map[string][]string{}}
	c.out.wake.L = &c.out.mu
	h.mu.Lock()
	h.clients[c] = true
	h.mu.Unlock()
	c.serve()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, c)
	for name, owner := range h.locks {
		if owner == c {
			delete(h.locks, name)
		}
	}
}

func (h *Host) lock(name string, c *client) bool {
	if h.locks[name] == nil {
		h.locks[name] = c
	}
	return h.locks[name] == c
}

func (h *Host) unlock(name string, c *client) {
	if h.locks[name] == c {
		delete(h.locks, name)
	}
}

// publish tells all monitors of a change; h.mu is held.
func (h *Host) publish(c *change) {
	for to := range h.clients {
		for id, columns := range to.monitors {
			if updates := c.updates(columns); updates != nil {
				to.out.send(notification{Method: "update", Params: []any{rawID(id), updates}})
			}
		}
	}
}

// Plug adds a port to the bridge that the manager has made.
func (h *Host) Plug(bridge, port string, externalIDs map[string]string) error {
	return h.PlugAll(bridge, map[string]map[string]string{port: externalIDs})
}

// PlugAll adds ports, by name, in one transaction.
func (h *Host) PlugAll(bridge string, ports map[string]map[string]string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	uuid, b := h.bridge(bridge)
	if b == nil {
		return fmt.Errorf("plug into %s: there is no such bridge", bridge)
	}
	c := h.db.begin()
	all := value{}
	for port := range b["ports"] {
		all[port] = ""
	}
	for name, ids := range ports {
		i, p := newUUID(), newUUID()
		iface, port := emptyRow("Interface"), emptyRow("Port")
		iface["name"], iface["external_ids"] = str(name), pairs(ids)
		port["name"], port["interfaces"] = str(name), value{ref(i): ""}
		c.put("Interface", i, iface)
		c.put("Port", p, port)
		all[ref(p)] = ""
	}
	c.set("Bridge", uuid, row{"ports": all})
	return h.commit(c)
}

// Unplug takes a port off its bridge.
func (h *Host) Unplug(bridge, port string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	uuid, b := h.bridge(bridge)
	c := h.db.begin()
	rest := value{}
	for p := range b["ports"] {
		rest[p] = ""
	}
	for p, r := range h.db.tables["Port"] {
		if r["name"].string() == port {
			delete(rest, ref(p))
		}
	}
	if len(rest) == len(b["ports"]) {
		return fmt.Errorf("unplug %s from %s: there is no such port", port, bridge)
	}
	c.set("Bridge", uuid, row{"ports": rest})
	return h.commit(c)
}

// commit ends a change of the host's own and has the switches follow it.
func (h *Host) commit(c *change) error {
	if refused := c.finish(); refused != nil {
		c.rollBack()
		return errors.New(refused.what + ": " + refused.details)
	}
	h.publish(c)
	h.reconfigure()
	return nil
}

func (h *Host) bridge(name string) (uuid string, b row) {
	for uuid, b := range h.db.tables["Bridge"] {
		if b["name"].string() == name {
			return uuid, b
		}
	}
	return "", nil
}

// Switch is the switch of a bridge, nil while there is none.
func (h *Host) Switch(bridge string) *Switch {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.switches[bridge]
}

// Flows are the flows of a bridge in the order of tables and, within one, of
// priorities.
func (h *Host) Flows(bridge string) []openflow.FlowStats {
	s := h.Switch(bridge)
	if s == nil {
		return nil
	}
	flows := s.Flows()
	slices.SortFunc(flows, compareFlows)
	return flows
}

// Flush removes all flows and groups of a bridge.
func (h *Host) Flush(bridge string) {
	if s := h.Switch(bridge); s != nil {
		s.flush()
	}
}
