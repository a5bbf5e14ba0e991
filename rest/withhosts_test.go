package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/internal/simhost"
)

// newAPIWithHosts is a server whose controller has simulated hosts.
func newAPIWithHosts(t *testing.T, names ...string) *api {
	t.Helper()
	a, _ := newAPIWithHostsThatLeave(t, names...)
	return a
}

// newAPIWithHostsThatLeave is the same, with what makes a host leave.
func newAPIWithHostsThatLeave(t *testing.T, names ...string) (_ *api, leave func(name string)) {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	c, err := controller.Open(controller.Config{
		DataDir: filepath.Join(t.TempDir(), "data"), OVSDBListen: "127.0.0.1:0", OpenFlowListen: "127.0.0.1:0", Repair: true, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-served
		c.Close()
	})
	s, err := New(Config{Controller: c, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.stop(); h.Close() })
	eventually(t, "the doors to open", func() bool { a, _ := c.Addresses(); return a != nil })
	manager, _ := c.Addresses()
	leaving := map[string]func(){}
	for i, name := range names {
		sim := simhost.New(simhost.Config{
			SystemID: name, Manager: manager.String(), Backoff: 10 * time.Millisecond,
			ExternalIDs: map[string]string{"weft-vtep": fmt.Sprintf("198.18.0.%d", i+1)},
		})
		sim.Start()
		leaving[name] = sync.OnceFunc(sim.Stop)
		t.Cleanup(leaving[name])
	}
	eventually(t, "the hosts to join", func() bool {
		r := c.Ready()
		return r.Ready && len(r.Hosts) == 0 && len(c.Hosts()) == len(names)
	})
	return &api{t, h.URL, s}, func(name string) { leaving[name]() }
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
