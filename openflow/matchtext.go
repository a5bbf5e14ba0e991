package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// String is the match as ovs-ofctl prints it: the fields in an order of its own,
// and the protocol, where it has a word, instead of eth_type and ip_proto.
func (m Match) String() string { return m.Format(Names{}) }

// Format is String with names for ports.
func (m Match) Format(n Names) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	word, saysProto := m.protocol()
	for _, f := range textOrder {
		switch v, has := m.find(f); {
		case f == protocolWord:
			add(word)
		case f == VLANVID:
			add(m.vlanText())
		case !has, f == EthType && word != "", f == IPProto && saysProto:
		case f == PacketType && isZero(v.Value): // Ethernet goes without saying
		case f == IPProto && m.isARP():
			add("arp_op=" + f.exactText(v.Value, n))
		default:
			add(v.matchText(n))
		}
	}
	for _, v := range m {
		if !slices.Contains(textOrder, v.Field.table) && v.Field.table != VLANPCP && v.Field.table != VLANTCI {
			add(v.matchText(n))
		}
	}
	return strings.Join(parts, ",")
}

// protocolWord stands in textOrder where the word for the protocol is printed.
var protocolWord = &Field{Name: "protocol"}

// textOrder is the order of fields in the text of a match.
var textOrder = slices.Concat([]*Field{
	PktMark, ConjID, ActsetOutput,
	CTState, CTZone, CTMark, CTLabel,
	CTNWSrc, CTIPv6Src, CTNWDst, CTIPv6Dst, CTNWProto, CTTPSrc, CTTPDst,
	PacketType,
	protocolWord,
}, Reg[:], XReg[:], XXReg[:], []*Field{
	TunID, TunSrc, TunDst, TunIPv6Src, TunIPv6Dst, TunGBPID, TunGBPFlags, TunFlags,
}, TunMetadata[:], []*Field{
	Metadata, InPort, InPort16, VLANVID, EthSrc, EthDst, EthType,
	IPv6Src, IPv6Dst, IPv6Label, ARPSPA, ARPTPA, IPv4Src, IPv4Dst,
	IPProto, ARPOp, ARPSHA, ARPTHA, IPDSCP, IPTOS, IPECN, IPTTL,
	MPLSLabel, MPLSTC, MPLSTTL, MPLSBOS, IPFrag,
	ICMPv4Type, ICMPv4Code, ICMPv6Type, ICMPv6Code,
	NDTarget, NDSLL, NDTLL, NDReserved, NDOptionsType,
	TCPSrc, TCPDst, UDPSrc, UDPDst, SCTPSrc, SCTPDst, TCPFlags,
})

// find is the value of f in m, under either of its headers.
func (m Match) find(f *Field) (v FieldValue, has bool) {
	for _, v := range m {
		if v.Field.table == f {
			return v, true
		}
	}
	return FieldValue{}, false
}

// number is the value of a field of up to eight bytes that m matches exactly.
func (m Match) number(f *Field) (uint64, bool) {
	v, has := m.find(f)
	if !has || v.Mask != nil {
		return 0, false
	}
	return number(v.Value), true
}

// Ethertypes and IP protocols that have a word in ovs-ofctl.
const (
	ethIPv4  = 0x0800
	ethARP   = 0x0806
	ethRARP  = 0x8035
	ethIPv6  = 0x86dd
	ethMPLS  = 0x8847
	ethMPLSM = 0x8848

	ipICMP   = 1
	ipTCP    = 6
	ipUDP    = 17
	ipICMPv6 = 58
	ipSCTP   = 132
)

var (
	etherWords = map[uint64]string{
		ethIPv4: "ip", ethARP: "arp", ethRARP: "rarp", ethIPv6: "ipv6", ethMPLS: "mpls", ethMPLSM: "mplsm",
	}
	ipv4Words = map[uint64]string{ipICMP: "icmp", ipTCP: "tcp", ipUDP: "udp", ipSCTP: "sctp"}
	ipv6Words = map[uint64]string{ipICMPv6: "icmp6", ipTCP: "tcp6", ipUDP: "udp6", ipSCTP: "sctp6"}
)

// protocol is the word for the Ethertype and, if it says that too, the IP
// protocol.
func (m Match) protocol() (word string, saysProto bool) {
	ethType, has := m.number(EthType)
	if !has {
		return "", false
	}
	if proto, has := m.number(IPProto); has {
		switch ethType {
		case ethIPv4:
			word, saysProto = ipv4Words[proto]
		case ethIPv6:
			word, saysProto = ipv6Words[proto]
		}
	}
	if !saysProto {
		word = etherWords[ethType]
	}
	return word, saysProto
}

func (m Match) isARP() bool {
	ethType, _ := m.number(EthType)
	return ethType == ethARP || ethType == ethRARP
}

// Parts of a VLAN tag's control information.
const (
	vlanPCP     = 0xe000
	vlanPresent = 0x1000
	vlanVID     = 0x0fff
)

// vlanText prints what is matched of the TCI in the simplest form that says it.
func (m Match) vlanText() string {
	tci, mask := m.vlanTCI()
	vid, pcp := mask&vlanVID, mask&vlanPCP
	switch {
	case mask == 0:
		return ""
	case tci&mask&vlanPresent != 0 && (vid == 0 || vid == vlanVID) && (pcp == 0 || pcp == vlanPCP) && vid|pcp != 0:
		var parts []string
		if vid != 0 {
			parts = append(parts, fmt.Sprintf("dl_vlan=%d", tci&vlanVID))
		}
		if pcp != 0 {
			parts = append(parts, fmt.Sprintf("dl_vlan_pcp=%d", tci>>13))
		}
		return strings.Join(parts, ",")
	case mask == 0xffff:
		return fmt.Sprintf("vlan_tci=0x%04x", tci)
	}
	return fmt.Sprintf("vlan_tci=0x%04x/0x%04x", tci, mask)
}

// vlanTCI is what is matched of the TCI, from the fields that hold parts of it.
func (m Match) vlanTCI() (tci, mask uint16) {
	for _, part := range []struct {
		field *Field
		full  uint16
		shift int
	}{{VLANTCI, 0xffff, 0}, {VLANVID, vlanPresent | vlanVID, 0}, {VLANPCP, 7, 13}} {
		v, has := m.find(part.field)
		if !has {
			continue
		}
		full := part.full
		if v.Mask != nil {
			full = uint16(number(v.Mask))
		}
		tci |= uint16(number(v.Value)) << part.shift
		mask |= full << part.shift
	}
	return tci, mask
}

// matchText is one field as a match prints it.
func (v FieldValue) matchText(n Names) string {
	f := v.Field
	return f.matchName + "=" + func() string {
		switch {
		case f.table == EthType:
			return fmt.Sprintf("0x%04x", number(v.Value))
		case f.table == IPDSCP:
			return fmt.Sprint(number(v.Value) << 2)
		case f.table == IPv6Label && v.Mask == nil:
			return fmt.Sprintf("0x%05x", number(v.Value))
		case f.table == IPv6Label:
			return fmt.Sprintf("0x%05x/0x%05x", number(v.Value), number(v.Mask))
		case f.table == CTZone:
			return fmt.Sprint(number(v.Value))
		case f.table == TunGBPFlags:
			return hexText(v.Value) // OVS leaves its mask out
		case f.format == decimal && v.Mask != nil:
			return fmt.Sprintf("0x%x/0x%x", number(v.Value), number(v.Mask))
		case f.format == ctState && isFull(v.Mask, f.always):
			return f.exactText(v.Value, n)
		}
		return f.text(v.Value, v.Mask, n)
	}()
}

func isFull(mask []byte, full uint64) bool {
	return bytes.Equal(mask, binary.BigEndian.AppendUint64(nil, full)[8-len(mask):])
}
