package controller

import (
	"context"
	"errors"
	"slices"

	"github.com/weft-sdn/weft/model"
)

const (
	// lastZone is the last conntrack zone for translations. A network's
	// connections are pinned to their gateways in a zone of their own, that
	// many and one further on.
	lastZone    = 1<<15 - 1
	pinningZone = lastZone + 1
)

// chooseZones gives a conntrack zone to networks that lead out for the first
// time. A network keeps its zone for as long as it exists.
func (t *tx) chooseZones() error {
	for _, ch := range t.txn.Changes() {
		n, ok := ch.After.(*networkRecord)
		if !ok || n.Zone != 0 {
			continue
		}
		zone := uint16(0)
		if was, ok := ch.Before.(*networkRecord); ok && was.VNI == n.VNI {
			zone = was.Zone
		}
		if zone == 0 && n.Leaves() {
			number, err := t.c.pools.zones.Lowest()
			if err != nil {
				return model.Errorf(model.Exhausted, "gateway.mode", "network %q: %d networks translate or have translated addresses, which is all that the conntrack zones of Open vSwitch allow", n.Name, lastZone)
			}
			t.c.pools.zones.Take(number)
			t.zones = append(t.zones, uint16(number))
			zone = uint16(number)
		}
		if zone != 0 {
			now := *n
			now.Zone = zone
			t.put(tableNetwork, &now)
		}
	}
	return nil
}

// adoptGateways chooses what networks lack that were stored by a version which
// stored gateways and did not make them.
func (c *Controller) adoptGateways() error {
	t := c.begin()
	for _, n := range slices.Collect(all[networkRecord](t.view, tableNetwork)) {
		if n.Leaves() && n.Zone == 0 {
			now := *n
			t.put(tableNetwork, &now)
		}
	}
	if err := t.chooseZones(); err != nil {
		return err
	}
	_, err := c.commit(context.Background(), t)
	return err
}

// freeZone puts a zone back, unless a network has it or the conntrack of a
// host may still have connections in it.
func (c *Controller) freeZone(v view, zone uint16) {
	if zone == 0 {
		return
	}
	if first[networkRecord](v, tableNetwork, byZone, uint32(zone)) == nil &&
		first[presenceRecord](v, tablePresence, byZone, uint32(zone)) == nil {
		c.pools.zones.Give(uint32(zone))
	} else {
		c.pools.zones.Take(uint32(zone))
	}
}

// emptyZones removes the connections of a network from a switch that has no
// flows of it any more.
func emptyZones(ctx context.Context, sw *switchLink, zone uint16) error {
	return errors.Join(sw.session.FlushZone(ctx, zone), sw.session.FlushZone(ctx, zone+pinningZone))
}
