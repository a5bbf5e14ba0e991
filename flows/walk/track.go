package walk

import (
	"fmt"
	"slices"

	"github.com/weft-sdn/weft/flows"
	of "github.com/weft-sdn/weft/openflow"
)

// maxRecirculations is how often one packet may go through the connection
// tracker and back to the tables (MAX_RECIRC_DEPTH in dpif-netdev.c).
const maxRecirculations = 6

// tracked is a packet that comes back from the connection tracker.
type tracked struct {
	p     Packet
	table uint8
	times int
	note  string
}

// ct has the connection tracker look at the packet: as Open vSwitch does it
// (ct(), ovs-actions(7)), with a copy that goes on in a table afterwards, and
// the packet itself untracked.
func (r *run) ct(a of.CT) {
	if a.ALG != 0 || !r.p.meets(isIP) || a.Flags&of.CTForce != 0 {
		r.unknown("action", a)
		return
	}
	if r.p.isLaterFragment() {
		r.err = fmt.Errorf("host %s: a later fragment is of the connection that its first one is of, which is not known", r.host)
		return
	}
	zone := a.Zone
	if a.ZoneFrom.Field != nil {
		f, s, known := r.field(a.ZoneFrom.Field, a)
		if !known {
			return
		}
		zone = uint16(r.p.load(f, s).right(a.ZoneFrom.Lo).and(ones(a.ZoneFrom.Bits)).lo)
	}
	copied := r.p
	state, err := r.track(&copied, zone, a)
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("host %s: %w (flow %q)", r.host, err, r.flow.FormatWithoutStats(of.Names{}))
	}
	if r.err != nil {
		return
	}
	note := fmt.Sprintf("tracked in zone %d: %v", zone, state)
	if was, is := r.p.tuple(), copied.tuple(); was != is {
		note += fmt.Sprintf("; from %v to %v becomes from %v to %v", was.source(), was.destination(), is.source(), is.destination())
	}
	r.p.clear(ctFields...)
	if a.Table == of.NoTable {
		r.step(Step{Table: r.table, Note: note})
		return
	}
	if name := flows.TableNames[int(a.Table)]; name != "" {
		note += ", and goes on in table " + name
	} else {
		note += fmt.Sprintf(", and goes on in table %d", a.Table)
	}
	r.waiting = append(r.waiting, tracked{copied, a.Table, r.times + 1, note})
}

var ctFields = []*of.Field{of.CTState, of.CTZone, of.CTMark, of.CTLabel}

// track is what the tracker says of a packet and does with it.
func (r *run) track(p *Packet, zone uint16, a of.CT) (CTState, error) {
	nat, translates := natOf(a)
	known, has := r.sw.connections.find(zone, p.tuple())
	state := CTTracked
	switch {
	case has:
		if known.reply {
			known.replied = true
			state |= CTReply
		}
		if state |= CTEstablished; !known.replied {
			state = CTTracked | CTNew
		}
	case r.sw.Assume != 0:
		state = r.sw.Assume | CTTracked
	case slices.Contains(icmpError[p.tuple().proto], p.tuple().icmp):
		return 0, fmt.Errorf("of which connection an ICMP error speaks is not known")
	case p.begins():
		state |= CTNew
	default:
		state |= CTInvalid
	}
	if !has && a.Flags&of.CTCommit != 0 && state&CTInvalid == 0 {
		back, err := p.tuple().reverse(), error(nil)
		if translates && nat.Flags != 0 {
			if back, err = translate(p.tuple(), nat); err != nil {
				return 0, err
			}
		}
		conn, err := r.sw.connections.commit(zone, p.tuple(), back)
		if err != nil {
			return 0, err
		}
		known, has = direction{conn, false}, true
	}
	if has && translates {
		state |= known.apply(p)
	}
	p.clear(ctFields...)
	if has {
		if r.execute(p, known.connection, a); r.err != nil {
			return 0, nil
		}
		p.store(of.CTMark, slots[of.CTMark], known.mark)
		p.store(of.CTLabel, slots[of.CTLabel], known.label)
	}
	p.set(of.CTState.Uint(uint64(state)), of.CTZone.Uint(uint64(zone)))
	return state, nil
}

func natOf(a of.CT) (nat of.NAT, has bool) {
	for _, n := range a.Nested {
		if found, is := n.(of.NAT); is {
			return found, true
		}
	}
	return nat, false
}

// apply translates a packet as its connection is.
func (d direction) apply(p *Packet) (state CTState) {
	if d.back == d.forth.reverse() {
		return 0
	}
	target := d.back.reverse()
	if d.reply {
		target = d.forth.reverse()
	}
	if d.back.dst != d.forth.src || d.back.to != d.forth.from {
		state |= CTSourceNAT
	}
	if d.back.src != d.forth.dst || d.back.from != d.forth.to {
		state |= CTDestinationNAT
	}
	p.become(target)
	return state
}

// execute does what sets ct_mark and ct_label. Only what is set there changes
// in the connection, so the actions are done twice, on zeros and on ones: bits
// that come out the same were set.
func (r *run) execute(p *Packet, c *connection, a of.CT) {
	if a.Flags&of.CTCommit == 0 {
		return
	}
	with := func(all bits) Packet {
		probe := *r
		probe.p = r.p
		for _, f := range []*of.Field{of.CTMark, of.CTLabel} {
			probe.p.store(f, slots[f], all)
		}
		for _, n := range a.Nested {
			switch n.(type) {
			case of.NAT:
			case of.SetField, of.MaskedSetField, of.Load, of.Move:
				probe.action(n)
			default:
				probe.unknown("action", n)
			}
		}
		r.err = probe.err
		return probe.p
	}
	zeros, all := with(bits{}), with(ones(128))
	for f, to := range map[*of.Field]*bits{of.CTMark: &c.mark, of.CTLabel: &c.label} {
		s := slots[f]
		low, high := zeros.load(f, s), all.load(f, s)
		kept := high.andNot(low)
		*to = to.and(kept).or(low)
	}
}

// resume has the packets go on that come back from the connection tracker.
func (r *run) resume() {
	for len(r.waiting) > 0 && r.err == nil {
		next := r.waiting[0]
		r.waiting = r.waiting[1:]
		r.p, r.times = next.p, next.times
		r.step(Step{Table: next.table, Note: next.note})
		if next.times > maxRecirculations {
			r.end(Dropped, 0, fmt.Sprintf("a datapath drops what goes through the connection tracker more than %d times", maxRecirculations))
			continue
		}
		r.pass(next.table)
	}
}

func (t tuple) source() string      { return named(t.src.String(), t.from) }
func (t tuple) destination() string { return named(t.dst.String(), t.to) }

func named(address string, port uint16) string {
	if port == 0 {
		return address
	}
	return fmt.Sprintf("%s port %d", address, port)
}
