package simhost

import (
	"github.com/weft-sdn/weft/openflow"
)

// handle does what a message says; the switch is locked.
func (c *conn) handle(b []byte) {
	h, _ := openflow.ParseHeader(b) // it was parsed when it was read
	switch h.Type {
	case openflow.TypeFlowMod, openflow.TypeGroupMod:
		// Bundles are how these come in numbers, so only those are fast.
		m, refused := decodeMod(b)
		if refused == nil {
			refused = c.mayModify()
		}
		if refused == nil {
			var u undo
			if refused = m.apply(c.sw, &u); refused == nil {
				u.keep(c, h.XID)
			}
		}
		if m != nil {
			m.drop()
		}
		if refused != nil {
			c.refuse(*refused, h.XID, b)
		}
		return
	case openflow.TypeBundleAdd:
		if refused := c.addToBundle(b); refused != nil {
			c.refuse(*refused, h.XID, b)
		}
		return
	}
	m, xid, err := openflow.Parse(b)
	if err != nil {
		c.refuse(errBadLen, h.XID, b)
		return
	}
	switch m := m.(type) {
	case *openflow.EchoRequest:
		c.send(&openflow.EchoReply{Data: m.Data}, xid)
	case *openflow.EchoReply, *openflow.SetConfig, *openflow.Error, *openflow.SetAsync, *openflow.PacketOut, *openflow.CTFlushZone, *openflow.CTFlush:
	case *openflow.FeaturesRequest:
		c.send(&openflow.FeaturesReply{DatapathID: c.sw.datapathID, Tables: 254, Capabilities: 0x4f}, xid)
	case *openflow.BarrierRequest:
		c.send(&openflow.BarrierReply{}, xid)
	case *openflow.RoleRequest:
		c.claim(m, xid, b)
	case *openflow.BundleControl:
		c.controlBundle(m, xid, b)
	case *openflow.MeterMod:
		if refused := c.sw.meter(m); refused != nil {
			c.refuse(*refused, xid, b)
		}
	case *openflow.Experimenter:
		if m.ID == openflow.Nicira {
			c.refuse(errBadSubtype, xid, b)
		} else {
			c.refuse(errBadVendor, xid, b)
		}
	case *openflow.MultipartRequest:
		c.answer(m, xid, b)
	default:
		c.refuse(errBadType, xid, b)
	}
}

// mayModify refuses changes by a controller that another is master over.
func (c *conn) mayModify() *openflow.ErrorCode {
	if c.role == openflow.RoleSlave {
		return because(errSlave)
	}
	return nil
}

// claim takes a role or refuses it (OpenFlow 1.4, section 6.3.5).
func (c *conn) claim(m *openflow.RoleRequest, xid uint32, b []byte) {
	s := c.sw
	switch m.Role {
	case openflow.RoleNoChange:
	case openflow.RoleMaster, openflow.RoleSlave:
		if s.claimed && int64(m.GenerationID-s.masters) < 0 {
			c.refuse(openflow.ErrRoleStale, xid, b)
			return
		}
		s.claimed, s.masters = true, m.GenerationID
		c.role = m.Role
	case openflow.RoleEqual:
		c.role = m.Role
	default:
		c.refuse(errBadRole, xid, b)
		return
	}
	generation := ^uint64(0)
	if s.claimed {
		generation = s.masters
	}
	c.send(&openflow.RoleReply{ControllerRole: openflow.ControllerRole{Role: c.role, GenerationID: generation}}, xid)
	if m.Role != openflow.RoleMaster {
		return
	}
	for other := range s.conns {
		if other != c && other.role == openflow.RoleMaster {
			other.role = openflow.RoleSlave
			other.send(&openflow.RoleStatus{ControllerRole: openflow.ControllerRole{Role: openflow.RoleSlave, GenerationID: generation}}, 0)
			_ = other.flush() // it notices by itself when its connection is broken
		}
	}
}

// mostOfReply is how long a message of a long answer gets: less than 64 KiB.
const mostOfReply = 60 << 10

// answer answers a multipart request.
func (c *conn) answer(m *openflow.MultipartRequest, xid uint32, b []byte) {
	switch body := m.Body.(type) {
	case *openflow.FlowStatsRequest:
		c.dump(body, xid)
		return
	case *openflow.MeterConfigRequest:
		meters, refused := c.sw.metersLike(body.Meter)
		if refused != nil {
			c.refuse(*refused, xid, b)
			return
		}
		c.send(&openflow.MultipartReply{Body: meters}, xid)
		return
	case *openflow.FlowMonitorRequest:
		c.monitor = true
		c.send(&openflow.MultipartReply{Body: openflow.FlowUpdates(nil)}, xid)
		return
	}
	switch m.Body.Kind() {
	case openflow.KindGroupDesc:
		var part openflow.GroupDescs
		size := 0
		for id, g := range c.sw.groups {
			if size += 8 + len(g.buckets); size > mostOfReply {
				c.send(&openflow.MultipartReply{Flags: 1, Body: part}, xid)
				part, size = nil, 8+len(g.buckets)
			}
			buckets, _ := openflow.ParseBuckets([]byte(g.buckets)) // they were parsed when they came
			part = append(part, openflow.GroupDesc{Group: id, GroupType: g.typ, Buckets: buckets})
		}
		c.send(&openflow.MultipartReply{Body: part}, xid)
	case openflow.KindPortDesc:
		var part openflow.PortDescs
		const size = 40
		for _, p := range c.sw.ports {
			if len(part) == mostOfReply/size {
				c.send(&openflow.MultipartReply{Flags: 1, Body: part}, xid)
				part = nil
			}
			part = append(part, p)
		}
		c.send(&openflow.MultipartReply{Body: part}, xid)
	case openflow.KindDesc:
		c.send(&openflow.MultipartReply{Body: &openflow.Desc{Manufacturer: "Weft", Hardware: "simulated"}}, xid)
	default:
		c.refuse(errBadMultipart, xid, b)
	}
}
