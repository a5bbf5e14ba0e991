package attach

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/weft-sdn/weft/agent/unixsocket"
)

const (
	// DefaultRunDir is where the agent's socket is unless told otherwise.
	DefaultRunDir = "/run/weft"

	attachPath, detachPath = "/attach", "/detach"

	// deadline bounds every command.
	deadline = 15 * time.Second
)

// SocketIn is the agent's socket in its directory of sockets.
func SocketIn(runDir string) string { return filepath.Join(runDir, "agent.sock") }

// problem is what a command hears that is refused.
type problem struct {
	Detail string `json:"detail"`
}

// serve answers the commands until ctx ends.
func (a *Attacher) serve(ctx context.Context) error {
	listener, err := unixsocket.Listen(a.path)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("POST "+attachPath, answering(a.Attach))
	routes.HandleFunc("POST "+detachPath, answering(func(ctx context.Context, q Request) (struct{}, error) {
		return struct{}{}, a.Detach(ctx, q.Container, q.Interface)
	}))
	server := &http.Server{Handler: routes, ReadHeaderTimeout: deadline}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serve commands at %s: %w", a.path, err)
	}
	return ctx.Err()
}

// answering has a function answer a command.
func answering[Answer any](do func(context.Context, Request) (Answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		// What was begun is finished, whether or not somebody waits for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), deadline)
		defer cancel()
		var q Request
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&q); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			json.NewEncoder(w).Encode(problem{"read the request: " + err.Error()})
			return
		}
		a, err := do(ctx, q)
		if err != nil {
			w.WriteHeader(http.StatusConflict)
			json.NewEncoder(w).Encode(problem{err.Error()})
			return
		}
		json.NewEncoder(w).Encode(a)
	}
}
