package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// measureEndurance lets endpoints and connections come and go, and looks
// whether anything of them stays.
func measureEndurance(ctx context.Context, r *report) error {
	const hosts, ports = 5, 20
	cycles, reconnects := r.size(10_000, 200), r.size(1_000, 20)
	dir, err := os.MkdirTemp("", "weft-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := startController(ctx, dir)
	if err != nil {
		return err
	}
	defer c.stop()
	sims, err := startHosts(ctx, hosts, c.OVSDB)
	if err != nil {
		return err
	}
	defer sims.stop()
	if err := c.hostsJoin(ctx, hosts); err != nil {
		return err
	}
	if err := sims.tell(fmt.Sprintf("/plug?from=0&to=%d", ports), nil); err != nil {
		return err
	}
	if err := c.seesPorts(ctx, hosts, ports); err != nil {
		return err
	}
	t := topology{hosts: hosts, ports: ports, networks: 5}
	if _, _, err := c.Apply(ctx, t.networksOnly(), client.WriteOptions{}); err != nil {
		return err
	}
	live := func(cycles, reconnects int) error {
		for k := range cycles {
			i, p := k%hosts, k/hosts%ports
			e := model.Endpoint{ID: endpointID(i, p), Network: networkName(t.network(i, p))}
			if _, _, err := c.CreateEndpoint(ctx, e, client.WriteOptions{Wait: k%10 == 0}); err != nil {
				return err
			}
			if _, err := c.DeleteEndpoint(ctx, e.ID, client.WriteOptions{}); err != nil {
				return err
			}
		}
		for k := range reconnects {
			which := fmt.Sprintf("?host=%d", k%hosts)
			if err := sims.tell("/stop"+which, nil); err != nil {
				return err
			}
			if err := c.away(ctx, 1); err != nil {
				return err
			}
			if err := sims.tell("/start"+which, nil); err != nil {
				return err
			}
			if err := c.synchronized(ctx, time.Millisecond); err != nil {
				return err
			}
		}
		return c.synchronized(ctx, time.Millisecond)
	}
	// What is kept of the past is bounded, and full after this.
	if err := live(cycles/10, reconnects/10); err != nil {
		return err
	}
	before, err := c.cost()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := live(cycles, reconnects); err != nil {
		return err
	}
	took := time.Since(began)
	// Timers that wait until a host may be given up are not there to stay.
	time.Sleep(12 * time.Second)
	after, err := c.cost()
	if err != nil {
		return err
	}
	r.note(fmt.Sprintf("%d endpoints come and go, %d reconnects", cycles, reconnects), short(took))
	const some = 3 // of the HTTP connections that this very question takes
	growth := func(what string, before, after, allowed int) {
		r.row("    "+what, fmt.Sprintf("%d, then %d", before, after), fmt.Sprintf("<= +%d", allowed), after-before <= allowed)
	}
	growth("goroutines", before.Goroutines, after.Goroutines, some)
	growth("descriptors", before.Descriptors, after.Descriptors, some)
	growth("KiB of heap", int(before.Heap>>10), int(after.Heap>>10), 1024)
	return nil
}
