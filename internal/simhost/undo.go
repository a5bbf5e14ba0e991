package simhost

import (
	"slices"

	"github.com/weft-sdn/weft/openflow"
)

// undo remembers how a switch was before changes that may have to be taken
// back together.
type undo struct{ steps []step }

// step is a flow or a group as it was before a change of it.
type step struct {
	id    identity
	flow  flow // without a body: there was none
	isNew bool // the change put one in
	gid   uint32
	group *group
	kind  stepKind
}

type stepKind uint8

const (
	ofFlow          stepKind = iota
	ofFlowWithGroup          // that went because its group did
	ofGroup
)

// keep makes the changes last: what they took the place of is let go, and the
// flow monitor of the connection that they came on is told. Its own changes are
// abbreviated to one report; others' are not reported, since there is but one
// controller.
func (u *undo) keep(c *conn, xid uint32) {
	own := false
	for _, s := range u.steps {
		own = own || s.kind == ofFlow
		if c.monitor && s.kind == ofFlowWithGroup {
			c.send(&openflow.MultipartReply{Body: openflow.FlowUpdates{s.deleted()}}, 0)
		}
	}
	if c.monitor && own {
		c.send(&openflow.MultipartReply{Body: openflow.FlowUpdates{{Event: openflow.FlowAbbreviated, XID: xid}}}, 0)
	}
	for _, s := range u.steps {
		if s.flow.body != nil {
			bodies.release(s.flow.body)
		}
	}
	u.steps = nil
}

func (s *step) deleted() openflow.FlowUpdate {
	match, _, _ := openflow.ParseMatch([]byte(s.flow.body.match())) // it was parsed when it came
	return openflow.FlowUpdate{
		Event: openflow.FlowDeleted, Reason: openflow.RemovedWithGroup,
		Table: s.id.table, Priority: s.id.priority, Cookie: s.flow.cookie, Match: match,
	}
}

// takeBack makes the switch be as it was, last change first.
func (u *undo) takeBack(sw *Switch) {
	for _, s := range slices.Backward(u.steps) {
		switch {
		case s.kind == ofGroup && s.group == nil:
			delete(sw.groups, s.gid)
		case s.kind == ofGroup:
			sw.groups[s.gid] = *s.group
		default:
			if s.isNew {
				bodies.release(sw.flows[s.id].body)
				delete(sw.flows, s.id)
			}
			if s.flow.body != nil {
				sw.flows[s.id] = s.flow
			}
		}
	}
	u.steps = nil
}

// setFlow puts a flow in, which takes the place of one of its identity.
func (s *Switch) setFlow(id identity, f flow, u *undo) {
	u.steps = append(u.steps, step{id: id, flow: s.flows[id], isNew: true})
	bodies.again(f.body)
	delete(s.flows, id) // or the map keeps the old key, and with it the old body
	s.flows[id] = f
}

func (s *Switch) deleteFlow(id identity, u *undo) {
	if old, there := s.flows[id]; there {
		u.steps = append(u.steps, step{id: id, flow: old})
		delete(s.flows, id)
	}
}

func (s *Switch) setGroup(id uint32, g group, u *undo) {
	u.steps = append(u.steps, s.groupStep(id))
	s.groups[id] = g
}

// deleteGroup takes along the flows that refer to the group.
func (s *Switch) deleteGroup(id uint32, u *undo) {
	for fid, f := range s.flows {
		if slices.Contains(f.body.groups, id) {
			s.deleteFlow(fid, u)
			u.steps[len(u.steps)-1].kind = ofFlowWithGroup
		}
	}
	u.steps = append(u.steps, s.groupStep(id))
	delete(s.groups, id)
}

func (s *Switch) groupStep(id uint32) step {
	st := step{kind: ofGroup, gid: id}
	if old, was := s.groups[id]; was {
		st.group = &old
	}
	return st
}
