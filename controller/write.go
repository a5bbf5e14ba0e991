package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
)

// DefaultWait is how long a write with Wait waits for the hosts, unless told.
const DefaultWait = 10 * time.Second

// WriteOptions are what a request may ask of a write besides the write itself.
type WriteOptions struct {
	DryRun  bool          // validate and say what would change, change nothing
	Wait    bool          // return when every host concerned has confirmed
	Timeout time.Duration // how long to wait; 0: DefaultWait
	IfMatch uint64        // refuse unless the object has this revision; 0: any
	Force   bool          // delete a network together with its endpoints
	Prune   string        // Apply only: the source whose earlier objects go, when they are not in the document
}

// Outcome says what a write did.
type Outcome struct {
	Revision    uint64
	Created     bool                   // false: it was there already, or was changed
	Differences []model.HostDifference // of a dry run
}

// write makes one change in the loop. change returns the networks on whose
// hosts a caller who waits has to wait.
func (c *Controller) write(ctx context.Context, options WriteOptions, change func(*tx) ([]string, error)) (Outcome, error) {
	var out Outcome
	var waits []wait
	var failed error
	err := c.do(ctx, func() {
		t := c.begin()
		networks, err := change(t)
		if err == nil {
			err = t.checkRenumbered()
		}
		if err == nil {
			err = t.chooseZones()
		}
		if err == nil {
			t.chooseWatch()
		}
		if err != nil {
			t.abort()
			failed = err
			return
		}
		vnis := t.vnisOf(networks)
		if options.DryRun {
			out.Differences = c.differences(t)
			out.Revision = c.revision
			t.abort()
			return
		}
		done, err := c.commit(ctx, t)
		if err != nil {
			failed = err
			return
		}
		out.Revision = done.revision
		if options.Wait {
			waits = c.waits(vnis, done.changes)
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil || len(waits) == 0 {
		return out, err
	}
	return out, c.await(ctx, waits, options.timeout())
}

func (o WriteOptions) timeout() time.Duration {
	if o.Timeout <= 0 {
		return DefaultWait
	}
	return o.Timeout
}

func (t *tx) vnisOf(networks []string) []uint32 {
	var vnis []uint32
	for _, name := range networks {
		if n := t.network(name); n != nil && !slices.Contains(vnis, n.VNI) {
			vnis = append(vnis, n.VNI)
		}
	}
	return vnis
}

// differences says what a transaction would do to each host's switch. The
// fabric is taken there and back again.
func (c *Controller) differences(t *tx) []model.HostDifference {
	changes := t.txn.Changes()
	t.weave(c.fabric, changes)
	forward := c.fabric.Flush()
	back := slices.Clone(changes)
	for i := range back {
		back[i].Before, back[i].After = back[i].After, back[i].Before
	}
	slices.Reverse(back)
	before := c.snapshot()
	before.weave(c.fabric, back)
	c.fabric.Flush()
	var out []model.HostDifference
	for _, hc := range forward {
		name := fmt.Sprintf("host number %d", hc.Host)
		if h := first[hostRecord](t.view, tableHost, byNumber, hc.Host); h != nil {
			name = h.Name
		}
		out = append(out, model.HostDifference{Host: name, Lines: flows.Lines(hc)})
	}
	return out
}

// wait is a generation of a host's program that is waited for.
type wait struct {
	systemID   string
	generation uint64
}

// waits are what has to be confirmed for a change to be installed: the hosts
// whose programs it changed, and those of the networks that it is about, of
// which an earlier change may still be on its way.
func (c *Controller) waits(vnis []uint32, changes []flows.HostChanges) []wait {
	concerned := map[uint32]bool{}
	for _, hc := range changes {
		concerned[hc.Host] = true
	}
	for _, vni := range vnis {
		for _, number := range c.fabric.Attendants(vni) {
			concerned[number] = true
		}
	}
	v := c.snapshot()
	var out []wait
	for number := range concerned {
		if h := first[hostRecord](v, tableHost, byNumber, number); h != nil {
			out = append(out, wait{h.SystemID, v.link(h.SystemID).Wanted})
		}
	}
	return out
}

// await returns when all generations are confirmed, or says which hosts did
// not confirm in time. The change stands in any case.
func (c *Controller) await(ctx context.Context, waits []wait, timeout time.Duration) error {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for {
		changed := c.progress.wait()
		v := c.snapshot()
		var missing []string
		for _, w := range waits {
			l := v.link(w.systemID)
			h := v.host(w.systemID)
			if h == nil {
				continue
			}
			encap, lacks := v.lacksTunnel(h)
			if l.OpenFlow && l.Confirmed >= w.generation && l.Confirmed > 0 && !lacks {
				continue
			}
			switch {
			case lacks && l.OpenFlow && l.OVSDB:
				missing = append(missing, h.Name+" (has no "+encap+" tunnels yet)")
			case !l.OVSDB && !l.OpenFlow:
				missing = append(missing, h.Name+" (not connected)")
			case !l.OpenFlow:
				missing = append(missing, h.Name+" (its OpenFlow connection is down)")
			default:
				missing = append(missing, h.Name+" (does not answer)")
			}
		}
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline.C:
			slices.Sort(missing)
			return model.Errorf(model.Timeout, "", "the change is stored, and was not confirmed within %v by: %s; it is sent as soon as they answer", timeout, strings.Join(missing, ", "))
		case <-c.done:
			return errStopped
		}
	}
}

var errStopped = model.Errorf(model.Unavailable, "", "the controller is stopping: ask again when it runs")

// checkRevision refuses a change of an object that is not as the caller saw it.
func checkRevision(options WriteOptions, what string, have uint64) error {
	if options.IfMatch != 0 && options.IfMatch != have {
		return model.Errorf(model.PreconditionFailed, "", "%s has revision %d by now, not %d: read it again", what, have, options.IfMatch)
	}
	return nil
}
