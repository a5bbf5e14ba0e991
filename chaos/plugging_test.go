package chaos

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/weft-sdn/weft/lab"
)

// plugSpare plugs an unused container as a new endpoint, if there is one.
func (r *run) plugSpare(dice *rand.Rand, id string) {
	r.t.Helper()
	if c := one(dice, r.unused()); c != nil {
		r.give(c, id)
	}
}

// plug plugs an endpoint that nobody has.
func (r *run) plug(dice *rand.Rand) bool {
	var free []string
	for _, id := range slices.Sorted(maps.Keys(r.wanted.endpoints)) {
		if len(r.having(id)) == 0 {
			free = append(free, id)
		}
	}
	c := one(dice, r.unused())
	if len(free) == 0 || c == nil {
		return false
	}
	r.give(c, one(dice, free))
	return true
}

// unplug takes a container off its switch, by ovs-vsctl or by the end of its
// interface, which leaves rows behind.
func (r *run) unplug(dice *rand.Rand) bool {
	c := one(dice, r.containers(func(c *lab.Container) bool { return c.Plugged() && !r.torn[c.Name] && r.usable(c.Host) }))
	if c == nil {
		return false
	}
	if dice.IntN(3) == 0 {
		r.note("the interface of %s vanishes", c.Name)
		r.must(c.Vanish())
		r.attachment[c.Name], r.ghosts[c.Name] = "", true
		return true
	}
	r.give(c, "")
	return true
}

// move plugs a container of another host as an endpoint, before or after it is
// taken from the one that has it.
func (r *run) move(dice *rand.Rand) bool {
	from, to := r.fromTo(dice)
	if to == nil {
		return false
	}
	id := r.attachment[from.Name]
	r.note("endpoint %s moves from %s to %s", id, from.Name, to.Name)
	if dice.IntN(2) == 0 {
		r.give(from, "")
		r.give(to, id)
	} else {
		r.give(to, id)
		r.give(from, "")
	}
	return true
}

// claimTwice lets a container of another host claim an endpoint as well.
func (r *run) claimTwice(dice *rand.Rand) bool {
	from, to := r.fromTo(dice)
	if to == nil {
		return false
	}
	id := r.attachment[from.Name]
	r.note("endpoint %s of %s is claimed by %s too", id, from.Name, to.Name)
	r.give(to, id)
	return true
}

// fromTo are a container with an endpoint of its own, and an unused one on
// another host.
func (r *run) fromTo(dice *rand.Rand) (from, to *lab.Container) {
	from = one(dice, r.containers(func(c *lab.Container) bool { return len(r.having(r.attachment[c.Name])) == 1 }))
	if from == nil {
		return nil, nil
	}
	return from, one(dice, slices.DeleteFunc(r.unused(), func(c *lab.Container) bool { return c.Host == from.Host }))
}

// give says which endpoint a container is to have, none for an empty id, and
// makes it so where the host can now; the others get it when all is healed.
func (r *run) give(c *lab.Container, id string) {
	r.t.Helper()
	r.attachment[c.Name] = id
	if r.usable(c.Host) {
		r.attach(c)
	}
}

// attach makes a container have what it is to have.
func (r *run) attach(c *lab.Container) {
	r.t.Helper()
	e, declared := r.wanted.endpoints[r.attachment[c.Name]]
	same := c.Endpoint().Network == e.Network && c.Endpoint().MAC == e.MAC && slices.Equal(c.Endpoint().Prefixes, e.Prefixes)
	switch {
	case c.Endpoint().ID == r.attachment[c.Name] && !r.torn[c.Name] && (same || !declared):
		return // it is as it is to be, or bears the id of an endpoint that is gone
	case c.Plugged():
		r.note("unplug %s", c.Name)
		r.must(c.Unplug(r.ctx))
	}
	if r.torn[c.Name] || r.ghosts[c.Name] {
		r.forgetPort(c)
		delete(r.torn, c.Name)
		delete(r.ghosts, c.Name)
	}
	if declared {
		r.note("plug %s as %s", c.Name, e.ID)
		r.must(c.Plug(r.ctx, e))
	} else {
		r.attachment[c.Name] = ""
	}
}

// forgetPort makes sure that ovs-vswitchd has let go of a container's device:
// it goes on reading one that is gone when another of that name comes up before
// it has seen the port go. ovs-vsctl waits for it only after a change, which
// deleting a port is not when it was deleted before.
func (r *run) forgetPort(c *lab.Container) {
	r.t.Helper()
	_, err := c.Host.Run(r.ctx, "ovs-vsctl", "--timeout=20", "--if-exists", "del-port", c.Port(),
		"--", "set", "Open_vSwitch", ".", fmt.Sprintf("other_config:chaos-step=%d", r.step))
	r.must(err)
}

// plugAll does what was not possible in the chaos.
func (r *run) plugAll() {
	r.t.Helper()
	for _, h := range r.Hosts() {
		if r.hosts[h.Name].noBridge {
			r.waitFor("bridge of "+h.Name, func() error {
				_, err := h.Run(r.ctx, "ovs-vsctl", "--timeout=5", "br-exists", "br-weft")
				return err
			})
			r.hosts[h.Name].noBridge = false
		}
	}
	for _, c := range r.Containers() {
		r.attach(c)
	}
}
