package openflow

import (
	"encoding/binary"
	"fmt"
)

// ErrorCode is the type and code of an error message.
type ErrorCode struct{ Type, Code uint16 }

// Error is an error message. Data holds at least the first 64 bytes of the
// message that was refused, whose transaction id the error bears.
type Error struct {
	ErrorCode
	Experimenter uint32 // of an error of ErrorTypeExperimenter, whose Code is the experimenter's
	Data         []byte
}

// ErrorTypeExperimenter is the type of an experimenter's error.
const ErrorTypeExperimenter uint16 = 0xffff

// Errors that a sender tells apart.
var (
	ErrHelloIncompatible = ErrorCode{0, 0}
	ErrRoleStale         = ErrorCode{11, 0}
	ErrUnknownMeter      = ErrorCode{12, 3}
	ErrBundleTimeout     = ErrorCode{17, 14}
	ErrMessageFailed     = ErrorCode{17, 13}
)

// Type returns TypeError.
func (*Error) Type() Type { return TypeError }

// AppendTo appends the message.
func (m *Error) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	b = begin(b, TypeError, xid)
	b = binary.BigEndian.AppendUint16(b, m.ErrorCode.Type)
	b = binary.BigEndian.AppendUint16(b, m.Code)
	if m.ErrorCode.Type == ErrorTypeExperimenter {
		b = binary.BigEndian.AppendUint32(b, m.Experimenter)
	}
	return finish(append(b, m.Data...), start)
}

func decodeError(d *decoder) Message {
	m := &Error{ErrorCode: ErrorCode{d.u16(), d.u16()}}
	if m.ErrorCode.Type == ErrorTypeExperimenter {
		m.Experimenter = d.u32()
	}
	m.Data = d.rest()
	return m
}

// Error says what the switch said.
func (m *Error) Error() string {
	if m.ErrorCode.Type == ErrorTypeExperimenter {
		return fmt.Sprintf("the switch refused it: experimenter 0x%x error %d", m.Experimenter, m.Code)
	}
	return "the switch refused it: " + m.ErrorCode.String()
}

// String returns the name and what it means in practice.
func (c ErrorCode) String() string {
	if s, ok := errorTexts[c]; ok {
		return s
	}
	return fmt.Sprintf("error type %d code %d", c.Type, c.Code)
}

// errorTexts covers what Open vSwitch 3.1 sends to a controller. Types and
// codes are from section 7.5.4 of OpenFlow 1.4.1, names as Open vSwitch writes
// them into its own log.
var errorTexts = map[ErrorCode]string{
	{0, 0}:  "OFPHFC_INCOMPATIBLE (no common OpenFlow version: does the bridge's protocols column exclude OpenFlow14?)",
	{0, 1}:  "OFPHFC_EPERM (hello not permitted)",
	{1, 0}:  "OFPBRC_BAD_VERSION (OpenFlow version not supported)",
	{1, 1}:  "OFPBRC_BAD_TYPE (message type not supported)",
	{1, 2}:  "OFPBRC_BAD_STAT (multipart type not supported)",
	{1, 3}:  "OFPBRC_BAD_VENDOR (experimenter not supported)",
	{1, 4}:  "OFPBRC_BAD_SUBTYPE (experimenter message not supported)",
	{1, 5}:  "OFPBRC_EPERM (not permitted)",
	{1, 6}:  "OFPBRC_BAD_LEN (message of a wrong length)",
	{1, 7}:  "OFPBRC_BUFFER_EMPTY (the buffered packet was used already)",
	{1, 8}:  "OFPBRC_BUFFER_UNKNOWN (no such buffered packet)",
	{1, 9}:  "OFPBRC_BAD_TABLE_ID (no such table)",
	{1, 10}: "OFPBRC_IS_SECONDARY (another controller is master)",
	{1, 11}: "OFPBRC_BAD_PORT (no such port)",
	{1, 12}: "OFPBRC_BAD_PACKET (malformed packet in a packet-out)",
	{1, 13}: "OFPBRC_MULTIPART_BUFFER_OVERFLOW (multipart request too long)",

	{2, 0}:  "OFPBAC_BAD_TYPE (unknown action, or one that cannot stand here)",
	{2, 1}:  "OFPBAC_BAD_LEN (action of a wrong length)",
	{2, 2}:  "OFPBAC_BAD_VENDOR (unknown experimenter of an action)",
	{2, 3}:  "OFPBAC_BAD_VENDOR_TYPE (unknown action of an experimenter)",
	{2, 4}:  "OFPBAC_BAD_OUT_PORT (output to a port that cannot be)",
	{2, 5}:  "OFPBAC_BAD_ARGUMENT (bad argument of an action)",
	{2, 6}:  "OFPBAC_EPERM (action not permitted)",
	{2, 7}:  "OFPBAC_TOO_MANY (too many actions)",
	{2, 8}:  "OFPBAC_BAD_QUEUE (no such queue)",
	{2, 9}:  "OFPBAC_BAD_OUT_GROUP (the group of an action is not there)",
	{2, 10}: "OFPBAC_MATCH_INCONSISTENT (the match lacks what an action needs, for instance the IP version)",
	{2, 11}: "OFPBAC_UNSUPPORTED_ORDER (actions in an order that is not supported)",
	{2, 12}: "OFPBAC_BAD_TAG (bad tag in an action)",
	{2, 13}: "OFPBAC_BAD_SET_TYPE (set_field of a field that cannot be set)",
	{2, 14}: "OFPBAC_BAD_SET_LEN (set_field of a wrong length)",
	{2, 15}: "OFPBAC_BAD_SET_ARGUMENT (set_field with a value the field cannot have)",

	{3, 0}: "OFPBIC_UNKNOWN_INST (unknown instruction)",
	{3, 1}: "OFPBIC_UNSUP_INST (instruction not supported)",
	{3, 2}: "OFPBIC_BAD_TABLE_ID (goto_table to a table that is not, or lies behind)",
	{3, 3}: "OFPBIC_UNSUP_METADATA (metadata mask not supported)",
	{3, 7}: "OFPBIC_BAD_LEN (instruction of a wrong length)",
	{3, 9}: "OFPBIC_DUP_INST (the same instruction twice)",

	{4, 0}:  "OFPBMC_BAD_TYPE (match type not supported)",
	{4, 1}:  "OFPBMC_BAD_LEN (match of a wrong length)",
	{4, 2}:  "OFPBMC_BAD_TAG (bad tag in a match)",
	{4, 3}:  "OFPBMC_BAD_DL_ADDR_MASK (Ethernet address mask not supported)",
	{4, 4}:  "OFPBMC_BAD_NW_ADDR_MASK (IP address mask not supported)",
	{4, 5}:  "OFPBMC_BAD_WILDCARDS (combination of wildcards not supported)",
	{4, 6}:  "OFPBMC_BAD_FIELD (field not supported in a match)",
	{4, 7}:  "OFPBMC_BAD_VALUE (value not supported in a match)",
	{4, 8}:  "OFPBMC_BAD_MASK (mask not supported in a match)",
	{4, 9}:  "OFPBMC_BAD_PREREQ (a field without the one it needs, such as eth_type)",
	{4, 10}: "OFPBMC_DUP_FIELD (the same field twice)",
	{4, 11}: "OFPBMC_EPERM (match not permitted)",

	{5, 0}: "OFPFMFC_UNKNOWN (flow mod failed)",
	{5, 1}: "OFPFMFC_TABLE_FULL (the table is full)",
	{5, 2}: "OFPFMFC_BAD_TABLE_ID (no such table)",
	{5, 3}: "OFPFMFC_OVERLAP (it overlaps another flow of its priority)",
	{5, 4}: "OFPFMFC_EPERM (flow mod not permitted)",
	{5, 5}: "OFPFMFC_BAD_TIMEOUT (timeout not supported)",
	{5, 6}: "OFPFMFC_BAD_COMMAND (unknown flow mod command)",
	{5, 7}: "OFPFMFC_BAD_FLAGS (unknown flags)",

	{6, 0}:  "OFPGMFC_GROUP_EXISTS (the group exists)",
	{6, 1}:  "OFPGMFC_INVALID_GROUP (bad group id or type)",
	{6, 2}:  "OFPGMFC_WEIGHT_UNSUPPORTED (weights not supported)",
	{6, 3}:  "OFPGMFC_OUT_OF_GROUPS (the group table is full)",
	{6, 4}:  "OFPGMFC_OUT_OF_BUCKETS (too many buckets)",
	{6, 5}:  "OFPGMFC_CHAINING_UNSUPPORTED (groups to groups not supported)",
	{6, 6}:  "OFPGMFC_WATCH_UNSUPPORTED (watching not supported)",
	{6, 7}:  "OFPGMFC_LOOP (the groups form a loop)",
	{6, 8}:  "OFPGMFC_UNKNOWN_GROUP (no such group)",
	{6, 9}:  "OFPGMFC_CHAINED_GROUP (another group refers to it)",
	{6, 10}: "OFPGMFC_BAD_TYPE (unknown group type)",
	{6, 11}: "OFPGMFC_BAD_COMMAND (unknown group mod command)",
	{6, 12}: "OFPGMFC_BAD_BUCKET (bad bucket)",
	{6, 13}: "OFPGMFC_BAD_WATCH (bad watch port or group)",
	{6, 14}: "OFPGMFC_EPERM (group mod not permitted)",

	{11, 0}: "OFPRRFC_STALE (a controller with a newer generation id has been master)",
	{11, 1}: "OFPRRFC_UNSUP (role not supported)",
	{11, 2}: "OFPRRFC_BAD_ROLE (unknown role)",

	{12, 0}:  "OFPMMFC_UNKNOWN (meter mod failed)",
	{12, 1}:  "OFPMMFC_METER_EXISTS (the meter exists)",
	{12, 2}:  "OFPMMFC_INVALID_METER (bad meter id, or a datapath without meters)",
	{12, 3}:  "OFPMMFC_UNKNOWN_METER (no such meter)",
	{12, 4}:  "OFPMMFC_BAD_COMMAND (unknown meter mod command)",
	{12, 5}:  "OFPMMFC_BAD_FLAGS (meter flags not supported)",
	{12, 6}:  "OFPMMFC_BAD_RATE (rate not supported)",
	{12, 7}:  "OFPMMFC_BAD_BURST (burst size not supported)",
	{12, 8}:  "OFPMMFC_BAD_BAND (meter band not supported)",
	{12, 9}:  "OFPMMFC_BAD_BAND_VALUE (value of a meter band not supported)",
	{12, 10}: "OFPMMFC_OUT_OF_METERS (no more meters)",
	{12, 11}: "OFPMMFC_OUT_OF_BANDS (a meter has too many bands)",

	{17, 0}:  "OFPBFC_UNKNOWN (bundle failed)",
	{17, 1}:  "OFPBFC_EPERM (bundle not permitted)",
	{17, 2}:  "OFPBFC_BAD_ID (no such bundle)",
	{17, 3}:  "OFPBFC_BUNDLE_EXIST (the bundle exists)",
	{17, 4}:  "OFPBFC_BUNDLE_CLOSED (the bundle is closed)",
	{17, 5}:  "OFPBFC_OUT_OF_BUNDLES (too many bundles)",
	{17, 6}:  "OFPBFC_BAD_TYPE (unknown bundle control)",
	{17, 7}:  "OFPBFC_BAD_FLAGS (unknown bundle flags)",
	{17, 8}:  "OFPBFC_MSG_BAD_LEN (message in a bundle of a wrong length)",
	{17, 9}:  "OFPBFC_MSG_BAD_XID (message in a bundle with an xid of its own)",
	{17, 10}: "OFPBFC_MSG_UNSUP (this message cannot be in a bundle)",
	{17, 11}: "OFPBFC_MSG_CONFLICT (it conflicts with another message of the bundle)",
	{17, 12}: "OFPBFC_MSG_TOO_MANY (too many messages in a bundle)",
	{17, 13}: "OFPBFC_MSG_FAILED (a message of the bundle failed)",
	{17, 14}: "OFPBFC_TIMEOUT (the bundle was idle for too long)",
	{17, 15}: "OFPBFC_BUNDLE_IN_PROGRESS (another bundle is in progress)",
}
