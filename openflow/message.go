package openflow

import (
	"encoding/binary"
	"fmt"
)

// Version is OpenFlow 1.4. In 1.5 Open vSwitch rewrites register matches in
// its dumps, so that what comes back is not what was sent; 1.3 has no native
// bundles.
const Version = 0x05

// HeaderLen is the length of the header that every message has.
const HeaderLen = 8

// MaxMessage is the longest message the 16 bits of its length allow.
const MaxMessage = 0xffff

// Type is the type of a message (OpenFlow 1.4.1, section 7.1.1).
type Type uint8

// The types of OpenFlow 1.4 that Open vSwitch speaks.
const (
	TypeHello            Type = 0
	TypeError            Type = 1
	TypeEchoRequest      Type = 2
	TypeEchoReply        Type = 3
	TypeExperimenter     Type = 4
	TypeFeaturesRequest  Type = 5
	TypeFeaturesReply    Type = 6
	TypeGetConfigRequest Type = 7
	TypeGetConfigReply   Type = 8
	TypeSetConfig        Type = 9
	TypePacketIn         Type = 10
	TypeFlowRemoved      Type = 11
	TypePortStatus       Type = 12
	TypePacketOut        Type = 13
	TypeFlowMod          Type = 14
	TypeGroupMod         Type = 15
	TypeMultipartRequest Type = 18
	TypeMultipartReply   Type = 19
	TypeBarrierRequest   Type = 20
	TypeBarrierReply     Type = 21
	TypeRoleRequest      Type = 24
	TypeRoleReply        Type = 25
	TypeGetAsyncRequest  Type = 26
	TypeGetAsyncReply    Type = 27
	TypeSetAsync         Type = 28
	TypeMeterMod         Type = 29
	TypeRoleStatus       Type = 30
	TypeBundleControl    Type = 33
	TypeBundleAdd        Type = 34
)

var typeNames = map[Type]string{
	TypeHello: "HELLO", TypeError: "ERROR", TypeEchoRequest: "ECHO_REQUEST", TypeEchoReply: "ECHO_REPLY",
	TypeExperimenter: "EXPERIMENTER", TypeFeaturesRequest: "FEATURES_REQUEST", TypeFeaturesReply: "FEATURES_REPLY",
	TypeGetConfigRequest: "GET_CONFIG_REQUEST", TypeGetConfigReply: "GET_CONFIG_REPLY", TypeSetConfig: "SET_CONFIG",
	TypePacketIn: "PACKET_IN", TypeFlowRemoved: "FLOW_REMOVED", TypePortStatus: "PORT_STATUS",
	TypePacketOut: "PACKET_OUT", TypeFlowMod: "FLOW_MOD", TypeGroupMod: "GROUP_MOD",
	TypeMultipartRequest: "MULTIPART_REQUEST", TypeMultipartReply: "MULTIPART_REPLY",
	TypeBarrierRequest: "BARRIER_REQUEST", TypeBarrierReply: "BARRIER_REPLY",
	TypeRoleRequest: "ROLE_REQUEST", TypeRoleReply: "ROLE_REPLY", TypeGetAsyncRequest: "GET_ASYNC_REQUEST",
	TypeGetAsyncReply: "GET_ASYNC_REPLY", TypeSetAsync: "SET_ASYNC", TypeMeterMod: "METER_MOD", TypeRoleStatus: "ROLE_STATUS",
	TypeBundleControl: "BUNDLE_CONTROL", TypeBundleAdd: "BUNDLE_ADD_MESSAGE",
}

func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return "OFPT_" + s
	}
	return fmt.Sprintf("message type %d", uint8(t))
}

// Message is one OpenFlow message without its transaction id, which belongs to
// the connection it travels on.
type Message interface {
	Type() Type
	// AppendTo appends the whole message, header included.
	AppendTo(b []byte, xid uint32) []byte
}

// Header is what every message begins with.
type Header struct {
	Version uint8
	Type    Type
	Length  int
	XID     uint32
}

// ParseHeader reads the first HeaderLen bytes of a message.
func ParseHeader(b []byte) (Header, error) {
	if len(b) < HeaderLen {
		return Header{}, fmt.Errorf("an OpenFlow header has %d bytes, here are %d", HeaderLen, len(b))
	}
	h := Header{b[0], Type(b[1]), int(binary.BigEndian.Uint16(b[2:])), binary.BigEndian.Uint32(b[4:])}
	if h.Length < HeaderLen {
		return h, fmt.Errorf("%v announces a length of %d, shorter than its header", h.Type, h.Length)
	}
	return h, nil
}

// decoders has a function for every message type known here, each of which
// reads what follows the header.
var decoders map[Type]func(*decoder) Message

func init() {
	// Not an initialiser: decodeBundleAdd calls Parse, which reads the map.
	decoders = map[Type]func(*decoder) Message{
		TypeError:            decodeError,
		TypeEchoRequest:      decodeEchoRequest,
		TypeEchoReply:        decodeEchoReply,
		TypeExperimenter:     decodeExperimenter,
		TypeFeaturesRequest:  func(*decoder) Message { return &FeaturesRequest{} },
		TypeFeaturesReply:    decodeFeaturesReply,
		TypeGetConfigRequest: func(*decoder) Message { return &GetConfigRequest{} },
		TypeGetConfigReply:   decodeGetConfigReply,
		TypeSetConfig:        decodeSetConfig,
		TypePacketIn:         decodePacketIn,
		TypeFlowRemoved:      decodeFlowRemoved,
		TypePortStatus:       decodePortStatus,
		TypePacketOut:        decodePacketOut,
		TypeFlowMod:          decodeFlowMod,
		TypeGroupMod:         decodeGroupMod,
		TypeMultipartRequest: decodeMultipartRequest,
		TypeMultipartReply:   decodeMultipartReply,
		TypeBarrierRequest:   func(*decoder) Message { return &BarrierRequest{} },
		TypeBarrierReply:     func(*decoder) Message { return &BarrierReply{} },
		TypeRoleRequest:      func(d *decoder) Message { return &RoleRequest{decodeRole(d)} },
		TypeRoleReply:        func(d *decoder) Message { return &RoleReply{decodeRole(d)} },
		TypeRoleStatus:       decodeRoleStatus,
		TypeGetAsyncRequest:  func(*decoder) Message { return &GetAsyncRequest{} },
		TypeGetAsyncReply:    func(d *decoder) Message { return &GetAsyncReply{decodeAsync(d)} },
		TypeSetAsync:         func(d *decoder) Message { return &SetAsync{decodeAsync(d)} },
		TypeMeterMod:         decodeMeterMod,
		TypeBundleControl:    decodeBundleControl,
		TypeBundleAdd:        decodeBundleAdd,
	}
}

// Parse decodes the one message that b is. Nothing in the result refers to b.
// A message of an unknown type is kept as UnknownMessage; one of a known type
// that contradicts itself is an error.
func Parse(b []byte) (Message, uint32, error) {
	h, err := ParseHeader(b)
	if err != nil {
		return nil, 0, err
	}
	if h.Length != len(b) {
		return nil, h.XID, fmt.Errorf("%v announces %d bytes, here are %d", h.Type, h.Length, len(b))
	}
	d := &decoder{b: b[HeaderLen:]}
	var m Message
	switch decode := decoders[h.Type]; {
	case h.Type == TypeHello:
		m = decodeHello(h.Version, d) // the one message of any version
	case h.Version != Version && h.Type == TypeError:
		m = decodeError(d) // a refused hello may come in the peer's own version
	case h.Version != Version:
		return nil, h.XID, fmt.Errorf("%v of OpenFlow version 0x%02x, want 0x%02x", h.Type, h.Version, Version)
	case decode == nil:
		m = &UnknownMessage{h.Type, d.rest()}
	default:
		m = decode(d)
	}
	if d.err != nil {
		return nil, h.XID, fmt.Errorf("decode %v: %w", h.Type, d.err)
	}
	return m, h.XID, nil
}

// UnknownMessage is a message of a type that this package does not know.
type UnknownMessage struct {
	MessageType Type
	Body        []byte
}

// Type returns the type it came with.
func (m *UnknownMessage) Type() Type { return m.MessageType }

// AppendTo appends it as it came.
func (m *UnknownMessage) AppendTo(b []byte, xid uint32) []byte {
	start := len(b)
	return finish(append(begin(b, m.MessageType, xid), m.Body...), start)
}

// empty appends a message that is only a header.
func empty(b []byte, t Type, xid uint32) []byte {
	return finish(begin(b, t, xid), len(b))
}
