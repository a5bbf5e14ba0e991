package openflow

import "encoding/binary"

// Role is a controller's role at a switch (section 6.3.6).
type Role uint32

// The roles. Of several controllers one is master; a new master turns the old
// one into a slave, unless its generation id is older than one already seen.
const (
	RoleNoChange Role = 0
	RoleEqual    Role = 1
	RoleMaster   Role = 2
	RoleSlave    Role = 3
)

// ControllerRole is a role with the generation id it was claimed with.
type ControllerRole struct {
	Role         Role
	GenerationID uint64
}

// RoleRequest claims a role.
type RoleRequest struct{ ControllerRole }

// RoleReply confirms it.
type RoleReply struct{ ControllerRole }

// RoleStatus says that another controller's claim changed this one's role.
type RoleStatus struct {
	ControllerRole
	Reason     uint8
	Properties []Property
}

// Type returns TypeRoleRequest.
func (*RoleRequest) Type() Type { return TypeRoleRequest }

// Type returns TypeRoleReply.
func (*RoleReply) Type() Type { return TypeRoleReply }

// Type returns TypeRoleStatus.
func (*RoleStatus) Type() Type { return TypeRoleStatus }

// AppendTo appends the message.
func (m *RoleRequest) AppendTo(b []byte, xid uint32) []byte {
	return finish(m.appendRole(begin(b, TypeRoleRequest, xid), 0), len(b))
}

// AppendTo appends the message.
func (m *RoleReply) AppendTo(b []byte, xid uint32) []byte {
	return finish(m.appendRole(begin(b, TypeRoleReply, xid), 0), len(b))
}

// AppendTo appends the message.
func (m *RoleStatus) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = m.appendRole(begin(b, TypeRoleStatus, xid), m.Reason)
	return finish(appendProperties(b, m.Properties), start)
}

// appendRole appends role and generation id; a role status has its reason
// where the others have padding.
func (r ControllerRole) appendRole(b []byte, reason uint8) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(r.Role))
	b = append(b, reason, 0, 0, 0)
	return binary.BigEndian.AppendUint64(b, r.GenerationID)
}

func decodeRole(d *decoder) ControllerRole {
	r := ControllerRole{Role: Role(d.u32())}
	d.skip(4)
	r.GenerationID = d.u64()
	return r
}

func decodeRoleStatus(d *decoder) Message {
	m := &RoleStatus{}
	m.Role = Role(d.u32())
	m.Reason = d.u8()
	d.skip(3)
	m.GenerationID = d.u64()
	m.Properties = decodeProperties(d)
	return m
}
