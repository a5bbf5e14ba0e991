package chaos

import (
	"fmt"
	"math/rand/v2"
	"regexp"

	"github.com/weft-sdn/weft/lab"
)

// What somebody else does on a host needs no healing: the controller does it.

// hasRows reports whether the rows of a host can be changed.
func hasRows(s *hostState) bool { return !s.off && s.database == up && !s.noBridge }

// hasFlows reports whether the flows of a host can be: ovs-vswitchd speaks no
// OpenFlow while it has no ovsdb-server.
func hasFlows(s *hostState) bool {
	return !s.off && s.vswitchd == up && s.database != killed && !s.noBridge
}

// vsctl changes rows of a random host.
func (r *run) vsctl(dice *rand.Rand, args ...string) (*lab.Host, bool) {
	h, _ := r.host(dice, hasRows)
	if h == nil {
		return nil, false
	}
	r.note("%s: ovs-vsctl %v", h.Name, args)
	_, err := h.Run(r.ctx, "ovs-vsctl", append([]string{"--no-wait", "--timeout=10", "--if-exists"}, args...)...)
	r.must(err)
	return h, true
}

func (r *run) deletePort(dice *rand.Rand) bool {
	c := one(dice, r.containers(func(c *lab.Container) bool {
		return c.Plugged() && !r.torn[c.Name] && hasRows(r.hosts[c.Host.Name])
	}))
	if c == nil {
		return false
	}
	r.note("%s: ovs-vsctl del-port br-weft %s", c.Host.Name, c.Port())
	_, err := c.Host.Run(r.ctx, "ovs-vsctl", "--no-wait", "--timeout=10", "del-port", "br-weft", c.Port())
	r.must(err)
	r.torn[c.Name] = true
	return true
}

func (r *run) deleteTunnelPort(dice *rand.Rand) bool {
	_, ok := r.vsctl(dice, "del-port", "br-weft", "weft-vxlan")
	return ok
}

func (r *run) deleteController(dice *rand.Rand) bool {
	h, _ := r.host(dice, hasRows)
	if h == nil {
		return false
	}
	r.note("%s: ovs-vsctl del-controller br-weft", h.Name)
	_, err := h.Run(r.ctx, "ovs-vsctl", "--no-wait", "--timeout=10", "del-controller", "br-weft")
	r.must(err)
	return true
}

// deleteBridge takes the containers' ports away, too.
func (r *run) deleteBridge(dice *rand.Rand) bool {
	h, ok := r.vsctl(dice, "del-br", "br-weft")
	if !ok {
		return false
	}
	r.hosts[h.Name].noBridge = true
	for _, c := range r.Containers() {
		if c.Host == h && c.Plugged() {
			r.torn[c.Name] = true
		}
	}
	return true
}

// ofctl changes flows or groups of a random host.
func (r *run) ofctl(dice *rand.Rand, args ...string) bool {
	h, _ := r.host(dice, hasFlows)
	if h == nil {
		return false
	}
	r.tamper(h, args...)
	return true
}

func (r *run) tamper(h *lab.Host, args ...string) {
	r.t.Helper()
	r.note("%s: ovs-ofctl %v", h.Name, args)
	_, err := h.Run(r.ctx, "ovs-ofctl", append([]string{"-O", "OpenFlow14", "--timeout=10"}, args...)...)
	r.must(err)
}

func (r *run) deleteFlows(dice *rand.Rand) bool {
	return r.ofctl(dice, "del-flows", "br-weft", one(dice, []string{"", "table=0", "table=60", "ip", "arp"}))
}

func (r *run) deleteGroups(dice *rand.Rand) bool { return r.ofctl(dice, "del-groups", "br-weft") }

// addFlow adds one that leaks, one that drops, or one where none of ours is.
func (r *run) addFlow(dice *rand.Rand) bool {
	return r.ofctl(dice, "add-flow", "br-weft", one(dice, []string{
		"table=0,priority=60000,actions=flood",
		"table=0,priority=60000,ip,actions=drop",
		"table=80,priority=60000,actions=flood",
		"table=200,priority=1,actions=normal",
	}))
}

var cookieIn = regexp.MustCompile(`cookie=(0x[0-9a-f]+)`)

// modifyFlow changes what flows do and leaves them their cookie.
func (r *run) modifyFlow(dice *rand.Rand) bool {
	h, _ := r.host(dice, hasFlows)
	if h == nil {
		return false
	}
	dump, err := h.Run(r.ctx, "ovs-ofctl", "--timeout=10", "dump-flows", "br-weft")
	r.must(err)
	found := one(dice, cookieIn.FindAllStringSubmatch(dump, -1))
	if found == nil {
		return false // just restarted, and not written to yet
	}
	r.tamper(h, "mod-flows", "br-weft", fmt.Sprintf("cookie=%s/-1,actions=drop", found[1]))
	return true
}
