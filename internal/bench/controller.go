package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	_ "net/http/pprof" // on the listener that only this program knows
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/rest"
	"github.com/weft-sdn/weft/rest/client"
)

// addresses are where a controller is reached.
type addresses struct{ OVSDB, OpenFlow, REST string }

// cost is what a process has used so far, after a collection of garbage.
type cost struct {
	CPU         time.Duration
	Heap        uint64
	Goroutines  int
	Descriptors int
}

// beController is the process of the controller: the same parts as in `weft
// controller`, with a way in for questions about itself.
func beController(ctx context.Context, dir, ovsdbListen, openflowListen string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c, err := controller.Open(controller.Config{
		DataDir: dir, OVSDBListen: ovsdbListen, OpenFlowListen: openflowListen, Repair: true, Log: log,
	})
	if err != nil {
		return err
	}
	api, err := rest.New(rest.Config{Controller: c, Listen: "127.0.0.1:0", Log: log})
	if err != nil {
		return err
	}
	listener, err := api.Listen()
	if err != nil {
		return err
	}
	go func() { _ = c.Serve(ctx) }()             // until ctx ends
	go func() { _ = api.Serve(ctx, listener) }() // until ctx ends
	http.HandleFunc("POST /addresses", func(w http.ResponseWriter, r *http.Request) {
		ovsdb, openflow := c.Addresses()
		for ; ovsdb == nil; ovsdb, openflow = c.Addresses() {
			time.Sleep(time.Millisecond)
		}
		answer(w, addresses{ovsdb.String(), openflow.String(), listener.Addr().String()})
	})
	http.HandleFunc("POST /cpu", func(w http.ResponseWriter, r *http.Request) { answer(w, cost{CPU: cpu()}) })
	http.HandleFunc("POST /cost", func(w http.ResponseWriter, r *http.Request) {
		runtime.GC()
		runtime.GC() // what finalizers let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer(w, cost{cpu(), m.HeapAlloc, runtime.NumGoroutine(), len(open)})
	})
	if err := listen(); err != nil {
		return err
	}
	<-ctx.Done()
	return c.Close()
}

func answer(w http.ResponseWriter, with any) { _ = json.NewEncoder(w).Encode(with) }

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// listen serves what was registered, and says where.
func listen() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() { _ = http.Serve(l, nil) }() // until the process ends
	return nil
}

// central is a controller in another process.
type central struct {
	*process
	addresses
	*client.Client
	dir string
}

// startController starts one with a new data directory.
func startController(ctx context.Context, dir string) (*central, error) {
	return startAt(ctx, dir, "127.0.0.1:0", "127.0.0.1:0")
}

// again starts one in the place of one that was stopped.
func (c *central) again(ctx context.Context) (*central, error) {
	return startAt(ctx, c.dir, c.OVSDB, c.OpenFlow)
}

func startAt(ctx context.Context, dir, ovsdb, openflow string) (*central, error) {
	p, err := start(ctx, "controller", dir, ovsdb, openflow)
	if err != nil {
		return nil, err
	}
	c := &central{process: p, dir: dir}
	if err := p.tell("/addresses", &c.addresses); err != nil {
		return nil, err
	}
	c.Client, err = client.New(client.Config{Server: c.REST})
	return c, err
}

func (c *central) cost() (out cost, err error) {
	err = c.tell("/cost", &out)
	return out, err
}

func (c *central) cpu() (time.Duration, error) {
	var out cost
	err := c.tell("/cpu", &out)
	return out.CPU, err
}

// synchronized waits until all hosts are there and have confirmed all.
func (c *central) synchronized(ctx context.Context, every time.Duration) error {
	return until(ctx, "all hosts to be synchronized", every, func() (bool, error) {
		r, err := c.Ready(ctx)
		return r.Ready && len(r.Hosts) == 0, err
	})
}

// profile keeps a profile of the controller while something is measured, if
// profiles are wanted.
func (c *central) profile(r *report, name string, seconds int) (done func()) {
	if r.profiles == "" {
		return func() {}
	}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = c.save(fmt.Sprintf("/debug/pprof/profile?seconds=%d", seconds), filepath.Join(r.profiles, name+".cpu")) // shown by its absence
	}()
	return func() { <-finished }
}

func (c *central) save(what, file string) error {
	response, err := http.Get(c.url + what)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = out.ReadFrom(response.Body)
	return err
}
