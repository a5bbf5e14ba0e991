package controller

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/weft-sdn/weft/flows"
	"github.com/weft-sdn/weft/model"
	"github.com/weft-sdn/weft/openflow"
)

// Of the NICs of a network that lead to one segment only one takes part in the
// network, or broadcasts would go round in a circle. Which lead to one segment
// is found out with probes (flows.ProbeType): the first NIC of a network takes
// part at once, and any other stands by until its probes have come in at none
// of those that take part.
const (
	probeInterval = 500 * time.Millisecond
	// probesUnseen in a row show that a segment is another.
	probesUnseen = 5
	// Those that take part send one in so many: segments may be joined later.
	probeRarely = 10
	// shortestFrame is that of Ethernet, without its check sequence.
	shortestFrame = 60
)

// probing is how far the probes of NICs are. Only the loop touches it.
type probing struct {
	ticks  int
	unseen map[uint32]int // by the number of a NIC that stands by
}

// probeSegments sends probes until ctx ends.
func (c *Controller) probeSegments(ctx context.Context) {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = c.do(ctx, c.probe)
		case <-ctx.Done():
			return
		}
	}
}

// probe sends the probes that are due, and lets NICs take part of which enough
// went unseen.
func (c *Controller) probe() {
	c.probing.ticks++
	v := c.snapshot()
	networks := map[string][]*nicRecord{}
	for n := range all[nicRecord](v, tableNIC) {
		networks[n.Network] = append(networks[n.Network], n)
	}
	for _, nics := range networks {
		for _, n := range nics {
			if !n.StandBy && c.probing.ticks%probeRarely == 0 {
				c.announce(v, n)
			}
		}
		if len(nics) > 1 || nics[0].StandBy {
			slices.SortFunc(nics, func(a, b *nicRecord) int { return int(a.Number) - int(b.Number) })
			c.probeAmong(v, nics)
		}
	}
}

func (c *Controller) probeAmong(v view, nics []*nicRecord) {
	var waiting, active []*nicRecord
	watched := true
	for _, n := range nics {
		if n.StandBy {
			waiting = append(waiting, n)
			continue
		}
		active = append(active, n)
		watched = watched && c.reports(v, n)
		if c.probing.ticks%probeRarely == 0 {
			c.sendProbe(v, n)
		}
	}
	for _, n := range waiting {
		// The one before had time to be seen.
		if len(active) == 0 || watched && c.probing.unseen[n.Number] >= probesUnseen {
			c.standBy(n, false, 0)
			c.announce(v, n)
			// The others have to be told from this one, too.
			for _, n := range waiting {
				delete(c.probing.unseen, n.Number)
			}
			return
		}
		if c.sendProbe(v, n) && watched {
			c.probing.unseen[n.Number]++
		}
	}
}

// reports reports whether a probe that came in at a NIC would be noticed. At
// one without a port nothing comes in.
func (c *Controller) reports(v view, n *nicRecord) bool {
	l := v.link(n.SystemID)
	return l.OVSDB && l.synchronized()
}

// announce shows the switches of a segment behind which of their ports the
// gateway is. It has the same MAC address everywhere, so no machine has to hear
// of another NIC that takes over; a switch would send to the old one until it
// forgets it, which takes minutes.
func (c *Controller) announce(v view, n *nicRecord) {
	if network := v.network(n.Network); network != nil && network.GatewayMode() != model.GatewayNone {
		c.sendOut(v, n, announcement()) // one that is lost is repeated
	}
}

// announcement is a frame that the gateway's MAC address is the source of and
// that is for nobody: what counts is where it comes from.
func announcement() []byte {
	b := append(append([]byte{}, flows.ProbeMAC[:]...), flows.RouterMAC[:]...)
	return append(binary.BigEndian.AppendUint16(b, flows.ProbeType), make([]byte, shortestFrame-len(b)-2)...)
}

// sendProbe sends a probe out of a NIC, if it can.
func (c *Controller) sendProbe(v view, n *nicRecord) bool {
	return c.sendOut(v, n, probeFrame(n.Number, c.ClusterID()))
}

// sendOut sends a frame of our own out of a NIC, if it can.
func (c *Controller) sendOut(v view, n *nicRecord, frame []byte) bool {
	l := c.hosts[n.SystemID]
	port := v.fabricNIC(n).Port
	if l == nil || l.sw == nil || !l.sw.confirmed || port == 0 {
		return false
	}
	var actions []openflow.Action
	if n.VLAN != 0 {
		actions = append(actions, openflow.PushVLAN{EthType: 0x8100},
			openflow.SetField{FieldValue: openflow.VLANVID.Uint(0x1000 | uint64(n.VLAN))})
	}
	actions = append(actions, openflow.Output{Port: port})
	return l.sw.session.PacketOut(actions, openflow.PortController, frame) == nil
}

// probeSeen notes that a probe came in at a NIC.
func (c *Controller) probeSeen(at uint32, frame []byte) {
	from, ok := parseProbe(frame, c.ClusterID())
	v := c.snapshot()
	a, b := first[nicRecord](v, tableNIC, byNumber, from), first[nicRecord](v, tableNIC, byNumber, at)
	if !ok || a == nil || b == nil || from == at || a.Network != b.Network || b.StandBy {
		return
	}
	delete(c.probing.unseen, from)
	switch {
	case a.StandBy && a.Twin != at:
		c.standBy(a, true, at)
	case !a.StandBy:
		loser, winner := a, b
		if a.Number < b.Number {
			loser, winner = b, a
		}
		c.log.Warn("two interfaces in one network lead to one segment: the second stands by", "network", a.Network,
			"first", v.ownerName(flows.KindNIC, winner.Number), "second", v.ownerName(flows.KindNIC, loser.Number))
		c.standBy(loser, true, winner.Number)
	}
}

// standBy has a NIC stand by because of another, or take part.
func (c *Controller) standBy(n *nicRecord, standBy bool, twin uint32) {
	t := c.begin()
	now := *n
	now.StandBy, now.Twin = standBy, twin
	t.put(tableNIC, &now)
	c.commitFacts(context.Background(), t)
}

// probeFrame is the probe of a NIC: its number, and whose it is.
func probeFrame(number uint32, cluster string) []byte {
	b := append([]byte{}, flows.ProbeMAC[:]...)
	b = append(b, 0x02, 0x77, 0x65, 0x68, byte(number>>8), byte(number))
	b = binary.BigEndian.AppendUint16(b, flows.ProbeType)
	b = binary.BigEndian.AppendUint32(b, number)
	b = append(append(b, cluster...), 0)
	return append(b, make([]byte, max(0, shortestFrame-len(b)))...)
}

// parseProbe reads the number of the NIC that a probe of this cluster was sent
// out of.
func parseProbe(frame []byte, cluster string) (number uint32, ok bool) {
	const header = 14
	if len(frame) < header+4 || !bytes.Equal(frame[:6], flows.ProbeMAC[:]) || binary.BigEndian.Uint16(frame[12:]) != flows.ProbeType {
		return 0, false
	}
	whose, _, ended := bytes.Cut(frame[header+4:], []byte{0})
	return binary.BigEndian.Uint32(frame[header:]), ended && string(whose) == cluster
}
