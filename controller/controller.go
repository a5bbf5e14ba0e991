package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/membership"
	"github.com/weft-sdn/weft/store"
	"github.com/weft-sdn/weft/underlay"
)

// Config is what a controller is started with.
type Config struct {
	DataDir        string
	OVSDBListen    string         // address for hosts' OVSDB connections, ":6640"
	OpenFlowListen string         // address for bridges' OpenFlow connections, ":6653"
	Advertise      string         // address that bridges are pointed at; empty: where the host reached us
	Admit          []netip.Prefix // who may be a host; empty: anybody
	Repair         bool           // undo what others change on br-weft
	TakeoverAfter  time.Duration  // how long a host is away before another may have its endpoints
	Transit        ipam.Transit   // addresses between Open vSwitch and the kernels of gateway hosts; zero: the default
	BFDInterval    time.Duration  // at which hosts watch gateways, and neighbours on declared links; zero: the default
	LinkCalm       time.Duration  // how long a link that was down has to be up before it is used; zero: the default
	VXLANPort      uint16         // UDP port of VXLAN; 0: the default, 4789
	GenevePort     uint16         // of Geneve; 0: the default, 6081
	Gossip         GossipConfig
	Log            *slog.Logger
}

// defaultTakeover is what the contract says: an endpoint passes on when its
// holder's host has been unreachable for that long.
const defaultTakeover = 10 * time.Second

// defaultBFD finds a gateway dead after 300 ms: three intervals in which nothing
// came (RFC 5880, section 6.8.4).
const defaultBFD = 100 * time.Millisecond

// Controller holds what is wanted and what is seen. All of its methods may be
// called from any goroutine.
type Controller struct {
	config Config
	log    *slog.Logger
	store  *store.Store
	db     *memdb.MemDB

	requests chan func() // run by the loop, one after the other
	done     chan struct{}
	life     context.Context // of the controller
	stop     context.CancelFunc
	running  sync.WaitGroup
	progress progress

	// Only the loop touches these.
	revision uint64
	fabric   *flows.Fabric
	ways     *underlay.Map // over the links that are used, as the records say
	pools    *pools
	hosts    map[string]*hostLink // by system-id; connected ones, and those that were
	parked   map[uint64]*parkedSwitch
	started  time.Time
	probing  probing
	retrying bool // facts that could not be stored are looked at again soon

	// Set by Serve before it lets anybody in.
	advertise    netip.Addr
	openflowPort uint16
	restPort     uint16 // 0: hosts cannot reach it
	listening    atomic.Pointer[listeners]

	members  atomic.Pointer[membership.Membership] // nil without gossip
	rotating sync.Mutex                            // of the gossip's key, one at a time
}

// Open reads the data directory and starts the loop; Serve lets hosts in.
func Open(config Config) (*Controller, error) {
	if config.Log == nil {
		config.Log = slog.Default()
	}
	if config.TakeoverAfter == 0 {
		config.TakeoverAfter = defaultTakeover
	}
	if config.Transit == (ipam.Transit{}) {
		config.Transit = ipam.DefaultTransit()
	}
	if err := config.Transit.Check(); err != nil {
		return nil, err
	}
	if config.LinkCalm == 0 {
		config.LinkCalm = defaultLinkCalm
	}
	if config.BFDInterval == 0 {
		config.BFDInterval = defaultBFD
	}
	s, err := store.Open(config.DataDir, store.Options{})
	if err != nil {
		return nil, err
	}
	db, err := newState()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	c := &Controller{
		config: config, log: config.Log, store: s, db: db,
		requests: make(chan func()), done: make(chan struct{}),
		fabric: flows.NewFabric(), ways: underlay.NewMap(), pools: newPools(),
		hosts: map[string]*hostLink{}, parked: map[uint64]*parkedSwitch{},
		started: time.Now(), probing: probing{unseen: map[uint32]int{}},
	}
	if err := c.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", config.DataDir, err), s.Close())
	}
	c.life, c.stop = context.WithCancel(context.Background())
	if err := c.adoptGateways(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	// Known hosts may never come back: what they held passes on as if they had
	// been lost just now.
	for h := range all[hostRecord](c.snapshot(), tableHost) {
		c.away(c.linkOf(h.SystemID))
	}
	c.running.Add(1)
	go c.loop(c.life)
	return c, nil
}

// Close stops everything. The hosts keep forwarding as they are.
func (c *Controller) Close() error {
	c.stop()
	c.running.Wait()
	return c.store.Close()
}

// ClusterID is the mark that this controller's hosts bear.
func (c *Controller) ClusterID() string { return c.store.ClusterID() }

// loop runs requests and facts one after the other.
func (c *Controller) loop(ctx context.Context) {
	defer c.running.Done()
	defer close(c.done)
	for {
		select {
		case f := <-c.requests:
			f()
		case <-ctx.Done():
			return
		}
	}
}

// do runs f in the loop and waits for it.
func (c *Controller) do(ctx context.Context, f func()) error {
	ran := make(chan struct{})
	select {
	case c.requests <- func() { defer close(ran); f() }:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return errStopped
	}
	select {
	case <-ran:
		return nil
	case <-c.done:
		select {
		case <-ran:
			return nil
		default:
			return errStopped
		}
	}
}

// beside runs f in a goroutine of its own, until the controller stops.
func (c *Controller) beside(f func(context.Context)) {
	c.running.Go(func() { f(c.life) })
}

// snapshot is the state as it is now.
func (c *Controller) snapshot() view { return view{c.db.Txn(false), c.config.Transit} }

// begin starts a change; the loop calls it.
func (c *Controller) begin() *tx {
	txn := c.db.Txn(true)
	txn.TrackChanges()
	return &tx{view: view{txn, c.config.Transit}, c: c, now: time.Now(), touched: map[string]bool{}, renumbered: map[string]bool{}}
}

// Revision is the revision of the newest durable change.
func (c *Controller) Revision() uint64 {
	var revision uint64
	_ = c.do(context.Background(), func() { revision = c.revision })
	return revision
}

// progress wakes those who wait for hosts to confirm.
type progress struct {
	mu      sync.Mutex
	changed chan struct{}
}

// wait returns a channel that is closed at the next change.
func (p *progress) wait() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

func (p *progress) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}
