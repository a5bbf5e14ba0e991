package chaos

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/rest/client"
)

// write is one call that changes what is wanted, and what is to come of it.
type write struct {
	what      string
	call      func(context.Context, client.WriteOptions) (model.Document, client.Outcome, error)
	networks  map[string]*model.Network // as asked for; nil: it goes
	endpoints map[string]*model.Endpoint
	refusal   model.Kind // it has to be refused so; 0: it has not
	mayRefuse model.Kind // it may be, as far as this test knows
}

// Patience with the controller: one that runs answers a write at once, or
// after the second that it is told to wait for hosts; a frozen one never.
const (
	answerPatience = 10 * time.Second
	frozenPatience = 300 * time.Millisecond
	waitPatience   = time.Second
	thawPatience   = 2 * time.Second // for what it was told while it was frozen
)

// send makes a write and takes note of what was answered.
func (r *run) send(dice *rand.Rand, w *write) {
	r.t.Helper()
	patience := answerPatience
	if r.controller == frozen {
		patience = frozenPatience
	}
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	var o client.WriteOptions
	if dice.IntN(3) == 0 {
		o = client.WriteOptions{Wait: true, Timeout: waitPatience}
	}
	answer, outcome, err := w.call(ctx, o)
	r.answered(w, answer, outcome, err)
}

// answered works in what came of a write.
func (r *run) answered(w *write, answer model.Document, outcome client.Outcome, err error) {
	r.t.Helper()
	kind := model.KindOf(err)
	switch {
	case err == nil && w.refusal != 0:
		r.t.Fatalf("%s: this has to be refused, and was answered with %+v", w.what, answer)
	case err == nil:
		r.note("%s", w.what)
		r.grows(w, outcome.Revision)
		r.adopt(w, answer)
	case kind == model.Timeout:
		r.note("%s: stands, not confirmed: %v", w.what, err)
		r.grows(w, outcome.Revision)
		r.pending = w
		if !r.resolve(0) {
			r.t.Fatalf("%s: was answered with 504, and did not happen", w.what)
		}
	case kind != 0 && (kind == w.refusal || kind == w.mayRefuse),
		kind == model.OutOfDisk && r.full:
		r.note("%s: refused: %v", w.what, err)
	case errors.Is(err, client.ErrUnreachable) && r.controller != up:
		r.note("%s: no answer", w.what)
		r.pending = w
	default:
		r.t.Fatalf("%s: refused, which it should not be: %v", w.what, err)
	}
}

// grows makes sure that revisions do.
func (r *run) grows(w *write, revision uint64) {
	r.t.Helper()
	if revision != 0 && revision <= r.wanted.revision {
		r.t.Fatalf("%s: revision %d after revision %d", w.what, revision, r.wanted.revision)
	}
	r.wanted.revision = max(r.wanted.revision, revision)
}

// adopt takes over the objects of a write as they were answered.
func (r *run) adopt(w *write, answer model.Document) {
	r.wanted.writes++
	for name, n := range w.networks {
		if n == nil {
			delete(r.wanted.networks, name)
		}
	}
	for id, e := range w.endpoints {
		if e == nil {
			delete(r.wanted.endpoints, id)
		}
	}
	for _, n := range answer.Networks {
		r.wanted.networks[n.Name] = durableNetwork(n)
	}
	for _, e := range answer.Endpoints {
		r.wanted.endpoints[e.ID] = durableEndpoint(e)
	}
}

// resolve finds out what became of a write that got no answer, and reports
// whether it happened. There has to be all of it, or nothing. A controller that
// went on may still be at it, which is given some time.
func (r *run) resolve(patience time.Duration) (happened bool) {
	r.t.Helper()
	w := r.pending
	if w == nil {
		return false
	}
	r.pending = nil
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		have, err := r.have()
		r.must(err)
		if answer, landed := w.landed(have); landed {
			r.note("%s: happened", w.what)
			r.adopt(w, answer)
			return true
		}
		if time.Since(start) < patience {
			continue
		}
		if w.untouched(r.wanted, have) {
			r.note("%s: did not happen", w.what)
			return false
		}
		r.t.Fatalf("%s: half of it happened:\n%s", w.what, strings.Join(r.wanted.differences(have), "\n"))
	}
}

// landed reports whether all of the write is there, and how it looks.
func (w *write) landed(have *wanted) (answer model.Document, ok bool) {
	for name, n := range w.networks {
		got, there := have.networks[name]
		if there != (n != nil) || n != nil && !slices.Equal(n.Subnets, got.Subnets) {
			return answer, false
		}
		if there {
			answer.Networks = append(answer.Networks, got)
		}
	}
	for id, e := range w.endpoints {
		got, there := have.endpoints[id]
		if there != (e != nil) || e != nil && !asAsked(*e, got) {
			return answer, false
		}
		if there {
			answer.Endpoints = append(answer.Endpoints, got)
		}
	}
	return answer, true
}

// asAsked reports whether an endpoint is as asked for; what was left out may be
// anything.
func asAsked(asked, got model.Endpoint) bool {
	return asked.Network == got.Network && asked.Name == got.Name && asked.Host == got.Host &&
		(len(asked.Addresses) == 0 || slices.Equal(asked.Addresses, got.Addresses)) &&
		(asked.MAC.IsZero() || asked.MAC == got.MAC)
}

// untouched reports whether nothing of the write is there.
func (w *write) untouched(before, have *wanted) bool {
	for name := range w.networks {
		a, was := before.networks[name]
		b, is := have.networks[name]
		if was != is || !reflect.DeepEqual(a, b) {
			return false
		}
	}
	for id := range w.endpoints {
		a, was := before.endpoints[id]
		b, is := have.endpoints[id]
		if was != is || !reflect.DeepEqual(a, b) {
			return false
		}
	}
	return true
}
