package rest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"

	"github.com/weft-sdn/weft/controller"
)

// DefaultListen is where the API is without any configuration: reachable from
// the machine itself only.
const DefaultListen = "127.0.0.1:8181"

const (
	// A request's header comes within this time, and its body within
	// bodyTimeout, which is enough for the largest document over a slow line.
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	// answerTimeout is longer than the longest ?wait.
	answerTimeout = maxTimeout + time.Minute
	// Names and tokens are short; a header has no reason to be larger.
	maxHeader = 64 << 10
	// Every agent of a thousand hosts keeps one watch open, and people come
	// on top.
	maxConnections = 4096
	// shutdownGrace is how long answers under way may take at the end.
	shutdownGrace = 5 * time.Second
)

// Config is what a Server needs.
type Config struct {
	Controller *controller.Controller
	Listen     string        // address:port, default DefaultListen
	TokenFile  string        // holds the token that requests must bear; none: no token
	Insecure   bool          // listen beyond loopback without a token
	Names      []string      // Host names by which the controller is known, besides addresses and localhost
	Heartbeat  time.Duration // between comments on a silent watch, default 15 s
	Log        *slog.Logger
}

// Server answers the API's requests.
type Server struct {
	controller *controller.Controller
	config     Config
	log        *slog.Logger
	doors      doors
	metrics    *prometheus.Registry
	document   []byte // of /openapi.json
	handler    http.Handler
	stopping   context.Context // ends when the server begins to shut down
	stop       context.CancelFunc
}

// New prepares a server; it does not listen yet.
func New(config Config) (*Server, error) {
	if config.Listen == "" {
		config.Listen = DefaultListen
	}
	if config.Heartbeat == 0 {
		config.Heartbeat = 15 * time.Second
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{controller: config.Controller, config: config, log: config.Log}
	var err error
	if s.doors, err = newDoors(config.Names, config.TokenFile); err != nil {
		return nil, err
	}
	observe, err := s.newMetrics()
	if err != nil {
		return nil, err
	}
	table := routes()
	if s.document, err = openAPI(table); err != nil {
		return nil, err
	}
	s.handler = s.guard(s.newRouter(table, observe))
	s.stopping, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Handler returns the API without a listener, for tests.
func (s *Server) Handler() http.Handler { return s.handler }

// Listen opens the API's port. Beyond loopback it wants a token, for whoever
// reaches the API commands every host's switch.
func (s *Server) Listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", s.config.Listen)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for REST: %w", err)
	}
	at := listener.Addr().(*net.TCPAddr)
	if !at.IP.IsLoopback() && s.config.TokenFile == "" && !s.config.Insecure {
		listener.Close()
		return nil, fmt.Errorf("REST on %s could be used by anybody who reaches it: give --token-file FILE, or --insecure if the network around it is trusted, or listen on %s", s.config.Listen, DefaultListen)
	}
	return netutil.LimitListener(listener, maxConnections), nil
}

// Serve answers requests until ctx ends; then watches end, answers under way
// are finished, and it returns nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      answerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		s.stop()
		return fmt.Errorf("REST on %s stopped: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	s.stop()
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := server.Shutdown(grace); errors.Is(err, context.DeadlineExceeded) {
		server.Close()
	}
	return nil
}
