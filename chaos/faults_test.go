package chaos

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/rest/client"
)

// state is that of a daemon.
type state int

const (
	up state = iota
	killed
	frozen
)

// hostState is what was done to a host and is not healed yet.
type hostState struct {
	database, vswitchd state
	off                bool // without power
	cut                bool // from the controller
	noBridge           bool // br-weft was deleted since all was calm
}

// usable reports whether ports can be plugged into a host.
func (r *run) usable(h *lab.Host) bool {
	s := r.hosts[h.Name]
	return s.database == up && s.vswitchd == up && !s.off && !s.noBridge
}

// wound is a fault that lasts until it is healed.
type wound struct {
	what  string      // how healing it is called
	can   func() bool // what healing needs is there
	order int         // in which all are healed at the end
	heal  func() error
}

// The order of healing: a daemon needs its disk, its network and the daemon
// that it is a client of.
const (
	first = iota
	second
	last
)

// A fault is something that breaks. It returns false where it is not possible
// now, and true when it was done.
type fault func(*run, *rand.Rand) bool

var kinds = []fault{
	(*run).killController, (*run).killController, (*run).freezeController,
	(*run).killVswitchd, (*run).killVswitchd, (*run).freezeVswitchd,
	(*run).killDatabase, (*run).killDatabase, (*run).freezeDatabase,
	(*run).powerCut, (*run).cutFromController, (*run).cutFromController, (*run).cutHosts, (*run).cutHosts,
	(*run).fillDisk, (*run).fillDisk, (*run).killAgent, (*run).killAgent,
	(*run).deletePort, (*run).deleteTunnelPort, (*run).deleteController, (*run).deleteBridge,
	(*run).deleteFlows, (*run).modifyFlow, (*run).addFlow, (*run).deleteGroups,
}

// strike does one fault that is possible; one always is.
func (r *run) strike(dice *rand.Rand) {
	r.t.Helper()
	for !one(dice, kinds)(r, dice) {
	}
	r.struck++
}

// healOne heals one of the wounds that can be healed now.
func (r *run) healOne(dice *rand.Rand) {
	r.t.Helper()
	if len(r.wounds) == 0 {
		return
	}
	if i := dice.IntN(len(r.wounds)); r.wounds[i].can() {
		w := r.wounds[i]
		r.wounds = slices.Delete(r.wounds, i, i+1)
		r.heal(w)
	}
}

func (r *run) healAll() {
	r.t.Helper()
	slices.SortStableFunc(r.wounds, func(a, b wound) int { return a.order - b.order })
	for _, w := range r.wounds {
		r.heal(w)
	}
	r.wounds = nil
	r.resolve(thawPatience)
}

func (r *run) heal(w wound) {
	r.t.Helper()
	r.note("%s", w.what)
	r.must(w.heal())
}

func always() bool { return true }

// host is a random one of which something holds, or nil.
func (r *run) host(dice *rand.Rand, which func(*hostState) bool) (*lab.Host, *hostState) {
	h := one(dice, slices.DeleteFunc(r.Hosts(), func(h *lab.Host) bool { return !which(r.hosts[h.Name]) }))
	if h == nil {
		return nil, nil
	}
	return h, r.hosts[h.Name]
}

// killController does it, half of the time, in the middle of a write.
func (r *run) killController(dice *rand.Rand) bool {
	if r.controller == killed {
		return false
	}
	kill := func() {
		r.note("kill the controller")
		r.controller = killed
		r.wounds = slices.DeleteFunc(r.wounds, func(w wound) bool { return w.what == thawController })
		r.must(r.KillController(r.ctx))
		r.wounds = append(r.wounds, wound{"start the controller", func() bool { return !r.full }, last, func() error {
			if err := r.StartController(r.ctx); err != nil {
				return err
			}
			r.controller = up
			r.resolve(0) // nobody is at it any more
			return nil
		}})
	}
	if r.controller == frozen || r.pending != nil || dice.IntN(2) == 0 {
		kill()
		return true
	}
	e, ok := r.newEndpoint(dice, "red")
	if !ok {
		kill()
		return true
	}
	w := r.put("create endpoint "+e.ID+" while the controller dies", e, 0)
	ctx, cancel := context.WithTimeout(r.ctx, answerPatience)
	defer cancel()
	answered := make(chan func(), 1)
	go func() {
		answer, outcome, err := w.call(ctx, client.WriteOptions{})
		answered <- func() { r.answered(w, answer, outcome, err) }
	}()
	time.Sleep(time.Duration(dice.IntN(5000)) * time.Microsecond) // so that it is hit anywhere
	kill()
	(<-answered)()
	return true
}

const thawController = "let the controller go on"

func (r *run) freezeController(*rand.Rand) bool {
	if r.controller != up {
		return false
	}
	r.note("freeze the controller")
	r.controller = frozen
	r.must(r.FreezeController())
	r.wounds = append(r.wounds, wound{thawController, always, last, func() error {
		r.controller = up
		return r.ThawController()
	}})
	return true
}

func (r *run) killVswitchd(dice *rand.Rand) bool {
	h, s := r.host(dice, func(s *hostState) bool { return !s.off && s.vswitchd == up })
	if h == nil {
		return false
	}
	r.note("kill ovs-vswitchd of %s", h.Name)
	s.vswitchd = killed
	r.must(h.KillVswitchd(r.ctx))
	r.wounds = append(r.wounds, wound{"start ovs-vswitchd of " + h.Name, func() bool { return s.database == up && !s.off }, second, func() error {
		s.vswitchd = up
		return h.StartVswitchd(r.ctx)
	}})
	return true
}

func (r *run) freezeVswitchd(dice *rand.Rand) bool {
	h, s := r.host(dice, func(s *hostState) bool { return !s.off && s.vswitchd == up })
	if h == nil {
		return false
	}
	r.note("freeze ovs-vswitchd of %s", h.Name)
	s.vswitchd = frozen
	r.must(h.FreezeVswitchd())
	r.wounds = append(r.wounds, wound{"let ovs-vswitchd of " + h.Name + " go on", always, second, func() error {
		s.vswitchd = up
		return h.ThawVswitchd()
	}})
	return true
}

func (r *run) killDatabase(dice *rand.Rand) bool {
	h, s := r.host(dice, func(s *hostState) bool { return !s.off && s.database == up })
	if h == nil {
		return false
	}
	r.note("kill ovsdb-server of %s", h.Name)
	s.database = killed
	r.must(h.KillOVSDB(r.ctx))
	r.wounds = append(r.wounds, wound{"start ovsdb-server of " + h.Name, always, first, func() error {
		s.database = up
		return h.StartOVSDB(r.ctx)
	}})
	return true
}

func (r *run) freezeDatabase(dice *rand.Rand) bool {
	h, s := r.host(dice, func(s *hostState) bool { return !s.off && s.database == up })
	if h == nil {
		return false
	}
	r.note("freeze ovsdb-server of %s", h.Name)
	s.database = frozen
	r.must(h.FreezeOVSDB())
	r.wounds = append(r.wounds, wound{"let ovsdb-server of " + h.Name + " go on", always, first, func() error {
		s.database = up
		return h.ThawOVSDB()
	}})
	return true
}

// killAgent leaves what the agent has set up as it is.
func (r *run) killAgent(dice *rand.Rand) bool {
	h := one(dice, r.Hosts())
	if !h.AgentRuns() {
		return false
	}
	r.note("kill the agent of %s", h.Name)
	r.must(h.KillAgent(r.ctx))
	r.wounds = append(r.wounds, wound{"start the agent of " + h.Name, always, last, func() error { return h.StartAgent() }})
	return true
}

func (r *run) powerCut(dice *rand.Rand) bool {
	h, s := r.host(dice, func(s *hostState) bool { return !s.off && s.database == up && s.vswitchd == up })
	if h == nil {
		return false
	}
	r.note("cut the power of %s", h.Name)
	s.off = true
	r.must(h.PowerOff(r.ctx))
	r.wounds = append(r.wounds, wound{"power for " + h.Name, always, first, func() error {
		s.off = false
		return h.PowerOn(r.ctx)
	}})
	return true
}

func (r *run) cutFromController(dice *rand.Rand) bool {
	h, s := r.host(dice, func(s *hostState) bool { return !s.cut })
	if h == nil {
		return false
	}
	r.note("cut %s off from the controller", h.Name)
	s.cut = true
	r.must(h.CutFromController())
	r.wounds = append(r.wounds, wound{"let " + h.Name + " reach the controller", always, first, func() error {
		s.cut = false
		return h.Heal()
	}})
	return true
}

func (r *run) cutHosts(dice *rand.Rand) bool {
	a, b := one(dice, r.Hosts()), one(dice, r.Hosts())
	what := "let " + a.Name + " and " + b.Name + " reach each other"
	if a.Name >= b.Name || slices.ContainsFunc(r.wounds, func(w wound) bool { return w.what == what }) {
		return false
	}
	r.note("cut %s and %s off from each other", a.Name, b.Name)
	r.must(a.CutFrom(b))
	r.wounds = append(r.wounds, wound{what, always, first, func() error { return a.HealWith(b) }})
	return true
}

func (r *run) fillDisk(*rand.Rand) bool {
	if r.full {
		return false
	}
	r.note("fill the controller's disk")
	r.full = true
	r.must(r.disk.fill())
	r.wounds = append(r.wounds, wound{"free the controller's disk", always, first, func() error {
		r.full = false
		return r.disk.free()
	}})
	return true
}
