package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
)

const (
	// perFault bounds a run: a round takes some seconds, most of which Open
	// vSwitch waits before it connects again (up to 8 s).
	perFault = 10 * time.Second
	// basis is what building, the last check and taking down may take.
	basis = time.Minute
	// mostAtOnce is how many faults a round has at the most.
	mostAtOnce = 3
	// long is how long an outage has to be for every timeout to run out:
	// Open vSwitch's inactivity probe of 5 s, and takeoverAfter.
	long = 7 * time.Second
)

// run is a site on its way through its seed.
type run struct {
	*site
	began  time.Time
	log    []string
	step   uint64
	struck int

	wanted  *wanted
	pending *write // got no answer yet

	hosts      map[string]*hostState
	controller state
	full       bool // the controller's disk
	wounds     []wound
	attachment map[string]string // container → the endpoint that it is to have
	missing    *lab.Datagram     // of the last volley
	torn       map[string]bool   // containers whose port was taken away
	ghosts     map[string]bool   // containers whose port is without a device
}

func TestChaos(t *testing.T) {
	r := &run{
		site: build(t, basis+time.Duration(*faults)*perFault), began: time.Now(),
		hosts: map[string]*hostState{}, attachment: map[string]string{}, torn: map[string]bool{}, ghosts: map[string]bool{},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d failed. Again: make chaos SEED=%d FAULTS=%d\n%s", *seed, *seed, *faults, strings.Join(r.log, "\n"))
		}
	})
	for _, h := range r.Hosts() {
		r.hosts[h.Name] = &hostState{}
	}
	for _, c := range r.Containers() {
		r.attachment[c.Name] = c.Endpoint().ID
	}
	r.learn()
	r.calm()
	for r.struck < *faults {
		r.round()
	}
	r.lookClosely()
	took := time.Since(r.began)
	t.Logf("seed %d: %d faults and %d changes in %v", *seed, r.struck, r.wanted.writes, took.Round(time.Second))
}

// round is some faults with changes in between, and the quiet after them.
func (r *run) round() {
	for range min(1+r.dice().IntN(mostAtOnce), *faults-r.struck) {
		dice := r.dice()
		r.strike(dice)
		if dice.IntN(12) == 0 {
			r.note("this takes %v", long)
			r.pause(long)
		}
		for range dice.IntN(3) {
			r.change(r.dice())
		}
		if dice.IntN(3) == 0 {
			r.healOne(dice)
		}
	}
	r.healAll()
	if r.dice().IntN(2) == 0 {
		r.change(r.dice())
	}
	r.plugAll()
	r.calm()
}

// dice are those of the next step. Each step has its own, so that a step which
// went another way this time leaves the others as they were.
func (r *run) dice() *rand.Rand {
	r.step++
	return rand.New(rand.NewPCG(*seed, r.step))
}

// note writes a line into the list of steps.
func (r *run) note(format string, args ...any) {
	line := fmt.Sprintf("%4d %6.1fs  %s", r.step, time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	r.log = append(r.log, line)
	r.t.Log(line)
}

// pause lets time pass, unless the run is interrupted.
func (r *run) pause(d time.Duration) {
	r.t.Helper()
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
		r.t.Fatal(context.Cause(r.ctx))
	}
}

func (r *run) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// one returns a random element of a list, or the zero value of none.
func one[T any](dice *rand.Rand, list []T) (chosen T) {
	if len(list) > 0 {
		chosen = list[dice.IntN(len(list))]
	}
	return chosen
}

// containers are those for which a condition holds, in the order of their names.
func (r *run) containers(which func(*lab.Container) bool) []*lab.Container {
	var out []*lab.Container
	for _, c := range r.Containers() {
		if which(c) {
			out = append(out, c)
		}
	}
	return out
}
