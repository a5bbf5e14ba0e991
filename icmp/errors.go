package icmp

import (
	"errors"
	"net/netip"
)

// TimeExceeded returns the Ethernet frame which tells the sender of a received
// frame that its packet's TTL, or hop limit, ended here. The answer comes from
// an address of the router in the sender's network and from its MAC. If there
// must be no answer, the error says why.
//
// The received frame may be cut short; what is quoted of it then is short, too.
func TimeExceeded(received []byte, from netip.Addr, mac [6]byte) ([]byte, error) {
	p, err := parse(received, from)
	if err != nil {
		return nil, err
	}
	if p.v6 {
		return p.answer6(3, 0, 0, from, mac), nil
	}
	return p.answer4(11, 0, 0, from, mac), nil
}

// TooBig is TimeExceeded for a packet that does not fit into the next link,
// which takes packets of mtu bytes.
func TooBig(received []byte, mtu uint16, from netip.Addr, mac [6]byte) ([]byte, error) {
	p, err := parse(received, from)
	if err != nil {
		return nil, err
	}
	if p.v6 {
		return p.answer6(2, 0, uint32(mtu), from, mac), nil
	}
	if !p.dontFragment {
		return nil, errors.New("the packet may be fragmented")
	}
	return p.answer4(3, 4, uint32(mtu), from, mac), nil // RFC 1191 section 4
}

// Sender returns the IP address that a received frame says it comes from, for
// who has to choose the address to answer from.
func Sender(received []byte) (netip.Addr, bool) {
	_, ip, err := network(received)
	if err != nil {
		return netip.Addr{}, false
	}
	src, _ := addresses(ip)
	return src, true
}
