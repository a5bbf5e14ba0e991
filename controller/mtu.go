package controller

import (
	"fmt"

	"github.com/weft-sdn/weft/model"
)

const (
	defaultUnderlayMTU = 1500
	leastIPv6MTU       = 1280

	outerIPv6     = 20 // by which an outer IPv6 header is longer than one of IPv4
	relayOverhead = 4  // the tag that names the destination (IEEE 802.1Q, section 9.5)
)

// overheads are what tunnels over IPv4 put around an inner IP packet: the inner
// Ethernet header (14), the outer IP header (20), and between them
//
//   - VXLAN (8) and UDP (8): RFC 7348, section 5
//   - Geneve without options (8) and UDP (8): RFC 8926, section 3
//   - GRE (4) with a key (4): RFC 2890, section 2
var overheads = map[string]int{model.VXLAN: 50, model.Geneve: 50, model.GRE: 42}

// limit is the largest MTU that the underlay of all hosts carries, and the host
// that limits it; 0 if there are no hosts.
type limit struct {
	mtu  int
	host string
}

// underlayLimits are the limits by encapsulation.
func (v view) underlayLimits() map[string]limit {
	var least limit // before any tunnel
	for h := range all[hostRecord](v, tableHost) {
		mtu := h.UnderlayMTU
		if mtu == 0 {
			mtu = defaultUnderlayMTU
		}
		if h.VTEP.Is6() {
			mtu -= outerIPv6
		}
		if least.mtu == 0 || mtu < least.mtu {
			least = limit{mtu, h.Name}
		}
	}
	if least.mtu == 0 {
		return nil
	}
	if v.declaredUnderlay() != nil {
		least.mtu -= relayOverhead
	}
	limits := make(map[string]limit, len(overheads))
	for encap, overhead := range overheads {
		limits[encap] = limit{least.mtu - overhead, least.host}
	}
	return limits
}

// carried is the size of the largest IP packet of a network that reaches every
// host, where the underlay carries so many bytes; 0 if that is not known.
func (n *networkRecord) carried(limits map[string]limit) int {
	limit := limits[n.Encap].mtu
	if limit == 0 {
		return n.MTU
	}
	return min(n.MTU, limit)
}

func (t *tx) chooseMTU(encap string) int {
	limit := t.underlayLimits()[encap].mtu
	if limit == 0 {
		limit = defaultUnderlayMTU - overheads[encap]
	}
	return max(limit, leastIPv6MTU)
}

func mtuMessage(mtu int, limit limit) string {
	return fmt.Sprintf("an MTU of %d is more than the underlay carries: host %s limits it to %d, larger packets do not get through; PUT the network with a smaller mtu, or raise the underlay's and that host's external_ids:weft-underlay-mtu", mtu, limit.host, limit.mtu)
}
