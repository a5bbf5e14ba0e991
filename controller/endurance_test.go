package controller_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/weft-sdn/weft/controller"
	"github.com/weft-sdn/weft/internal/simhost"
	"github.com/weft-sdn/weft/model"
)

// use is what a process has of what must not grow.
type use struct {
	goroutines, descriptors int
	heap                    int // KiB
}

func measure(t *testing.T) use {
	t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return use{runtime.NumGoroutine(), len(open), int(m.HeapAlloc >> 10)}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// The full number of cycles and reconnects is in internal/bench.
func TestNothingStaysOfEndpointsAndConnectionsThatAreGone(t *testing.T) {
	const hosts, cycles, reconnects = 3, 300, 30
	c, err := controller.Open(controller.Config{
		DataDir: t.TempDir() + "/data", OVSDBListen: "127.0.0.1:0", OpenFlowListen: "127.0.0.1:0", Repair: true,
		TakeoverAfter: 50 * time.Millisecond, // or its timers would still be there when it is measured
		Log:           slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx) }()
	defer func() {
		stop()
		<-served
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "the doors to open", func() bool { a, _ := c.Addresses(); return a != nil })
	manager, _ := c.Addresses()
	var sims []*simhost.Host
	for i := range hosts {
		h := simhost.New(simhost.Config{
			SystemID: fmt.Sprintf("h%d", i), Manager: manager.String(), Backoff: 10 * time.Millisecond,
			ExternalIDs: map[string]string{"weft-vtep": fmt.Sprintf("198.18.0.%d", i+1)},
		})
		h.Start()
		defer h.Stop()
		sims = append(sims, h)
	}
	synchronized := func() bool {
		r := c.Ready()
		return r.Ready && len(r.Hosts) == 0 && len(c.Hosts()) == hosts
	}
	eventually(t, "the hosts to join", synchronized)
	for i, h := range sims {
		if err := h.Plug("br-weft", "p", map[string]string{"iface-id": fmt.Sprintf("e%d", i)}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the port", func() bool {
			ports, _ := c.HostPorts(fmt.Sprintf("h%d", i)) // tried again
			for _, p := range ports {
				if p.Name == "p" && p.Number != 0 {
					return true
				}
			}
			return false
		})
	}
	subnets := []model.Prefix{model.MustPrefix("10.0.0.0/24")}
	if _, _, err := c.CreateNetwork(ctx, model.Network{Name: "n", Subnets: subnets}, controller.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	live := func(cycles, reconnects int) {
		for k := range cycles {
			e := model.Endpoint{ID: fmt.Sprintf("e%d", k%hosts), Network: "n"}
			got, _, err := c.CreateEndpoint(ctx, e, controller.WriteOptions{Wait: true})
			if err != nil || got.State != model.Installed {
				t.Fatalf("endpoint %s is %s: %v", e.ID, got.State, err)
			}
			if _, err := c.DeleteEndpoint(ctx, e.ID, controller.WriteOptions{Wait: true}); err != nil {
				t.Fatal(err)
			}
		}
		for k := range reconnects {
			sims[k%hosts].Stop()
			eventually(t, "the host to be away", func() bool { return len(c.Ready().Hosts) == 1 })
			sims[k%hosts].Start()
			eventually(t, "the host to be back", synchronized)
		}
	}
	live(cycles, reconnects) // pools fill, maps get their size
	before := measure(t)
	live(cycles, reconnects)
	var after use
	eventually(t, "goroutines and descriptors to go", func() bool {
		after = measure(t)
		return after.goroutines <= before.goroutines+2 && after.descriptors <= before.descriptors
	})
	t.Logf("%+v, then %+v", before, after)
	if grown := after.heap - before.heap; grown > 512 {
		t.Errorf("the heap has grown by %d KiB in %d cycles and %d reconnects", grown, cycles, reconnects)
	}
}
