package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

func measureScale(ctx context.Context, r *report) error {
	t := topology{hosts: r.size(1_000, 20), ports: r.size(100, 10), networks: r.size(1_000, 20), spread: 10}
	dir, err := os.MkdirTemp("", "weft-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := startController(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { c.stop() }()
	began := time.Now()
	sims, err := startHosts(ctx, t.hosts, c.OVSDB)
	if err != nil {
		return err
	}
	defer sims.stop()
	if err := c.hostsJoin(ctx, t.hosts); err != nil {
		return err
	}
	r.note(fmt.Sprintf("%d simulated hosts join", t.hosts), short(time.Since(began)))
	more := r.size(50, 10)
	began = time.Now()
	if err := sims.tell(fmt.Sprintf("/plug?from=0&to=%d", t.ports+1), nil); err != nil {
		return err
	}
	if err := c.seesPorts(ctx, t.hosts, t.ports+1); err != nil {
		return err
	}
	r.note(fmt.Sprintf("%d ports are plugged and seen", t.endpoints()), short(time.Since(began)))

	empty, err := c.cost()
	if err != nil {
		return err
	}
	done := c.profile(r, "scale-apply", 20)
	began = time.Now()
	if _, _, err := c.Apply(ctx, t.document(), client.WriteOptions{}); err != nil {
		return err
	}
	r.note(fmt.Sprintf("%d endpoints in %d networks by one POST /apply: answered", t.endpoints(), t.networks), short(time.Since(began)))
	if err := c.synchronized(ctx, 50*time.Millisecond); err != nil {
		return err
	}
	r.note("    all flows confirmed", short(time.Since(began)))
	done()
	flows, err := sims.flows()
	if err != nil {
		return err
	}
	full, err := c.cost()
	if err != nil {
		return err
	}
	if r.profiles != "" {
		if err := c.save("/debug/pprof/heap", r.profiles+"/scale.heap"); err != nil {
			return err
		}
	}
	r.note("    flows on all hosts together", fmt.Sprint(flows))
	r.note("    heap of the controller", fmt.Sprintf("%.0f MiB", float64(full.Heap)/(1<<20)))
	perFlow := float64(full.Heap-empty.Heap) / float64(flows)
	r.row("    heap per flow and host, the state of the endpoints included", fmt.Sprintf("%.0f bytes", perFlow), "<= 300 bytes", perFlow <= 300)

	if err := measureIdle(r, c); err != nil {
		return err
	}
	done = c.profile(r, "scale-one", 3)
	if err := measureOneMore(ctx, r, c, t, more); err != nil {
		return err
	}
	done()
	if err := measureReconnects(ctx, r, c, sims, t); err != nil {
		return err
	}
	return measureColdStart(ctx, r, &c, t)
}

// hostsJoin waits until that many hosts are there and have confirmed all.
func (c *central) hostsJoin(ctx context.Context, n int) error {
	err := until(ctx, "all hosts to join", 50*time.Millisecond, func() (bool, error) {
		all, err := c.Hosts(ctx)
		return len(all) == n, err
	})
	if err != nil {
		return err
	}
	return c.synchronized(ctx, 50*time.Millisecond)
}

// measureIdle is what the controller costs when nothing happens.
func measureIdle(r *report, c *central) error {
	const pause = 10 * time.Second
	done := c.profile(r, "scale-idle", 10)
	before, err := c.cpu()
	if err != nil {
		return err
	}
	time.Sleep(pause)
	after, err := c.cpu()
	if err != nil {
		return err
	}
	done()
	r.note("    processor when nothing happens", fmt.Sprintf("%.1f %%", 100*float64(after-before)/float64(pause)))
	return nil
}

func measureOneMore(ctx context.Context, r *report, c *central, t topology, more int) error {
	before, err := c.cpu()
	if err != nil {
		return err
	}
	var all []time.Duration
	for k := range more {
		i := k * t.hosts / more
		began := time.Now()
		e := model.Endpoint{ID: endpointID(i, t.ports), Network: networkName(t.network(i, t.ports))}
		if _, _, err := c.CreateEndpoint(ctx, e, client.WriteOptions{Wait: true}); err != nil {
			return err
		}
		all = append(all, time.Since(began))
	}
	after, err := c.cpu()
	if err != nil {
		return err
	}
	r.note("one more endpoint, ?wait=installed: median", short(median(all)))
	r.note("    the slowest", short(most(all)))
	r.note("    processor time of the controller for it", short((after-before)/time.Duration(more)))
	return nil
}

// away waits until the controller has noticed that so many hosts are gone.
func (c *central) away(ctx context.Context, n int) error {
	return until(ctx, "hosts to be away", 20*time.Millisecond, func() (bool, error) {
		r, err := c.Ready(ctx)
		return len(r.Hosts) >= n, err
	})
}

func measureReconnects(ctx context.Context, r *report, c *central, sims *simulated, t topology) error {
	var all []time.Duration
	for i := range 5 {
		which := fmt.Sprintf("?host=%d", i)
		if err := sims.tell("/stop"+which, nil); err != nil {
			return err
		}
		if err := c.away(ctx, 1); err != nil {
			return err
		}
		began := time.Now()
		if err := sims.tell("/start"+which, nil); err != nil {
			return err
		}
		if err := c.synchronized(ctx, 2*time.Millisecond); err != nil {
			return err
		}
		all = append(all, time.Since(began))
	}
	r.note("one host reconnects: read back and found right, median", short(median(all)))

	if err := sims.tell("/stop", nil); err != nil {
		return err
	}
	if err := c.away(ctx, t.hosts); err != nil {
		return err
	}
	done := c.profile(r, "scale-reconnect", 15)
	began := time.Now()
	if err := sims.tell("/start", nil); err != nil {
		return err
	}
	if err := c.synchronized(ctx, 50*time.Millisecond); err != nil {
		return err
	}
	r.note(fmt.Sprintf("%d hosts reconnect at once: all read back and found right", t.hosts), short(time.Since(began)))
	done()
	return nil
}

// measureColdStart starts the controller anew on its data directory, while the
// hosts knock.
func measureColdStart(ctx context.Context, r *report, c **central, t topology) error {
	(*c).stop()
	began := time.Now()
	anew, err := (*c).again(ctx)
	if err != nil {
		return err
	}
	*c = anew
	r.note("cold start: the state is loaded and the doors are open", short(time.Since(began)))
	if err := anew.synchronized(ctx, 50*time.Millisecond); err != nil {
		return err
	}
	r.note(fmt.Sprintf("    all %d hosts are read back and found right", t.hosts), short(time.Since(began)))
	return nil
}
