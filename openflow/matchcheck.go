package openflow

import "fmt"

// Check says why OVS would refuse the match: a field twice, a mask that it may
// not have, or something that it needs missing before it.
func (m Match) Check() error {
	for i, v := range m {
		f := v.Field
		if _, twice := m[:i].find(f.table); twice {
			return fmt.Errorf("check match %v: %v is in it twice", m, f)
		}
		if v.Mask != nil && !f.Maskable {
			return fmt.Errorf("check match %v: %v cannot be masked", m, f)
		}
		for j, mask := range v.Mask {
			if v.Value[j]&^mask != 0 {
				return fmt.Errorf("check match %v: the value of %v has bits outside its mask", m, f)
			}
		}
		if !m[:i].has(f.needs) {
			return fmt.Errorf("check match %v: before %v there must be %s", m, f, needNames[f.needs])
		}
	}
	return nil
}

// needNames are the needs in the words of matches.
var needNames = map[need]string{
	vlanTag:        "a VLAN tag (vlan_vid with 0x1000)",
	isMPLS:         "eth_type 0x8847 or 0x8848",
	isARP:          "eth_type 0x0806 or 0x8035",
	isIP:           "eth_type 0x0800 or 0x86dd",
	isIPv4:         "eth_type 0x0800",
	isIPv6:         "eth_type 0x86dd",
	isTCP:          "eth_type 0x0800 or 0x86dd and nw_proto 6",
	isUDP:          "eth_type 0x0800 or 0x86dd and nw_proto 17",
	isSCTP:         "eth_type 0x0800 or 0x86dd and nw_proto 132",
	isICMPv4:       "eth_type 0x0800 and nw_proto 1",
	isICMPv6:       "eth_type 0x86dd and nw_proto 58",
	isND:           "eth_type 0x86dd, nw_proto 58 and icmpv6_type 135 or 136",
	isNDSolicit:    "eth_type 0x86dd, nw_proto 58 and icmpv6_type 135",
	isNDAdvert:     "eth_type 0x86dd, nw_proto 58 and icmpv6_type 136",
	isTracked:      "ct_state with +new, +est, +rel, +rpl, +snat, +dnat or +trk-inv",
	isTrackedIPv4:  "eth_type 0x0800 and ct_state as for ct_nw_proto",
	isTrackedIPv6:  "eth_type 0x86dd and ct_state as for ct_nw_proto",
	isTrackedPorts: "ct_nw_proto 6, 17 or 132",
}

// Types of ICMPv6 that carry a target (RFC 4861, 4.3 and 4.4).
const (
	ndSolicit = 135
	ndAdvert  = 136
)

func (m Match) has(n need) bool {
	ethType, _ := m.number(EthType)
	proto, _ := m.number(IPProto)
	ipv4, ipv6 := ethType == ethIPv4, ethType == ethIPv6
	ndType := uint64(0)
	if ipv6 && proto == ipICMPv6 {
		ndType = m.ndType()
	}
	switch n {
	case vlanTag:
		v, has := m.find(VLANVID)
		return has && number(v.Value)&vlanPresent != 0
	case isMPLS:
		return ethType == ethMPLS || ethType == ethMPLSM
	case isARP:
		return m.isARP()
	case isIP:
		return ipv4 || ipv6
	case isIPv4:
		return ipv4
	case isIPv6:
		return ipv6
	case isTCP:
		return (ipv4 || ipv6) && proto == ipTCP && !m.isLaterFragment()
	case isUDP:
		return (ipv4 || ipv6) && proto == ipUDP && !m.isLaterFragment()
	case isSCTP:
		return (ipv4 || ipv6) && proto == ipSCTP && !m.isLaterFragment()
	case isICMPv4:
		return ipv4 && proto == ipICMP
	case isICMPv6:
		return ipv6 && proto == ipICMPv6
	case isND:
		return ndType == ndSolicit || ndType == ndAdvert
	case isNDSolicit:
		return ndType == ndSolicit
	case isNDAdvert:
		return ndType == ndAdvert
	case isTracked:
		return m.isTracked()
	case isTrackedIPv4:
		return m.isTracked() && ipv4
	case isTrackedIPv6:
		return m.isTracked() && ipv6
	case isTrackedPorts:
		ctProto, _ := m.number(CTNWProto)
		return m.isTracked() && (ctProto == ipTCP || ctProto == ipUDP || ctProto == ipSCTP)
	}
	return true
}

// isLaterFragment is whether the packets are fragments without ports.
func (m Match) isLaterFragment() bool {
	frag, has := m.find(IPFrag)
	return has && frag.Value[0]&fragLater != 0
}

// ndType is the type of ICMPv6 packets that can be neighbour discovery, or 0.
// They have code 0, which a match need not say.
func (m Match) ndType() uint64 {
	if code, _ := m.number(ICMPv6Code); code != 0 {
		return 0
	}
	t, _ := m.number(ICMPv6Type)
	return t
}

// isTracked is whether m matches only packets that belong to a connection:
// OVS wants one of the flags that imply it, or tracked and not invalid.
func (m Match) isTracked() bool {
	const implies = 0b1100_1111 // new, est, rel, rpl, snat, dnat
	v, has := m.find(CTState)
	if !has {
		return false
	}
	state, mask := number(v.Value), uint64(0xff)
	if v.Mask != nil {
		mask = number(v.Mask)
	}
	return state&implies != 0 || state&ctTracked != 0 && mask&ctInvalid != 0 && state&ctInvalid == 0
}

const (
	ctInvalid = 1 << 4
	ctTracked = 1 << 5
)
