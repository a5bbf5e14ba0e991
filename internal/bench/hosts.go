package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weft-sdn/weft/internal/simhost"
)

// backoff is how soon a simulated host dials again: Open vSwitch waits a
// second first, which would be most of what is measured.
const backoff = 50 * time.Millisecond

// beHosts is the process of the simulated hosts.
func beHosts(ctx context.Context) error {
	var mu sync.Mutex
	var hosts []*simhost.Host
	each := func(f func(i int, h *simhost.Host) error) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			from, to := 0, len(hosts)
			if only, err := strconv.Atoi(r.FormValue("host")); err == nil {
				from, to = only, only+1
			}
			var failed error
			var failing sync.Mutex
			var all sync.WaitGroup
			places := make(chan struct{}, 64)
			for i := from; i < to; i++ {
				places <- struct{}{}
				all.Go(func() {
					defer func() { <-places }()
					if err := f(i, hosts[i]); err != nil {
						failing.Lock()
						defer failing.Unlock()
						failed = err
					}
				})
			}
			all.Wait()
			if failed != nil {
				http.Error(w, failed.Error(), http.StatusInternalServerError)
			}
		}
	}
	http.HandleFunc("POST /new", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n, _ := strconv.Atoi(r.FormValue("n")) // 0: none
		for i := range n {
			hosts = append(hosts, simhost.New(simhost.Config{
				SystemID: hostName(i), Manager: r.FormValue("manager"), Backoff: backoff,
				ExternalIDs: map[string]string{"hostname": hostName(i), "weft-vtep": vtep(i)},
			}))
			hosts[i].Start()
		}
	})
	http.HandleFunc("POST /stop", each(func(_ int, h *simhost.Host) error { h.Stop(); return nil }))
	http.HandleFunc("POST /start", each(func(_ int, h *simhost.Host) error { h.Start(); return nil }))
	http.HandleFunc("POST /flush", each(func(_ int, h *simhost.Host) error { h.Flush(bridge); return nil }))
	http.HandleFunc("POST /plug", func(w http.ResponseWriter, r *http.Request) {
		from, _ := strconv.Atoi(r.FormValue("from")) // 0 where not said
		to, _ := strconv.Atoi(r.FormValue("to"))
		each(func(i int, h *simhost.Host) error {
			ports := map[string]map[string]string{}
			for p := from; p < to; p++ {
				ports[fmt.Sprintf("p%d", p)] = map[string]string{"iface-id": endpointID(i, p)}
			}
			return h.PlugAll(bridge, ports)
		})(w, r)
	})
	http.HandleFunc("POST /unplug", func(w http.ResponseWriter, r *http.Request) {
		each(func(i int, h *simhost.Host) error { return h.Unplug(bridge, "p"+r.FormValue("port")) })(w, r)
	})
	http.HandleFunc("POST /see", func(w http.ResponseWriter, r *http.Request) {
		each(func(_ int, h *simhost.Host) error {
			return h.Switch(bridge).SetAlive(r.FormValue("port"), r.FormValue("alive") == "true")
		})(w, r)
	})
	http.HandleFunc("POST /flows", func(w http.ResponseWriter, r *http.Request) {
		total := 0
		for _, h := range hosts {
			if s := h.Switch(bridge); s != nil {
				flows, groups := s.Counts()
				total += flows + groups
			}
		}
		answer(w, total)
	})
	if err := listen(); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

const bridge = "br-weft"

func hostName(i int) string { return fmt.Sprintf("host%d", i) }

// vtep is an address of the network that is for benchmarks (RFC 2544).
func vtep(i int) string { return fmt.Sprintf("198.18.%d.%d", i/250, i%250+1) }

// endpointID is the id of the endpoint behind port p of host i.
func endpointID(i, p int) string { return fmt.Sprintf("h%d-p%d", i, p) }

// simulated are simulated hosts in another process.
type simulated struct{ *process }

func startHosts(ctx context.Context, n int, manager string) (*simulated, error) {
	p, err := start(ctx, "hosts")
	if err != nil {
		return nil, err
	}
	return &simulated{p}, p.tell(fmt.Sprintf("/new?n=%d&manager=%s", n, manager), nil)
}

func (s *simulated) flows() (n int, err error) {
	err = s.tell("/flows", &n)
	return n, err
}
