package docker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/agent/plug"
	"github.com/weft-sdn/weft/agent/unixsocket"
)

// Name is that of both drivers, and of the socket in Docker's plugin directory.
const Name = "weft"

// Where things are unless told otherwise.
const (
	DefaultPluginSocket = "/run/docker/plugins/" + Name + ".sock"
	DefaultEngine       = "unix:///var/run/docker.sock"
)

// Config is what a driver has to be told.
type Config struct {
	Host         func(context.Context) (string, error) // says what the controller calls this host
	StateDir     string                                // holds what must survive a restart
	PluginSocket string                                // such as DefaultPluginSocket
	Engine       string                                // Docker's API, such as DefaultEngine
	Control      *control.Control
	Socket       *plug.Socket
	Log          *slog.Logger
}

// Driver serves one Docker engine.
type Driver struct {
	host    func(context.Context) (string, error)
	path    string // of the plugin's socket
	control *control.Control
	socket  *plug.Socket
	engine  *client.Client
	ledger  *ledger
	log     *slog.Logger

	wake    chan struct{} // has room for one: the follower has something to do
	errands chan struct{} // whoever has put something in does them
	own     ownRemovals

	// The follower's.
	complaints map[string]string // what was said last of a network
	swept      time.Time         // when ports were looked at last
}

// New prepares a driver that knows what it knew before.
func New(cfg Config) (*Driver, error) {
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the agent's state: %w", err)
	}
	records, err := openLedger(filepath.Join(cfg.StateDir, "docker.json"))
	if err != nil {
		return nil, err
	}
	engine, err := client.New(client.WithHost(cfg.Engine), client.WithUserAgent("weft-agent"))
	if err != nil {
		return nil, fmt.Errorf("prepare to call Docker at %s: %w", cfg.Engine, err)
	}
	return &Driver{
		host: cfg.Host, path: cfg.PluginSocket, control: cfg.Control, socket: cfg.Socket,
		engine: engine, ledger: records, log: cfg.Log,
		wake: make(chan struct{}, 1), errands: make(chan struct{}, 1), complaints: make(map[string]string),
	}, nil
}

// Run serves Docker until ctx ends. Docker need not run, neither before nor all
// the time. What containers have stays as it is.
func (d *Driver) Run(ctx context.Context) error {
	listener, err := unixsocket.Listen(d.path)
	if err != nil {
		return err
	}
	d.ledger.read(func(now *records) {
		d.log.Info("Docker is served", "socket", d.path, "networks", len(now.Networks), "endpoints", len(now.Endpoints), "later", len(now.Later))
	})
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error {
		<-ctx.Done()
		return listener.Close()
	})
	all.Go(func() error {
		err := d.plugin().Serve(listener)
		if errors.Is(err, net.ErrClosed) && ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("serve Docker at %s: %w", d.path, err)
	})
	all.Go(func() error { return d.follow(ctx) })
	return all.Wait()
}

// poke has the follower look at everything.
func (d *Driver) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}
