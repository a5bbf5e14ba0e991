package attach

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/agent/plug"
)

const (
	// period is how long it goes unnoticed what no event tells of.
	period = 30 * time.Second
	// retry is how soon that is tried again which failed, or is not complete.
	retry = 2 * time.Second
	// settle is how long is waited after a change of the kernel's links, which
	// come in swarms.
	settle = 200 * time.Millisecond
	// engineTime bounds one look at everything: Docker may hang.
	engineTime = 30 * time.Second
)

// Config is what an Attacher has to be told.
type Config struct {
	Host     func(context.Context) (string, error) // says what the controller calls this host
	StateDir string                                // holds what must survive a restart
	RunDir   string                                // gets the socket for the commands
	Engine   string                                // Docker's API, such as unix:///var/run/docker.sock
	Bridged  string                                // the network that containers of Docker's default bridge are in besides; "" for none
	Control  *control.Control
	Socket   *plug.Socket
	Log      *slog.Logger
}

// Attacher serves the containers of one Docker engine.
type Attacher struct {
	host    func(context.Context) (string, error)
	path    string // of the socket for the commands
	control *control.Control
	socket  *plug.Socket
	engine  *client.Client
	bridged string // the network for containers of Docker's default bridge
	log     *slog.Logger
	wake    chan struct{} // has room for one: there may be something to compare

	// One thing at a time: whoever holds it may take Docker's list for complete.
	mu         sync.Mutex
	ledger     *ledger
	complaints map[string]complaint // what was said last of a container
	reviewed   bool                 // the controller's list was compared with Docker's
}

// New prepares an Attacher that knows what it knew before.
func New(cfg Config) (*Attacher, error) {
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the agent's state: %w", err)
	}
	ledger, err := openLedger(filepath.Join(cfg.StateDir, "attach.json"))
	if err != nil {
		return nil, err
	}
	engine, err := client.New(client.WithHost(cfg.Engine), client.WithUserAgent("weft-agent"))
	if err != nil {
		return nil, fmt.Errorf("prepare to call Docker at %s: %w", cfg.Engine, err)
	}
	return &Attacher{
		host: cfg.Host, path: SocketIn(cfg.RunDir), control: cfg.Control, socket: cfg.Socket, engine: engine, bridged: cfg.Bridged,
		log: cfg.Log, wake: make(chan struct{}, 1), ledger: ledger, complaints: make(map[string]complaint),
	}, nil
}

// Run attaches what is to be attached, and serves the commands, until ctx ends.
// Docker need not run. Containers stay as they are.
func (a *Attacher) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return a.serve(ctx) })
	all.Go(func() error { return a.follow(ctx) })
	return all.Wait()
}

// follow compares everything whenever something may have changed.
func (a *Attacher) follow(ctx context.Context) error {
	if err := a.listenToLinks(ctx); err != nil {
		return err
	}
	go a.listenToEngine(ctx)
	for {
		wait := a.compare(ctx)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.wake:
		case <-time.After(wait):
		}
	}
}

// poke has everything compared.
func (a *Attacher) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// complaint is what was said of a container, and when.
type complaint struct {
	text string
	at   time.Time
}

// complain warns of what cannot be done for a container, once until it is
// something else, and that not with each try.
func (a *Attacher) complain(container string, err error) {
	last := a.complaints[container]
	if last.text == err.Error() || time.Since(last.at) < period {
		return
	}
	a.complaints[container] = complaint{err.Error(), time.Now()}
	a.log.Warn("a container is not attached", "container", container, "error", err)
}
