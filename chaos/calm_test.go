package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// calmPatience is how long it may take, when all is healed, until all is as
// wanted: Open vSwitch tries to connect every 8 s, and TCP that was cut off for
// some seconds waits as long before it sends again.
const calmPatience = 40 * time.Second

// calm waits until the controller says that all is as wanted, and looks
// whether that is so.
func (r *run) calm() {
	r.t.Helper()
	have, err := r.have()
	r.must(err)
	if d := r.wanted.differences(have); len(d) > 0 {
		r.t.Fatalf("what was answered is not what is there:\n%s", strings.Join(d, "\n"))
	}
	start := time.Now()
	r.waitFor("all is as wanted", r.quiet)
	quiet := time.Since(start)
	r.missing = nil
	r.waitFor("packets reach whom they are meant for", r.reach)
	r.waitFor("packets get out", r.getOut)
	r.note("calm after %v and %v", quiet.Round(time.Millisecond), (time.Since(start) - quiet).Round(time.Millisecond))
}

// waitFor waits until holds returns nil.
func (r *run) waitFor(what string, holds func() error) {
	r.t.Helper()
	start := time.Now()
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := holds()
		if err == nil {
			return
		}
		if time.Since(start) > calmPatience || r.ctx.Err() != nil {
			r.explain(r.missing)
			r.t.Fatalf("%s: not within %v: %v", what, time.Since(start).Round(time.Second), err)
		}
		time.Sleep(pause)
	}
}

// quiet is nil when the controller says of itself, of every host and of every
// endpoint that all is as wanted, and a fresh dump of every switch as well.
func (r *run) quiet() error {
	ready, err := r.api.Ready(r.ctx)
	if err != nil {
		return err
	}
	if !ready.Ready || len(ready.Hosts) > 0 {
		return fmt.Errorf("not ready: %s", strings.Join(ready.Hosts, "; "))
	}
	hosts, err := r.api.Hosts(r.ctx)
	if err != nil {
		return err
	}
	if len(hosts) != len(r.Hosts()) {
		return fmt.Errorf("there are %d hosts, and %d are shown", len(r.Hosts()), len(hosts))
	}
	for _, h := range hosts {
		if h.OVSDB != model.Connected || h.OpenFlow != model.Connected || !h.Synchronized {
			return fmt.Errorf("%s: OVSDB %s, OpenFlow %s, synchronized %v: %s", h.Name, h.OVSDB, h.OpenFlow, h.Synchronized, h.LastError)
		}
	}
	if err := r.placed(); err != nil {
		return err
	}
	for _, h := range hosts {
		different, err := r.api.HostFlows(r.ctx, h.Name, client.FlowsDifference)
		if err != nil {
			return err
		}
		if len(different) > 0 {
			return fmt.Errorf("%s has %d flows or groups that are not as wanted: %v", h.Name, len(different), different)
		}
	}
	return nil
}

// getOut is nil when everybody whose network leaves gets to the internet, and
// the controller says nothing against it.
func (r *run) getOut() error {
	networks, err := r.api.Networks(r.ctx)
	if err != nil {
		return err
	}
	for _, n := range networks {
		for _, c := range n.Conditions {
			if c.Type == model.GatewayDown || c.Type == model.GatewayNotReady {
				return fmt.Errorf("network %s: %s: %s", n.Name, c.Type, c.Message)
			}
		}
	}
	at, err := r.holders()
	if err != nil {
		return err
	}
	var all errgroup.Group
	for id, c := range at {
		if r.leaves(r.wanted.endpoints[id].Network) {
			all.Go(func() error { return r.FramesArrive(r.ctx, c, r.Machine("internet")) })
		}
	}
	return all.Wait()
}

// leaves reports whether packets are to leave a network.
func (r *run) leaves(network string) bool {
	n := r.wanted.networks[network]
	return n.GatewayMode() == model.GatewaySNAT
}

// placed is nil when every endpoint that a container claims is installed where
// one of those is, and every other one is nowhere.
func (r *run) placed() error {
	endpoints, err := r.api.Endpoints(r.ctx, "")
	if err != nil {
		return err
	}
	at, err := r.holders()
	if err != nil {
		return err
	}
	for _, e := range endpoints {
		var claims []string
		for _, c := range r.having(e.ID) {
			if e.Host == "" || e.Host == c.Host.Name {
				claims = append(claims, c.Host.Name)
			}
		}
		holder := at[e.ID]
		switch {
		case len(claims) == 0 && (e.State != model.Declared || e.Location != "" || holder != nil):
			return fmt.Errorf("endpoint %s, which no port may have, is %s on %q", e.ID, e.State, e.Location)
		case len(claims) == 0:
		case e.State != model.Installed || !slices.Contains(claims, e.Location):
			return fmt.Errorf("endpoint %s is %s on %q: %v; it is claimed on %v", e.ID, e.State, e.Location, e.Conditions, claims)
		case holder == nil || holder.Host.Name != e.Location || r.attachment[holder.Name] != e.ID:
			return fmt.Errorf("endpoint %s is on %s, and no container's port there has it", e.ID, e.Location)
		}
	}
	return nil
}

// holders are the containers whose ports have endpoints, by these.
func (r *run) holders() (map[string]*lab.Container, error) {
	at := map[string]*lab.Container{}
	for _, h := range r.Hosts() {
		ports, err := r.api.HostPorts(r.ctx, h.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			if p.Endpoint == "" {
				continue
			}
			i := slices.IndexFunc(r.Containers(), func(c *lab.Container) bool { return c.Host == h && c.Port() == p.Name })
			if i < 0 || at[p.Endpoint] != nil {
				return nil, fmt.Errorf("port %s on %s has endpoint %s, as does %v", p.Name, h.Name, p.Endpoint, at[p.Endpoint])
			}
			at[p.Endpoint] = r.Containers()[i]
		}
	}
	return at, nil
}

// meant are the arrivals of a volley that has to come out exactly where it
// should: at the members of the sender's network that have the MAC.
func (r *run) meant() (lab.Arrivals, error) {
	at, err := r.holders()
	if err != nil {
		return nil, err
	}
	expected := lab.Arrivals{}
	for from, sender := range at {
		for to, receiver := range at {
			if from == to || r.wanted.endpoints[from].Network != r.wanted.endpoints[to].Network {
				continue
			}
			for _, six := range []bool{false, true} {
				all := lab.Datagram{From: sender.Name, IPv6: six}
				expected[all] = append(expected[all], receiver.Name)
				for _, c := range r.Containers() {
					if c != sender && c.Plugged() && c.Endpoint().MAC == receiver.Endpoint().MAC {
						expected[lab.Datagram{From: sender.Name, To: c.Name, IPv6: six}] = []string{receiver.Name}
					}
				}
			}
		}
	}
	for _, names := range expected {
		slices.Sort(names)
	}
	return expected, nil
}

// reach fires a volley. What comes out where it should not, or twice, ends the
// run; what does not come out may still: tunnels look for each other's MAC
// address only when there is something to send.
func (r *run) reach() error {
	r.t.Helper()
	expected, err := r.meant()
	if err != nil {
		return err
	}
	got, err := r.Volley(r.ctx, expected)
	r.must(err)
	for d, at := range got {
		for _, name := range slices.Compact(slices.Clone(at)) {
			if !slices.Contains(expected[d], name) {
				r.t.Errorf("LEAK: %s came out at %s", d, name)
			}
		}
		if len(at) > len(slices.Compact(slices.Clone(at))) {
			r.t.Errorf("%s came out more than once: %v", d, at)
		}
	}
	if r.t.Failed() {
		r.t.FailNow()
	}
	var missing []string
	for d, at := range expected {
		for _, name := range at {
			if !slices.Contains(got[d], name) {
				missing = append(missing, fmt.Sprintf("%s did not come out at %s", d, name))
			}
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		r.missing = firstMissing(expected, got)
		return fmt.Errorf("%s", strings.Join(missing, "\n"))
	}
	return nil
}

// firstMissing is a datagram that did not come out.
func firstMissing(expected, got lab.Arrivals) *lab.Datagram {
	for d, at := range expected {
		if len(got[d]) < len(at) && d.To != "" {
			return &d
		}
	}
	return nil
}

// explain says of a datagram that did not come out what the flows of the
// sender's switch would do with it, and what its datapath does.
func (r *run) explain(d *lab.Datagram) {
	if d == nil {
		return
	}
	from, to := r.Container(d.From), r.Container(d.To)
	family, source, destination := "udp,nw_src=%s,nw_dst=%s", from.Addresses()[0], to.Addresses()[0]
	if d.IPv6 {
		family, source, destination = "udp6,ipv6_src=%s,ipv6_dst=%s", from.Addresses()[1], to.Addresses()[1]
	}
	packet := fmt.Sprintf("in_port=%s,dl_src=%s,dl_dst=%s,"+family, from.Port(), from.Endpoint().MAC, to.Endpoint().MAC, source, destination)
	trace, err := from.Host.Run(r.ctx, "ovs-appctl", "ofproto/trace", "br-weft", packet)
	r.t.Logf("%s: ofproto/trace %s: %v\n%s", from.Host.Name, packet, err, trace)
	dump, err := from.Host.Run(r.ctx, "ovs-appctl", "dpctl/dump-flows", "--names")
	r.t.Logf("%s: datapath flows of %s: %v", from.Host.Name, from.Port(), err)
	for line := range strings.Lines(dump) {
		if strings.Contains(line, "in_port("+from.Port()+")") {
			r.t.Log(strings.TrimSpace(line))
		}
	}
}

// waysOut are who is to reach the internet and, if somebody does and they reach
// somebody else, who is not.
func (r *run) waysOut(at map[string]*lab.Container, hasFriend func(*lab.Container) bool) []lab.Expectation {
	var out, in []lab.Expectation
	for _, id := range slices.Sorted(maps.Keys(at)) {
		c, yes := at[id], r.leaves(r.wanted.endpoints[id].Network)
		e := lab.Expectation{From: c.Name, To: "internet", Reaches: &yes}
		switch {
		case yes:
			out = append(out, e)
		case hasFriend(c):
			in = append(in, e)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return append(out, in...)
}

// lookClosely checks every pair with all that the lab has: ICMP, TCP and UDP
// of the containers' own kernels, and frames of those that must not reach.
func (r *run) lookClosely() {
	r.t.Helper()
	at, err := r.holders()
	r.must(err)
	reaches := func(from, to *lab.Container) bool {
		return at[from.Endpoint().ID] == from && at[to.Endpoint().ID] == to && from.Endpoint().Network == to.Endpoint().Network
	}
	hasFriend := func(c *lab.Container) bool {
		return slices.ContainsFunc(r.Containers(), func(o *lab.Container) bool { return o != c && o.Plugged() && reaches(c, o) })
	}
	var all []lab.Expectation
	for _, from := range r.containers(func(c *lab.Container) bool { return c.Plugged() && hasFriend(c) }) {
		for _, to := range r.containers(func(c *lab.Container) bool { return c.Plugged() && hasFriend(c) && c != from }) {
			yes := reaches(from, to)
			all = append(all, lab.Expectation{From: from.Name, To: to.Name, Reaches: &yes})
		}
	}
	all = append(all, r.waysOut(at, hasFriend)...)
	// An address that went from one MAC to another is in the caches of kernels
	// for some more seconds, as on any network (RFC 1122 section 2.3.2.1).
	for _, c := range r.containers((*lab.Container).Plugged) {
		_, err := c.Run(r.ctx, "ip", "neighbour", "flush", "all")
		r.must(err)
	}
	results, err := r.Check(r.ctx, all)
	r.must(err)
	for _, result := range results {
		if result.Err != nil {
			r.t.Errorf("%s: %v", result.Expectation, result.Err)
		}
	}
	r.note("%d pairs of containers checked closely", len(all))
}
