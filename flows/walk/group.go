package walk

import (
	"fmt"

	of "github.com/weft-sdn/weft/openflow"
)

// group hands the packet to a group. Each bucket works on a copy.
func (r *run) group(id uint32) {
	g := r.sw.groups[id]
	if r.depth >= maxDepth {
		r.gaveUp = fmt.Sprintf("groups lead to groups more than %d deep", maxDepth)
		return
	}
	if g == nil {
		r.end(Dropped, 0, fmt.Sprintf("there is no group %d", id))
		return
	}
	buckets, ok := r.chosen(g)
	if !ok {
		return
	}
	if len(buckets) == 0 {
		r.end(Dropped, 0, fmt.Sprintf("group %d leads nowhere", id))
	}
	for i, b := range buckets {
		if len(buckets) > 1 {
			r.step(Step{Table: r.table, Note: fmt.Sprintf("copy %d of %d, by group %d: %s", i+1, len(buckets), id, of.FormatActions(b.Actions, of.Names{}))})
		}
		r.bucket(b)
		if r.done() {
			return
		}
	}
}

// chosen are the buckets that get the packet.
func (r *run) chosen(g *of.GroupDesc) (buckets []of.Bucket, ok bool) {
	switch g.GroupType {
	case of.GroupTypeAll, of.GroupTypeIndirect:
		return g.Buckets, true
	case of.GroupTypeSelect:
		for _, b := range g.Buckets {
			live, known := r.live(b)
			if !known {
				return nil, r.unwatched(g, b)
			}
			if live && b.Weight > 0 {
				buckets = append(buckets, b)
			}
		}
		if len(buckets) < 2 {
			return buckets, true
		}
		r.err = fmt.Errorf("host %s: which of the %d buckets of the select group %d gets a packet is the datapath's choice", r.host, len(buckets), g.Group)
	case of.GroupTypeFastFailover:
		for _, b := range g.Buckets {
			live, known := r.live(b)
			if !known {
				return nil, r.unwatched(g, b)
			}
			if live {
				return []of.Bucket{b}, true
			}
		}
		return nil, true
	default:
		r.err = fmt.Errorf("host %s: group %d has the unknown type %v", r.host, g.Group, g.GroupType)
	}
	return nil, false
}

func (r *run) unwatched(g *of.GroupDesc, b of.Bucket) bool {
	r.err = fmt.Errorf("host %s: group %d watches group %d, of which the walker does not know whether it lives", r.host, g.Group, b.WatchGroup)
	return false
}

func (r *run) live(b of.Bucket) (live, known bool) {
	switch {
	case b.WatchGroup != of.GroupAny:
		return false, false
	case b.WatchPort == of.PortAny, r.sw.Port == nil:
		return true, true
	}
	_, live = r.sw.Port(b.WatchPort)
	return live, true
}

// bucket does the actions of a bucket on a copy, in the order of an action
// set (OpenFlow 1.4, 5.10): changes first, then the last group, or else the
// last output, or else the last resubmit.
func (r *run) bucket(b of.Bucket) {
	p, port, aside := r.p, r.p.inPort(), r.aside
	r.aside = false // it has a copy of its own
	r.depth++
	var group, output, resubmit of.Action
	for _, a := range b.Actions {
		switch a.(type) {
		case of.Group:
			group = a
		case of.Output:
			output = a
		case of.Resubmit:
			resubmit = a
		case of.SetField, of.MaskedSetField, of.Load, of.Move, of.SetTTL, of.PushVLAN, of.PopVLAN:
		default:
			r.unknown("action", a)
			return
		}
	}
	last := resubmit
	if output != nil {
		last = output
	}
	if group != nil {
		last = group
	}
	if last == nil {
		r.end(Dropped, port, "the group's bucket sends it nowhere")
	} else {
		for _, a := range b.Actions {
			switch a.(type) {
			case of.Group, of.Output, of.Resubmit:
			default:
				r.action(a)
			}
		}
		r.action(last)
	}
	r.depth--
	r.p, r.stopped, r.aside = p, false, aside
}
