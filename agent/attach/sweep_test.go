package attach

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weft-sdn/weft/agent/control"
	"github.com/weft-sdn/weft/agent/plug"
	"github.com/weft-sdn/weft/agent/unixsocket"
)

// attacher remembers one attachment, and neither a controller nor Open vSwitch
// answers it.
func attacher(t *testing.T, engine string) *Attacher {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	c, err := control.New(control.Config{Controllers: []string{"http://127.0.0.1:1"}, File: filepath.Join(dir, "networks.json"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Config{
		Host:     func(context.Context) (string, error) { return "host1", nil },
		StateDir: dir, RunDir: dir, Engine: engine, Control: c, Socket: plug.At("unix:" + filepath.Join(dir, "none")), Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.ledger.put(attachment(idOne)); err != nil {
		t.Fatal(err)
	}
	return a
}

// dockerSays is a Docker that has no containers, or fails to say which.
func dockerSays(t *testing.T, status int, text string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if strings.HasSuffix(r.URL.Path, "/containers/json") {
			w.WriteHeader(status)
			io.WriteString(w, text)
		}
	}))
	t.Cleanup(s.Close)
	return "tcp://" + s.Listener.Addr().String()
}

func TestNothingIsSweptUnlessAllAnswer(t *testing.T) {
	for name, engine := range map[string]string{
		"Docker is away":       "unix:///nowhere/docker.sock",
		"Docker fails":         dockerSays(t, http.StatusInternalServerError, `{"message":"no"}`),
		"Docker says nonsense": dockerSays(t, http.StatusOK, `{"message":"no"}`),
		"Open vSwitch is away": dockerSays(t, http.StatusOK, `[]`),
	} {
		a := attacher(t, engine)
		if again := a.compare(t.Context()); again != retry || len(a.ledger.list()) != 1 {
			t.Errorf("%s: %+v is left, and it is looked again after %v", name, a.ledger.list(), again)
		}
	}
}

func TestWhatDockerHasNotIsSwept(t *testing.T) {
	a := attacher(t, "unix:///nowhere/docker.sock")
	kept := attachment(idTwo)
	if err := a.ledger.put(kept); err != nil {
		t.Fatal(err)
	}
	a.sweep(t.Context(), containers{idTwo: {ID: idTwo}}, ports{})
	if left := a.ledger.list(); len(left) != 1 || left[0].Container != idTwo {
		t.Errorf("%+v is left", left)
	}
	if later := a.ledger.now.Later; len(later) != 1 || later[0] != endpointID(attachment(idOne)) {
		t.Errorf("%v is deleted when the controller answers", later)
	}
}

func TestCommands(t *testing.T) {
	a := attacher(t, "unix:///nowhere/docker.sock")
	if err := AskToDetach(t.Context(), a.path, "doc1", "eth0"); err == nil || !strings.Contains(err.Error(), "does weft agent run here") {
		t.Errorf("without an agent: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- a.serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	var err error
	for {
		if _, err = Ask(t.Context(), a.path, Request{Container: "doc1", Network: "net1", Interface: "eth0"}); err == nil || !strings.Contains(err.Error(), "does weft agent run here") {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), `ask Docker for container "doc1"`) {
		t.Errorf("without Docker: %v", err)
	}
	if other, err := unixsocket.Listen(a.path); err == nil {
		other.Close()
		t.Error("two agents serve one socket")
	}
}
