package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// topology spreads endpoints over networks and hosts. Endpoint p of host i is
// behind its port p.
type topology struct {
	hosts, ports int // and so hosts*ports endpoints
	networks     int
	// spread is how many hosts take part in a network; 0: all.
	spread int
}

// network is the network of an endpoint: with a spread, host i is in the
// networks of its neighbourhood only.
func (t topology) network(i, p int) int {
	if t.spread == 0 {
		return p % t.networks
	}
	neighbourhood := i / t.spread
	each := t.networks * t.spread / t.hosts // networks of a neighbourhood
	return neighbourhood*each + p%each
}

func networkName(n int) string { return fmt.Sprintf("net%d", n) }

func (t topology) networksOnly() (d model.Document) {
	for n := range t.networks {
		subnet := model.MustPrefix(fmt.Sprintf("10.%d.%d.0/20", n/16, n%16*16))
		d.Networks = append(d.Networks, model.Network{Name: networkName(n), Subnets: []model.Prefix{subnet}})
	}
	return d
}

func (t topology) document() model.Document {
	d := t.networksOnly()
	for i := range t.hosts {
		for p := range t.ports {
			d.Endpoints = append(d.Endpoints, model.Endpoint{ID: endpointID(i, p), Network: networkName(t.network(i, p))})
		}
	}
	return d
}

func (t topology) endpoints() int { return t.hosts * t.ports }

func measureFabric(ctx context.Context, r *report) error {
	hosts, networks := r.size(20, 3), 10
	medians, central := map[int]time.Duration{}, map[int]time.Duration{}
	for _, total := range []int{r.size(1_000, 30), r.size(2_000, 60), r.size(10_000, 90)} {
		t := topology{hosts: hosts, ports: total / hosts, networks: networks}
		if err := measureRealHosts(ctx, r, t, medians, central); err != nil {
			return err
		}
	}
	few, many := r.size(1_000, 30), r.size(10_000, 90)
	r.ratio("one more endpoint: at the most endpoints / at the fewest", medians[many], medians[few], 2)
	r.ratio("    the controller's processor time alone", central[many], central[few], 2)
	return nil
}

// measureRealHosts declares a topology on real Open vSwitches, and then one
// endpoint after the other. It notes, by the number of endpoints, how long one
// takes and what of that the controller's processor does.
func measureRealHosts(ctx context.Context, r *report, t topology, medians, central map[int]time.Duration) error {
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
	switches, err := startReal(t.hosts, c.OVSDB)
	defer func() {
		for _, o := range switches {
			o.stop()
		}
	}()
	if err != nil {
		return err
	}
	more := r.size(100, 10)
	for i, o := range switches {
		if err := plugReal(o, i, t.ports+(more+t.hosts-1)/t.hosts); err != nil {
			return err
		}
	}
	if err := c.seesPorts(ctx, t.hosts, t.ports); err != nil {
		return err
	}
	if err := c.synchronized(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	done := c.profile(r, fmt.Sprintf("apply%d", t.endpoints()), 3)
	began := time.Now()
	if _, _, err := c.Apply(ctx, t.document(), client.WriteOptions{Wait: true, Timeout: time.Minute}); err != nil {
		return err
	}
	what := fmt.Sprintf("%d hosts, %d endpoints by one POST /apply: all flows confirmed", t.hosts, t.endpoints())
	if took := time.Since(began); t.endpoints() == 2_000 {
		r.duration(what, took, 1500*time.Millisecond)
	} else {
		r.note(what, short(took))
	}
	done()
	done = c.profile(r, fmt.Sprintf("one%d", t.endpoints()), 2)
	before, err := c.cpu()
	if err != nil {
		return err
	}
	switchesBefore, err := cpuOf(switches)
	if err != nil {
		return err
	}
	var all []time.Duration
	for k := range more {
		i, p := k%t.hosts, t.ports+k/t.hosts
		began := time.Now()
		e := model.Endpoint{ID: endpointID(i, p), Network: networkName(t.network(i, p))}
		got, _, err := c.CreateEndpoint(ctx, e, client.WriteOptions{Wait: true})
		if err != nil {
			return err
		}
		if got.State != model.Installed {
			return fmt.Errorf("endpoint %s is %s after waiting", e.ID, got.State)
		}
		all = append(all, time.Since(began))
	}
	after, err := c.cpu()
	if err != nil {
		return err
	}
	switchesAfter, err := cpuOf(switches)
	if err != nil {
		return err
	}
	done()
	what = fmt.Sprintf("one more endpoint at %d, ?wait=installed: median", t.endpoints())
	medians[t.endpoints()] = median(all)
	if t.endpoints() == 2_000 {
		r.duration(what, median(all), 10*time.Millisecond)
	} else {
		r.note(what, short(median(all)))
	}
	r.note("    the slowest", short(most(all)))
	central[t.endpoints()] = (after - before) / time.Duration(more)
	r.duration("    processor time of the controller for it", central[t.endpoints()], 10*time.Millisecond)
	r.note("    processor time of all Open vSwitches for it", short((switchesAfter-switchesBefore)/time.Duration(more)))
	return nil
}

// startReal starts Open vSwitches that point at a manager.
func startReal(n int, manager string) ([]*ovs, error) {
	var all []*ovs
	for i := range n {
		o, err := startOVS()
		if err != nil {
			return all, err
		}
		all = append(all, o)
		if err := o.vsctl("--no-wait", "set", "Open_vSwitch", ".", "external_ids:system-id="+hostName(i), "external_ids:hostname="+hostName(i),
			"external_ids:weft-vtep="+vtep(i), "--", "set-manager", "tcp:"+manager); err != nil {
			return all, err
		}
	}
	return all, nil
}

// plugReal adds ports to a host's bridge as soon as that is there.
func plugReal(o *ovs, i, ports int) error {
	if err := o.waitSocket(bridge + ".mgmt"); err != nil {
		return err
	}
	args := []string{}
	for p := range ports {
		name := fmt.Sprintf("p%d", p)
		args = append(args, "--", "add-port", bridge, name, "--", "set", "Interface", name, "external_ids:iface-id="+endpointID(i, p))
	}
	return o.vsctl(args...)
}

// seesPorts waits until the controller sees that many ports with a number on
// every host.
func (c *central) seesPorts(ctx context.Context, hosts, ports int) error {
	for i := range hosts {
		err := until(ctx, "the ports of "+hostName(i), 50*time.Millisecond, func() (bool, error) {
			all, err := c.HostPorts(ctx, hostName(i))
			if model.KindOf(err) == model.NotFound {
				return false, nil
			}
			n := 0
			for _, p := range all {
				if p.Number != 0 && p.IfaceID != "" {
					n++
				}
			}
			return n >= ports, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
