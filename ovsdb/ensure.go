package ovsdb

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// ensureAttempts is how often a transaction is computed anew because the bridge
// changed under it; a host where that goes on has somebody fighting us.
const ensureAttempts = 3

// Ensure makes the bridge, its ports and its controller be as wanted, in
// one transaction, and reports whether there was anything to write. If there is
// not, nothing is sent. It touches no other bridge, no port that is not ours but
// for RemovePorts, and no column that Wanted does not speak of.
//
// The datapath may need a second call: when the View shows that the first choice
// fails (see View.DatapathStep).
func (c *Conn) Ensure(ctx context.Context, w Wanted) (changed bool, err error) {
	c.ensuring.Lock()
	defer c.ensuring.Unlock()
	fail := func(err error) (bool, error) {
		return false, fmt.Errorf("OVSDB of %s: bridge %q: %w", c.peer.conn.RemoteAddr(), c.cfg.Bridge, err)
	}
	if err := w.validate(); err != nil {
		return fail(err)
	}
	for range ensureAttempts {
		v, _ := c.View()
		if err := admit(v, w); err != nil {
			if c.asksForLock { // whose bridge this is must be able to write
				if unlockErr := c.giveUpLock(ctx); unlockErr != nil {
					return fail(errors.Join(err, unlockErr))
				}
			}
			return fail(err)
		}
		t, err := plan(v, c.cfg.Bridge, w)
		if err != nil {
			return fail(err)
		}
		if t == nil {
			return false, nil
		}
		if !c.asksForLock {
			if err := c.askForLock(ctx); err != nil {
				return fail(err)
			}
			continue
		}
		if !v.Locked {
			return fail(ErrLockHeld)
		}
		err = c.commit(ctx, v, t)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, ErrChanged) {
			return fail(err)
		}
	}
	return fail(ErrChanged)
}

// commit sends what plan made, between the conditions under which it holds and
// the raising of next_cfg that makes ovs-vswitchd confirm it.
func (c *Conn) commit(ctx context.Context, v *View, planned *transaction) error {
	var t transaction
	lock := LockName
	t.add("assert the lock", ovsdb.Operation{Op: ovsdb.OperationAssert, Lock: &lock}) // RFC 7047 section 5.2.10
	if v.Bridge != nil {
		t.add("compare the bridge", unchanged(v.Bridge))
	}
	guards := len(t.ops)
	t.ops = append(t.ops, planned.ops...)
	t.doing = append(t.doing, planned.doing...)
	t.mutateRow("Open_vSwitch", v.SystemID, v.RootUUID,
		[]ovsdb.Mutation{mutation("next_cfg", ovsdb.MutateOperationAdd, 1)})
	t.add("read next_cfg", ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Open_vSwitch",
		Where: byUUID(v.RootUUID), Columns: []string{"next_cfg"}})

	results, err := c.transact(ctx, &t)
	var refused *OperationError
	switch {
	case errors.As(err, &refused) && refused.Doing == t.doing[0]:
		return fmt.Errorf("%w (%s)", ErrLockHeld, refused.Cause)
	case errors.As(err, &refused) && guards > 1 && refused.Doing == t.doing[1]:
		return ErrChanged
	case err != nil:
		return err
	}
	rows := results[len(t.ops)-1].Rows
	if len(rows) != 1 {
		return fmt.Errorf("%w: %d rows in Open_vSwitch", ErrChanged, len(rows))
	}
	next, err := atomInt(rows[0]["next_cfg"])
	if err != nil {
		return fmt.Errorf("%w: next_cfg: %w", ErrNotOVSDB, err)
	}
	bridge, err := bridgeOf(v, &t, results)
	if err != nil {
		return fmt.Errorf("%w: the new bridge: %w", ErrNotOVSDB, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ourCfg, c.ourBridge = next, bridge
	c.signal()
	return nil
}

// bridgeOf returns the UUID of the bridge that the transaction was about.
func bridgeOf(v *View, t *transaction, results []operationResult) (string, error) {
	if v.Bridge != nil {
		return v.Bridge.UUID, nil
	}
	i := slices.IndexFunc(t.ops, func(op ovsdb.Operation) bool {
		return op.Op == ovsdb.OperationInsert && op.Table == "Bridge"
	})
	return atomUUID(results[i].UUID)
}

// unchanged is the wait (RFC 7047 section 5.2.6) that lets a transaction
// through only if whose bridge it is and who controls it are still as we saw.
func unchanged(b *Bridge) ovsdb.Operation {
	var controllers []ovsdb.UUID
	for _, c := range b.Controllers {
		controllers = append(controllers, ovsdb.UUID{GoUUID: c.UUID})
	}
	now := 0
	return ovsdb.Operation{
		Op: ovsdb.OperationWait, Table: "Bridge", Where: byUUID(b.UUID), Timeout: &now,
		Columns: []string{"external_ids", "controller"}, Until: string(ovsdb.WaitConditionEqual),
		Rows: []ovsdb.Row{{"external_ids": stringsMap(b.ExternalIDs), "controller": setOf(controllers)}},
	}
}
