package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// mesh is a controller with hosts that do not all reach each other.
type mesh struct {
	*central
	sims    *simulated
	links   []model.Link
	numbers map[string]uint32 // of hosts, by name
}

// measureMesh takes links out of a partial mesh, of which every host is in one
// network, and puts them back.
func measureMesh(ctx context.Context, r *report) error {
	hosts, links, samples := r.size(500, 20), r.size(2_000, 60), r.size(40, 4)
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
	m := &mesh{central: c, sims: sims, links: randomLinks(hosts, links), numbers: map[string]uint32{}}
	if err := m.declare(ctx, hosts); err != nil {
		return err
	}
	done := c.profile(r, "mesh", 20)
	defer done()
	return m.measure(ctx, r, samples)
}

// randomLinks are links by which all hosts reach each other.
func randomLinks(hosts, links int) []model.Link {
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[[2]int]bool{}
	var out []model.Link
	add := func(a, b int) {
		if pair := [2]int{min(a, b), max(a, b)}; a != b && !seen[pair] {
			seen[pair] = true
			out = append(out, model.Link{Hosts: []string{hostName(a), hostName(b)}, Cost: 1 + random.IntN(10)})
		}
	}
	for h := 1; h < hosts; h++ {
		add(h, random.IntN(h))
	}
	for len(out) < links {
		add(random.IntN(hosts), random.IntN(hosts))
	}
	return out
}

// declare puts every host into a network, declares the links, and waits until all
// of it is installed and every link was seen.
func (m *mesh) declare(ctx context.Context, hosts int) error {
	t := topology{hosts: hosts, ports: 1, networks: 1}
	if _, _, err := m.Apply(ctx, t.document(), client.WriteOptions{}); err != nil {
		return err
	}
	if err := m.sims.tell("/plug?from=0&to=1", nil); err != nil {
		return err
	}
	body, err := json.Marshal(model.Underlay{Links: m.links})
	if err != nil {
		return err
	}
	if _, _, err := m.PutUnderlayJSON(ctx, body, client.WriteOptions{}); err != nil {
		return err
	}
	all, err := m.Hosts(ctx)
	if err != nil {
		return err
	}
	for _, h := range all {
		m.numbers[h.Name] = h.Number
	}
	err = until(ctx, "all links to be up", time.Second, func() (bool, error) {
		u, err := m.Underlay(ctx)
		return err == nil && !slices.ContainsFunc(u.State.Links, func(l model.LinkState) bool { return l.State != model.LinkUp }), err
	})
	if err != nil {
		return err
	}
	return m.synchronized(ctx, 50*time.Millisecond)
}

// measure takes out some of the links, one after the other, and puts each back.
func (m *mesh) measure(ctx context.Context, r *report, samples int) error {
	var took, spent []time.Duration
	var changed []int
	for k := range samples {
		l := m.links[k*len(m.links)/samples]
		flows, err := m.flowsOf(ctx, l)
		if err != nil {
			return err
		}
		changed = append(changed, flows)
		for _, alive := range []bool{false, true} {
			before, err := m.cpu()
			if err != nil {
				return err
			}
			began := time.Now()
			if err := m.turn(ctx, l, alive); err != nil {
				return err
			}
			took = append(took, time.Since(began))
			after, err := m.cpu()
			if err != nil {
				return err
			}
			spent = append(spent, after-before)
		}
	}
	slices.Sort(changed)
	r.note(fmt.Sprintf("one of %d links among %d hosts fails or comes back: flows that change, median", len(m.links), len(m.numbers)), strconv.Itoa(changed[len(changed)/2]))
	r.note("    at most", strconv.Itoa(changed[len(changed)-1]))
	r.note("    until all hosts have confirmed, median", short(median(took)))
	r.note("    at most", short(most(took)))
	r.duration("    processor time of the controller, median", median(spent), 50*time.Millisecond)
	return nil
}

// turn has both ends of a link see each other, or not, and waits until every
// host has what follows.
func (m *mesh) turn(ctx context.Context, l model.Link, alive bool) error {
	before, err := m.revision()
	if err != nil {
		return err
	}
	for i, host := range l.Hosts {
		index := strings.TrimPrefix(host, "host")
		if err := m.sims.tell(fmt.Sprintf("/see?host=%s&port=weft-bfd-%d&alive=%t", index, m.numbers[l.Hosts[1-i]], alive), nil); err != nil {
			return err
		}
	}
	err = until(ctx, "the link to be noticed", time.Millisecond, func() (bool, error) {
		now, err := m.revision()
		return now > before, err
	})
	if err != nil {
		return err
	}
	return m.synchronized(ctx, 5*time.Millisecond)
}

// revision is the controller's newest.
func (m *mesh) revision() (uint64, error) {
	answer, err := http.Get("http://" + m.REST + "/routers") // a short list
	if err != nil {
		return 0, err
	}
	answer.Body.Close()
	return strconv.ParseUint(answer.Header.Get("Weft-Revision"), 10, 64)
}

// flowsOf is how many flows would be others without a link.
func (m *mesh) flowsOf(ctx context.Context, without model.Link) (n int, err error) {
	links := slices.DeleteFunc(slices.Clone(m.links), func(l model.Link) bool { return slices.Equal(l.Hosts, without.Hosts) })
	body, err := json.Marshal(model.Underlay{Links: links})
	if err != nil {
		return 0, err
	}
	_, outcome, err := m.PutUnderlayJSON(ctx, body, client.WriteOptions{DryRun: true})
	for _, d := range outcome.Differences {
		n += len(d.Lines)
	}
	return n, err
}
