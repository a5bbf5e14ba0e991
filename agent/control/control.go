package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/weft-sdn/weft/rest/client"
)

// patience bounds one attempt at one controller, which answers within
// milliseconds unless its disk is slow. Docker waits for its plugins for 15 s.
const patience = 4 * time.Second

// ErrAway is what the errors of calls are that no controller answered.
var ErrAway = errors.New("no controller answers")

// away is such an error; its text names the controller already.
type away struct{ error }

func (away) Is(target error) bool { return target == ErrAway }
func (a away) Unwrap() error      { return a.error }

// Config is what a Control has to be told.
type Config struct {
	Controllers []string // URLs of their REST APIs; none: Use says them later
	TokenFile   string   // holds the token of the API, "" for none
	File        string   // keeps what is known of the networks
	Log         *slog.Logger
}

// Control calls the controllers, and follows them as long as Run runs.
type Control struct {
	file      string
	tokenFile string
	log       *slog.Logger
	changed   chan struct{} // has room for one

	mu      sync.Mutex
	clients []*client.Client // the one that answered last comes first
	known   networks
	host    string                  // whose slices are followed, "" for nobody's
	taken   map[string]holder       // by id of the endpoint
	again   context.CancelCauseFunc // ends what follow does, nil before
}

// New prepares a Control that knows what the file says. It does not connect yet.
func New(cfg Config) (*Control, error) {
	c := &Control{file: cfg.File, tokenFile: cfg.TokenFile, log: cfg.Log, changed: make(chan struct{}, 1)}
	if err := c.Use(cfg.Controllers...); err != nil {
		return nil, err
	}
	c.loadTaken()
	return c, c.load()
}

// Use has these controllers called from now on, and no others.
func (c *Control) Use(urls ...string) error {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: patience / 2}).DialContext
	transport.MaxIdleConnsPerHost = 16 // Docker starts containers side by side
	var clients []*client.Client
	for _, url := range urls {
		one, err := client.New(client.Config{Server: url, TokenFile: c.tokenFile, Transport: transport})
		if err != nil {
			return err
		}
		clients = append(clients, one)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = clients
	return nil
}

// Call has a controller do something: the first that answers. The error of a
// call that none answered is [ErrAway].
func (c *Control) Call(ctx context.Context, do func(context.Context, *client.Client) error) error {
	c.mu.Lock()
	clients := append([]*client.Client(nil), c.clients...)
	c.mu.Unlock()
	var unanswered error
	for i, one := range clients {
		attempt, cancel := context.WithTimeout(ctx, patience)
		err := do(attempt, one)
		cancel()
		if !errors.Is(err, client.ErrUnreachable) {
			if i > 0 {
				c.prefer(one)
			}
			return err
		}
		unanswered = err
		if ctx.Err() != nil {
			break
		}
	}
	if unanswered == nil {
		return fmt.Errorf("%w: the gossip has not named any yet whose REST API can be reached from here (weft controller --rest-listen)", ErrAway)
	}
	return away{unanswered}
}

// prefer has a controller asked first from now on.
func (c *Control) prefer(one *client.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, other := range c.clients {
		if other == one {
			c.clients[0], c.clients[i] = c.clients[i], c.clients[0]
		}
	}
}
