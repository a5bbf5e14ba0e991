package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest"
	"github.com/weft-sdn/weft/rest/client"
)

var quiet = slog.New(slog.DiscardHandler)

// weft is a real controller, which can be away.
type weft struct {
	*controller.Controller
	t       *testing.T
	address string
	handler http.Handler
	server  *http.Server
}

func newWeft(t *testing.T) *weft {
	t.Helper()
	c, err := controller.Open(controller.Config{DataDir: filepath.Join(t.TempDir(), "data"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	api, err := rest.New(rest.Config{Controller: c, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	w := &weft{Controller: c, t: t, address: "127.0.0.1:0", handler: api.Handler()}
	w.back()
	t.Cleanup(w.away)
	return w
}

func (w *weft) back() {
	w.t.Helper()
	l, err := net.Listen("tcp", w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.address = l.Addr().String()
	w.server = &http.Server{Handler: w.handler}
	go w.server.Serve(l)
}

func (w *weft) away() { w.server.Close() }

func (w *weft) declare(name string) {
	w.t.Helper()
	if _, _, err := w.CreateNetwork(w.t.Context(), model.Network{Name: name}, controller.WriteOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func followed(t *testing.T, file string, addresses ...string) *Control {
	t.Helper()
	var urls []string
	for _, a := range addresses {
		urls = append(urls, "http://"+a)
	}
	c, err := New(Config{Controllers: urls, File: file, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runs has c follow its controllers for as long as the test takes.
func (c *Control) runs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// becomes waits until these are the networks, by being told of changes only.
func (c *Control) becomes(t *testing.T, fresh bool, names ...string) {
	t.Helper()
	want := fmt.Sprint(names, fresh)
	timeout := time.After(10 * time.Second)
	for {
		list, is := c.Networks()
		got := []string{}
		for _, n := range list {
			got = append(got, n.Name)
		}
		if fmt.Sprint(got, is) == want {
			return
		}
		select {
		case <-c.Changed():
		case <-timeout:
			t.Fatalf("the networks are %v, fresh %v; want %s", got, is, want)
		}
	}
}

func TestNetworksAreFollowed(t *testing.T) {
	w := newWeft(t)
	w.declare("one")
	file := filepath.Join(t.TempDir(), "networks.json")
	c := followed(t, file, w.address)
	c.runs(t)
	c.becomes(t, true, "one")
	w.declare("two")
	c.becomes(t, true, "one", "two")
	if _, err := w.DeleteNetwork(t.Context(), "one", controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	c.becomes(t, true, "two")

	w.away()
	c.becomes(t, false, "two")
	if n, known := c.Network("two"); !known || n.VNI == 0 {
		t.Errorf("what was known last: %+v, %v", n, known)
	}
	// One that starts now knows as much.
	again := followed(t, file, w.address)
	again.becomes(t, false, "two")
	w.declare("three")
	w.back()
	c.becomes(t, true, "three", "two")
}

func TestTheControllerThatAnswersIsAsked(t *testing.T) {
	w := newWeft(t)
	w.declare("one")
	c := followed(t, filepath.Join(t.TempDir(), "networks.json"), "127.0.0.1:1", w.address)
	for range 2 {
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.becomes(t, true, "one")
	// A refusal is an answer.
	err := c.Call(t.Context(), func(ctx context.Context, api *client.Client) error {
		_, err := api.Network(ctx, "none")
		return err
	})
	if model.KindOf(err) != model.NotFound || errors.Is(err, ErrAway) {
		t.Errorf("a refusal: %v", err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	c := followed(t, filepath.Join(t.TempDir(), "networks.json"), "127.0.0.1:1", "127.0.0.1:2")
	start := time.Now()
	if err := c.Refresh(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("%v", err)
	}
	if took := time.Since(start); took > patience {
		t.Errorf("it takes %v to say so", took)
	}
}

func TestAFileThatCannotBeReadIsReplaced(t *testing.T) {
	w := newWeft(t)
	w.declare("one")
	file := filepath.Join(t.TempDir(), "networks.json")
	if err := os.WriteFile(file, []byte(`{"one":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := followed(t, file, w.address).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	followed(t, file, w.address).becomes(t, false, "one")
}

func TestUntilAControllerIsNamedNoneAnswers(t *testing.T) {
	c, err := New(Config{Log: quiet, File: filepath.Join(t.TempDir(), "networks.json")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("without a controller: %v", err)
	}
}
