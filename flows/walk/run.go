package walk

import (
	"fmt"
	"net/netip"
	"slices"

	of "github.com/weft-sdn/weft/openflow"
)

// Where Open vSwitch gives up on a packet: tables entered that are not further
// on, one within the other, and tables entered in all (MAX_DEPTH and
// MAX_RESUBMITS in ofproto-dpif-xlate.c). It then does nothing at all of what
// the flows said up to there.
const (
	maxDepth     = 64
	maxResubmits = maxDepth * maxDepth
)

// run is one packet on its way through one switch.
type run struct {
	sw   *Switch
	host string
	p    Packet
	came netip.Addr // where the tunnel ended that it came through

	table     uint8
	flow      *of.FlowStats // that acts now
	depth     int
	resubmits int
	gaveUp    string
	err       error
	stopped   bool // the flow that acts does no more

	times   int       // through the connection tracker
	waiting []tracked // to come back from there
	learned []of.FlowStats
	// aside is set where what a flow does with the packet is not all that
	// becomes of it: a table that leads nowhere drops nothing then.
	aside bool

	record *Result
	ends   []End
}

// start has the switch look a packet up that came in on the port that stands
// in it.
func (r *run) start() {
	r.came = tunnelTarget(&r.p)
	r.pass(0)
	r.resume()
}

// pass takes the packet through the tables, from the first one or from that in
// which it comes back from the connection tracker.
func (r *run) pass(table uint8) {
	r.table, r.depth, r.resubmits, r.gaveUp = 0, 0, 0, ""
	ends, waiting := len(r.ends), len(r.waiting)
	r.enter(table, r.p.inPort())
	if r.gaveUp != "" {
		r.ends, r.waiting = r.ends[:ends], r.waiting[:waiting]
		r.end(Dropped, 0, "Open vSwitch gives up on the packet and sends nothing: "+r.gaveUp)
	}
	for _, f := range r.learned {
		r.sw.learn(f)
	}
	r.learned = nil
}

// done is whether nothing more is to be done for the packet by the flow that
// acts.
func (r *run) done() bool { return r.gaveUp != "" || r.err != nil || r.stopped }

// enter looks the packet up in a table, as if it had come in on a port, and does
// what the flow says.
func (r *run) enter(id uint8, port uint32) {
	really := r.p.inPort()
	r.p.setInPort(port)
	best, rival := r.sw.flow(id, &r.p)
	r.p.setInPort(really)
	if rival != nil {
		r.undecided(id, best, rival)
		return
	}
	back, acting := r.table, r.flow
	r.table, r.flow, r.stopped = id, nil, false
	if best == nil {
		r.step(Step{Table: id})
		r.end(Dropped, 0, fmt.Sprintf("no flow of table %d takes it", id))
	} else {
		r.flow = best.whole()
		r.step(Step{Table: id, Flow: r.flow})
		r.instructions(r.flow.Instructions)
	}
	r.table, r.flow, r.stopped = back, acting, false
}

func (r *run) undecided(id uint8, best, rival *rule) {
	r.step(Step{Table: id, Flow: rival.whole()})
	if best == nil || best.Priority != rival.Priority {
		r.err = fmt.Errorf("host %s: whether the packet meets the flow %q is not known: the walker does not know all fields of its match",
			r.host, rival.whole().FormatWithoutStats(of.Names{}))
		return
	}
	r.err = fmt.Errorf("host %s: the switch may take either of two flows of one priority, %q and %q",
		r.host, best.whole().FormatWithoutStats(of.Names{}), rival.whole().FormatWithoutStats(of.Names{}))
}

// instructions does what a flow says. A flow that neither sends the packet
// anywhere nor leads further drops it.
func (r *run) instructions(all []of.Instruction) {
	leads, outer := false, r.aside
	goesOn := slices.ContainsFunc(all, func(i of.Instruction) bool { _, is := i.(of.GotoTable); return is })
	for _, i := range all {
		switch i := i.(type) {
		case of.ApplyActions:
			r.aside = goesOn
			leads = r.actions(i.Actions) || leads
			r.aside = outer
		case of.WriteMetadata:
			s := slots[of.Metadata]
			old := r.p.load(of.Metadata, s)
			r.p.store(of.Metadata, s, bits{0, old.lo&^i.Mask | i.Value&i.Mask})
		case of.GotoTable:
			leads = true
			r.next(i.Table, r.p.inPort())
		default:
			r.unknown("instruction", i)
		}
		if r.done() {
			return
		}
	}
	if !leads {
		r.end(Dropped, 0, "")
	}
}

// actions does a list of actions, and says whether one of them sent the packet
// anywhere, be it in vain.
func (r *run) actions(all []of.Action) (leads bool) {
	for _, a := range all {
		leads = r.action(a) || leads
		if r.done() {
			break
		}
	}
	return leads
}

func (r *run) action(a of.Action) (leads bool) {
	switch a := a.(type) {
	case of.SetField:
		r.change(a.FieldValue, a)
	case of.MaskedSetField:
		r.change(a.FieldValue, a)
	case of.Load:
		r.copyTo(a.Dst, number(a.Value), a)
	case of.Move:
		r.move(a)
	case of.PushVLAN:
		r.tag(a)
	case of.PopVLAN:
		r.p.clear(of.VLANTCI)
	case of.DecTTL:
		return r.decrement()
	case of.SetTTL:
		r.change(of.IPTTL.Uint(uint64(a.TTL)), a)
	case of.CheckPktLarger:
		larger := uint64(0)
		if r.p.size > int(a.Len) {
			larger = 1
		}
		r.copyTo(a.Dst, number(larger), a)
	case of.Multipath:
		r.multipath(a)
	case of.Learn:
		r.learn(a)
	case of.CT:
		r.ct(a)
		return a.Table != of.NoTable
	case of.CTClear:
		r.p.clear(ctFields...)
	case of.Output:
		r.output(a)
		return true
	case of.Controller:
		r.end(ToController, of.PortController, "")
		return true
	case of.Group:
		r.group(a.ID)
		return true
	case of.Resubmit:
		r.resubmit(a)
		return true
	default:
		r.unknown("action", a)
	}
	return false
}

// decrement takes one from the TTL. At its end the packet goes to the
// controller, and the flow does no more with it.
func (r *run) decrement() (leads bool) {
	if !r.p.meets(isIP) {
		return false
	}
	ttl := r.p.Uint(of.IPTTL)
	if ttl <= 1 {
		r.end(ToController, of.PortController, "")
		r.stopped = true
		return true
	}
	r.p.set(of.IPTTL.Uint(ttl - 1))
	return false
}

// tag adds a VLAN tag. The walker knows of one.
func (r *run) tag(a of.PushVLAN) {
	const dot1q, dot1ad = 0x8100, 0x88a8 // OpenFlow cannot tell one from the other
	if a.EthType != dot1q && a.EthType != dot1ad || r.p.meets(isTagged) {
		r.unknown("action", a)
		return
	}
	r.p.set(of.VLANTCI.Uint(0x1000))
}

// next enters another table. Only a table that is not further on counts as
// depth: the others end by themselves.
func (r *run) next(id uint8, port uint32) {
	switch {
	case r.depth >= maxDepth:
		r.gaveUp = fmt.Sprintf("tables lead back to tables more than %d deep", maxDepth)
		return
	case r.resubmits >= maxResubmits:
		r.gaveUp = fmt.Sprintf("it enters more than %d tables", maxResubmits)
		return
	}
	r.resubmits++
	deeper := 0
	if id <= r.table {
		deeper = 1
	}
	r.depth += deeper
	r.enter(id, port)
	r.depth -= deeper
}

func (r *run) resubmit(a of.Resubmit) {
	if a.CT {
		r.unknown("action", a)
		return
	}
	id, port := a.Table, r.p.inPort()
	if id == of.TableAll {
		id = r.table
	}
	if a.Port != of.PortInPort&0xffff {
		port = port32(a.Port)
	}
	aside, before := r.aside, len(r.ends)
	r.aside = false
	r.next(id, port)
	if r.aside = aside; aside {
		r.ends = append(r.ends[:before], slices.DeleteFunc(slices.Clone(r.ends[before:]), func(e End) bool { return e.Outcome == Dropped })...)
	}
}

// field is where a field is that an action changes or reads.
func (r *run) field(f *of.Field, a of.Action) (*of.Field, slot, bool) {
	f = f.Canonical()
	s, known := slots[f]
	if !known || f == of.VLANTCI || f == of.VLANPCP || f == of.VLANVID && !r.p.meets(isTagged) {
		r.unknown("action", a)
		return f, s, false
	}
	return f, s, true
}

// change sets a field, if the packet has it; if not, nothing happens.
func (r *run) change(v of.FieldValue, a of.Action) {
	f, s, known := r.field(v.Field, a)
	if !known || !r.p.meets(s.needs) {
		return
	}
	mask := s.full
	if v.Mask != nil {
		mask = bitsOf(v.Mask)
	}
	r.p.store(f, s, r.p.load(f, s).andNot(mask).or(bitsOf(v.Value).and(mask)))
}

// copyTo sets a part of a field.
func (r *run) copyTo(to of.Subfield, value bits, a of.Action) {
	f, s, known := r.field(to.Field, a)
	if !known || !r.p.meets(s.needs) {
		return
	}
	mask := ones(to.Bits).left(to.Lo)
	r.p.store(f, s, r.p.load(f, s).andNot(mask).or(value.left(to.Lo).and(mask)))
}

func (r *run) move(a of.Move) {
	f, s, known := r.field(a.Src.Field, a)
	if !known || !r.p.meets(s.needs) {
		return
	}
	r.copyTo(a.Dst, r.p.load(f, s).right(a.Src.Lo).and(ones(a.Src.Bits)), a)
}

func (r *run) output(a of.Output) {
	port := a.Port
	switch port {
	case of.PortController:
		r.end(ToController, port, "")
		return
	case of.PortInPort:
		port = r.p.inPort()
	case r.p.inPort():
		r.end(Dropped, port, "a switch does not send a packet back to the port that it came in on")
		return
	case of.PortTable, of.PortNormal, of.PortFlood, of.PortAll, of.PortAny:
		r.unknown("action", a)
		return
	}
	if !r.sw.hasPort(port) {
		r.end(Dropped, port, fmt.Sprintf("there is no port %d", port))
		return
	}
	r.end(Sent, port, "")
}

func (r *run) unknown(what string, s fmt.Stringer) {
	r.err = fmt.Errorf("host %s: the walker does not know what the %s %q does to the packet (flow %q)",
		r.host, what, s, r.flow.FormatWithoutStats(of.Names{}))
}

func (r *run) step(s Step) {
	s.Host, s.Depth = r.host, r.depth
	r.record.Steps = append(r.record.Steps, s)
}

func (r *run) end(o Outcome, port uint32, why string) {
	r.ends = append(r.ends, End{Outcome: o, Host: r.host, Port: port, Packet: r.p, Flow: r.flow, Why: why,
		after: len(r.record.Steps)})
}
