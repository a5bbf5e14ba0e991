package openflow

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// PushVLAN adds a VLAN tag of an Ethertype.
type PushVLAN struct{ EthType uint16 }

func (a PushVLAN) AppendTo(b []byte) []byte { return appendShort(b, typePushVLAN, a.EthType) }
func (a PushVLAN) String() string           { return fmt.Sprintf("push_vlan:0x%04x", a.EthType) }

// PopVLAN removes the outermost VLAN tag.
type PopVLAN struct{}

func (PopVLAN) AppendTo(b []byte) []byte { return appendShort(b, typePopVLAN, 0) }
func (PopVLAN) String() string           { return "pop_vlan" }

// PushMPLS adds an MPLS label and sets the Ethertype.
type PushMPLS struct{ EthType uint16 }

func (a PushMPLS) AppendTo(b []byte) []byte { return appendShort(b, typePushMPLS, a.EthType) }
func (a PushMPLS) String() string           { return fmt.Sprintf("push_mpls:0x%04x", a.EthType) }

// PopMPLS removes the outermost MPLS label and sets the Ethertype.
type PopMPLS struct{ EthType uint16 }

func (a PopMPLS) AppendTo(b []byte) []byte { return appendShort(b, typePopMPLS, a.EthType) }
func (a PopMPLS) String() string           { return fmt.Sprintf("pop_mpls:0x%04x", a.EthType) }

// SetMPLSTTL sets the TTL of the outermost MPLS label.
type SetMPLSTTL struct{ TTL uint8 }

func (a SetMPLSTTL) AppendTo(b []byte) []byte {
	return appendShort(b, typeSetMPLSTTL, uint16(a.TTL)<<8)
}
func (a SetMPLSTTL) String() string { return fmt.Sprintf("set_mpls_ttl(%d)", a.TTL) }

// DecMPLSTTL decrements the TTL of the outermost MPLS label.
type DecMPLSTTL struct{}

func (DecMPLSTTL) AppendTo(b []byte) []byte { return appendShort(b, typeDecMPLSTTL, 0) }
func (DecMPLSTTL) String() string           { return "dec_mpls_ttl" }

// SetTTL sets the IP TTL or hop limit.
type SetTTL struct{ TTL uint8 }

func (a SetTTL) AppendTo(b []byte) []byte { return appendShort(b, typeSetTTL, uint16(a.TTL)<<8) }
func (a SetTTL) String() string           { return fmt.Sprintf("mod_nw_ttl:%d", a.TTL) }

// DecTTL decrements the IP TTL or hop limit. A packet that would reach zero goes
// to the controllers with id 0, or to those in Controllers.
type DecTTL struct{ Controllers []uint16 }

func (a DecTTL) AppendTo(b []byte) []byte {
	if len(a.Controllers) == 0 {
		return appendShort(b, typeDecTTL, 0)
	}
	start := len(b)
	b = beginNicira(b, nxDecTTLIDs)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Controllers)))
	b = append(b, 0, 0, 0, 0)
	for _, id := range a.Controllers {
		b = binary.BigEndian.AppendUint16(b, id)
	}
	return end(b, start)
}

func (a DecTTL) String() string {
	if len(a.Controllers) == 0 {
		return "dec_ttl"
	}
	ids := make([]string, len(a.Controllers))
	for i, id := range a.Controllers {
		ids[i] = strconv.Itoa(int(id))
	}
	return "dec_ttl(" + strings.Join(ids, ",") + ")"
}

func parseDecTTLIDs(body []byte) Action {
	n := int(binary.BigEndian.Uint16(body))
	if len(body) < 6+2*n {
		return nil
	}
	a := DecTTL{Controllers: make([]uint16, n)}
	for i := range a.Controllers {
		a.Controllers[i] = binary.BigEndian.Uint16(body[6+2*i:])
	}
	return a
}

// SetQueue chooses the queue for outputs that follow.
type SetQueue struct{ Queue uint32 }

func (a SetQueue) AppendTo(b []byte) []byte {
	b = append(b, 0, typeSetQueue, 0, 8)
	return binary.BigEndian.AppendUint32(b, a.Queue)
}

func (a SetQueue) String() string { return fmt.Sprintf("set_queue:%d", a.Queue) }

// PopQueue goes back to the queue that the packet had at first.
type PopQueue struct{}

func (PopQueue) AppendTo(b []byte) []byte { return appendPlain(b, nxPopQueue) }
func (PopQueue) String() string           { return "pop_queue" }

// CheckPktLarger sets a bit to whether the packet, with its Ethernet header, is
// longer than Len bytes.
type CheckPktLarger struct {
	Len uint16
	Dst Subfield // of one bit
}

func (a CheckPktLarger) AppendTo(b []byte) []byte {
	start := len(b)
	b = beginNicira(b, nxCheckPktLarger)
	b = binary.BigEndian.AppendUint16(b, a.Len)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Dst.Lo))
	b = a.Dst.Field.nxm.appendTo(b)
	return end(append(b, make([]byte, 24-(len(b)-start))...), start)
}

func (a CheckPktLarger) String() string { return fmt.Sprintf("check_pkt_larger(%d)->%v", a.Len, a.Dst) }

func parseCheckPktLarger(body []byte) Action {
	h, _, err := parseHeader(body[4:])
	if err != nil || len(body) != 14 {
		return nil
	}
	return CheckPktLarger{
		Len: binary.BigEndian.Uint16(body),
		Dst: Subfield{actionField(h), int(binary.BigEndian.Uint16(body[2:])), 1},
	}
}

// appendShort appends a standard action of eight bytes.
func appendShort(b []byte, t, argument uint16) []byte {
	return append(b, byte(t>>8), byte(t), 0, 8, byte(argument>>8), byte(argument), 0, 0)
}

// appendPlain appends a Nicira action without arguments.
func appendPlain(b []byte, subtype uint16) []byte {
	start := len(b)
	return end(append(beginNicira(b, subtype), 0, 0, 0, 0, 0, 0), start)
}
