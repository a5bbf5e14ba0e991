package openflow

import "strconv"

// A need is what a match must contain before a field may appear in it
// (man ovs-fields, "Prerequisites").
type need uint8

const (
	nothing need = iota
	vlanTag
	isMPLS
	isARP
	isIP
	isIPv4
	isIPv6
	isTCP
	isUDP
	isSCTP
	isICMPv4
	isICMPv6
	isND
	isNDSolicit
	isNDAdvert
	isTracked
	isTrackedIPv4
	isTrackedIPv6
	isTrackedPorts
)

// The fields of Open vSwitch, in the order in which it dumps them in a match.
// Each is defined by its name in set_field, the bits that may be set and the
// bytes of a value, whether it can be masked, the format of its values, what it
// needs, and its names and numbers on the wire: the OXM one, which matches and
// set_field use, and the NXM one, which move and load use. Where there is only
// one, both use that. printed is the name in a match.
//
// Left out, and so kept as they come, are the fields of NSH, and those of ERSPAN
// and GTP-U, which OVS 3.1 dumps with a wrong mask or, if they are zero, not at
// all.
var (
	ConjID       = define("conj_id", 32, 4, exact, decimal, nothing, nx("CONJ_ID", 37))
	InPort       = define("in_port_oxm", 32, 4, exact, port, nothing, oxm("IN_PORT", 0)).printed("in_port")
	ActsetOutput = define("actset_output", 32, 4, exact, port, nothing, onfET("ACTSET_OUTPUT", 43))
	PacketType   = define("packet_type", 32, 4, exact, packetType, nothing, oxm("PACKET_TYPE", 44))

	EthSrc  = define("eth_src", 48, 6, maskable, ethernet, nothing, oxm("ETH_SRC", 4), of("ETH_SRC", 2)).printed("dl_src")
	EthDst  = define("eth_dst", 48, 6, maskable, ethernet, nothing, oxm("ETH_DST", 3), of("ETH_DST", 1)).printed("dl_dst")
	EthType = define("eth_type", 16, 2, exact, hexadecimal, nothing, oxm("ETH_TYPE", 5), of("ETH_TYPE", 3)).printed("dl_type")

	VLANVID = define("vlan_vid", 12, 2, maskable, decimal, nothing, oxm("VLAN_VID", 6)).holding(0x1fff)
	VLANPCP = define("vlan_pcp", 3, 1, exact, decimal, vlanTag, oxm("VLAN_PCP", 7))

	MPLSTC    = define("mpls_tc", 3, 1, exact, decimal, isMPLS, oxm("MPLS_TC", 35))
	MPLSBOS   = define("mpls_bos", 1, 1, exact, decimal, isMPLS, oxm("MPLS_BOS", 36))
	MPLSTTL   = define("mpls_ttl", 8, 1, exact, decimal, isMPLS, nx("MPLS_TTL", 30))
	MPLSLabel = define("mpls_label", 20, 4, exact, decimal, isMPLS, oxm("MPLS_LABEL", 34))

	IPv4Src   = define("ip_src", 32, 4, maskable, address, isIPv4, oxm("IPV4_SRC", 11), of("IP_SRC", 7)).printed("nw_src")
	IPv4Dst   = define("ip_dst", 32, 4, maskable, address, isIPv4, oxm("IPV4_DST", 12), of("IP_DST", 8)).printed("nw_dst")
	IPv6Src   = define("ipv6_src", 128, 16, maskable, address, isIPv6, oxm("IPV6_SRC", 26), nx("IPV6_SRC", 19))
	IPv6Dst   = define("ipv6_dst", 128, 16, maskable, address, isIPv6, oxm("IPV6_DST", 27), nx("IPV6_DST", 20))
	IPFrag    = define("nw_frag", 2, 1, maskable, fragment, isIP, nx("IP_FRAG", 26))
	IPDSCP    = define("ip_dscp", 6, 1, exact, decimal, isIP, oxm("IP_DSCP", 8)).printed("nw_tos")
	IPECN     = define("nw_ecn", 2, 1, exact, decimal, isIP, oxm("IP_ECN", 9), nx("IP_ECN", 28))
	IPTTL     = define("nw_ttl", 8, 1, exact, decimal, isIP, nx("IP_TTL", 29))
	IPv6Label = define("ipv6_label", 20, 4, maskable, hexadecimal, isIPv6, oxm("IPV6_FLABEL", 28), nx("IPV6_LABEL", 27))
	IPProto   = define("nw_proto", 8, 1, exact, decimal, isIP, oxm("IP_PROTO", 10), of("IP_PROTO", 6))

	TCPSrc   = define("tcp_src", 16, 2, maskable, decimal, isTCP, oxm("TCP_SRC", 13), of("TCP_SRC", 9)).printed("tp_src")
	TCPDst   = define("tcp_dst", 16, 2, maskable, decimal, isTCP, oxm("TCP_DST", 14), of("TCP_DST", 10)).printed("tp_dst")
	TCPFlags = define("tcp_flags", 12, 2, maskable, tcpFlags, isTCP, onfET("TCP_FLAGS", 42), nx("TCP_FLAGS", 34))
	UDPSrc   = define("udp_src", 16, 2, maskable, decimal, isUDP, oxm("UDP_SRC", 15), of("UDP_SRC", 11)).printed("tp_src")
	UDPDst   = define("udp_dst", 16, 2, maskable, decimal, isUDP, oxm("UDP_DST", 16), of("UDP_DST", 12)).printed("tp_dst")
	SCTPSrc  = define("sctp_src", 16, 2, maskable, decimal, isSCTP, oxm("SCTP_SRC", 17)).printed("tp_src")
	SCTPDst  = define("sctp_dst", 16, 2, maskable, decimal, isSCTP, oxm("SCTP_DST", 18)).printed("tp_dst")

	ICMPv4Type    = define("icmp_type", 8, 1, exact, decimal, isICMPv4, oxm("ICMPV4_TYPE", 19), of("ICMP_TYPE", 13))
	ICMPv4Code    = define("icmp_code", 8, 1, exact, decimal, isICMPv4, oxm("ICMPV4_CODE", 20), of("ICMP_CODE", 14))
	ICMPv6Type    = define("icmpv6_type", 8, 1, exact, decimal, isICMPv6, oxm("ICMPV6_TYPE", 29), nx("ICMPV6_TYPE", 21)).printed("icmp_type")
	ICMPv6Code    = define("icmpv6_code", 8, 1, exact, decimal, isICMPv6, oxm("ICMPV6_CODE", 30), nx("ICMPV6_CODE", 22)).printed("icmp_code")
	NDReserved    = define("nd_reserved", 32, 4, exact, decimal, isND, ericsson("ICMPV6_ND_RESERVED", 1))
	NDTarget      = define("nd_target", 128, 16, maskable, address, isND, oxm("IPV6_ND_TARGET", 31), nx("ND_TARGET", 23))
	NDOptionsType = define("nd_options_type", 8, 1, exact, decimal, isND, ericsson("ICMPV6_ND_OPTIONS_TYPE", 2))
	NDSLL         = define("nd_sll", 48, 6, maskable, ethernet, isNDSolicit, oxm("IPV6_ND_SLL", 32), nx("ND_SLL", 24))
	NDTLL         = define("nd_tll", 48, 6, maskable, ethernet, isNDAdvert, oxm("IPV6_ND_TLL", 33), nx("ND_TLL", 25))

	ARPOp  = define("arp_op", 16, 2, exact, decimal, isARP, oxm("ARP_OP", 21), of("ARP_OP", 15)).holding(0xff)
	ARPSPA = define("arp_spa", 32, 4, maskable, address, isARP, oxm("ARP_SPA", 22), of("ARP_SPA", 16))
	ARPTPA = define("arp_tpa", 32, 4, maskable, address, isARP, oxm("ARP_TPA", 23), of("ARP_TPA", 17))
	ARPSHA = define("arp_sha", 48, 6, maskable, ethernet, isARP, oxm("ARP_SHA", 24), nx("ARP_SHA", 17))
	ARPTHA = define("arp_tha", 48, 6, maskable, ethernet, isARP, oxm("ARP_THA", 25), nx("ARP_THA", 18))

	TunID       = define("tun_id", 64, 8, maskable, hexadecimal, nothing, oxm("TUNNEL_ID", 38), nx("TUN_ID", 16))
	TunFlags    = define("tun_flags", 1, 2, maskable, tunFlags, nothing, nx("TUN_FLAGS", 104)).alwaysMasked(1)
	TunSrc      = define("tun_src", 32, 4, maskable, address, nothing, nx("TUN_IPV4_SRC", 31))
	TunDst      = define("tun_dst", 32, 4, maskable, address, nothing, nx("TUN_IPV4_DST", 32))
	TunIPv6Src  = define("tun_ipv6_src", 128, 16, maskable, address, nothing, nx("TUN_IPV6_SRC", 109))
	TunIPv6Dst  = define("tun_ipv6_dst", 128, 16, maskable, address, nothing, nx("TUN_IPV6_DST", 110))
	TunGBPID    = define("tun_gbp_id", 16, 2, maskable, decimal, nothing, nx("TUN_GBP_ID", 38))
	TunGBPFlags = define("tun_gbp_flags", 8, 1, maskable, hexadecimal, nothing, nx("TUN_GBP_FLAGS", 39))
	TunMetadata = tunnelMetadata()

	Reg   = registers()
	XReg  = extendedRegisters()
	XXReg = doubleExtendedRegisters()

	PktMark   = define("pkt_mark", 32, 4, maskable, hexadecimal, nothing, nx("PKT_MARK", 33))
	CTState   = define("ct_state", 32, 4, maskable, ctState, nothing, nx("CT_STATE", 105)).alwaysMasked(0xff)
	CTZone    = define("ct_zone", 16, 2, exact, hexadecimal, nothing, nx("CT_ZONE", 106))
	CTMark    = define("ct_mark", 32, 4, maskable, hexadecimal, nothing, nx("CT_MARK", 107))
	CTLabel   = define("ct_label", 128, 16, maskable, hexadecimal, nothing, nx("CT_LABEL", 108))
	CTNWSrc   = define("ct_nw_src", 32, 4, maskable, address, isTrackedIPv4, nx("CT_NW_SRC", 120))
	CTNWDst   = define("ct_nw_dst", 32, 4, maskable, address, isTrackedIPv4, nx("CT_NW_DST", 121))
	CTIPv6Src = define("ct_ipv6_src", 128, 16, maskable, address, isTrackedIPv6, nx("CT_IPV6_SRC", 122))
	CTIPv6Dst = define("ct_ipv6_dst", 128, 16, maskable, address, isTrackedIPv6, nx("CT_IPV6_DST", 123))
	CTNWProto = define("ct_nw_proto", 8, 1, exact, decimal, isTracked, nx("CT_NW_PROTO", 119))
	CTTPSrc   = define("ct_tp_src", 16, 2, maskable, decimal, isTrackedPorts, nx("CT_TP_SRC", 124))
	CTTPDst   = define("ct_tp_dst", 16, 2, maskable, decimal, isTrackedPorts, nx("CT_TP_DST", 125))

	Metadata = define("metadata", 64, 8, maskable, hexadecimal, nothing, oxm("METADATA", 2))

	// These two come back from a dump of OpenFlow 1.4 as other fields, in_port_oxm
	// and vlan_vid with vlan_pcp. Actions name them.
	InPort16 = define("in_port", 16, 2, exact, port, nothing, of("IN_PORT", 0))
	VLANTCI  = define("vlan_tci", 16, 2, maskable, hexadecimal, nothing, of("VLAN_TCI", 4))
	// nw_tos is ip_dscp, not shifted. Only actions name it.
	IPTOS = define("nw_tos", 8, 1, exact, decimal, isIP, of("IP_TOS", 5))
)

const (
	exact    = false
	maskable = true
)

func registers() (regs [16]*Field) {
	for i := range regs {
		n := strconv.Itoa(i)
		regs[i] = define("reg"+n, 32, 4, maskable, hexadecimal, nothing, nx("REG"+n, uint8(i)))
	}
	return regs
}

// extendedRegisters are pairs of registers: xreg0 is reg0 and reg1. A match on
// one comes back from a dump as matches on the registers.
func extendedRegisters() (regs [8]*Field) {
	for i := range regs {
		n := strconv.Itoa(i)
		regs[i] = define("xreg"+n, 64, 8, maskable, hexadecimal, nothing, wireName{"OXM_OF_PKT_REG" + n, 0x8001, uint8(i), 0})
	}
	return regs
}

// doubleExtendedRegisters are four registers each.
func doubleExtendedRegisters() (regs [4]*Field) {
	for i := range regs {
		n := strconv.Itoa(i)
		regs[i] = define("xxreg"+n, 128, 16, maskable, hexadecimal, nothing, nx("XXREG"+n, uint8(111+i)))
	}
	return regs
}

// tunnelMetadata are the Geneve options that the switch's TLV table maps. Their
// length is the option's, up to 124 bytes.
func tunnelMetadata() (fields [64]*Field) {
	for i := range fields {
		n := strconv.Itoa(i)
		fields[i] = define("tun_metadata"+n, 124*8, 0, maskable, hexadecimal, nothing, nx("TUN_METADATA"+n, uint8(40+i)))
	}
	return fields
}

// A wireName is a field's name and number in one class of OXM.
type wireName struct {
	name         string
	class        uint16
	field        uint8
	experimenter uint32
}

func oxm(name string, n uint8) wireName      { return wireName{"OXM_OF_" + name, 0x8000, n, 0} }
func of(name string, n uint8) wireName       { return wireName{"NXM_OF_" + name, 0x0000, n, 0} }
func nx(name string, n uint8) wireName       { return wireName{"NXM_NX_" + name, 0x0001, n, 0} }
func ericsson(name string, n uint8) wireName { return wireName{"ERICOXM_OF_" + name, 0x1000, n, 0} }
func onfET(name string, n uint8) wireName {
	return wireName{"ONFOXM_ET_" + name, experimenterClass, n, onf}
}
