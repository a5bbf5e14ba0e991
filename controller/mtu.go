package controller

import "fmt"

const (
	defaultUnderlayMTU = 1500
	leastIPv6MTU       = 1280

	// What VXLAN puts around an inner IP packet: the inner Ethernet header
	// (14), VXLAN (8), UDP (8), and the outer IP header (20 or 40).
	vxlanOverhead   = 50
	vxlanOverheadV6 = 70
)

// underlayLimit is the largest MTU that the underlay of all known hosts
// carries, and the host that limits it.
func (v view) underlayLimit() (limit int, host string) {
	for h := range all[hostRecord](v, tableHost) {
		mtu := h.UnderlayMTU
		if mtu == 0 {
			mtu = defaultUnderlayMTU
		}
		if limit == 0 || mtu-h.overhead() < limit {
			limit, host = mtu-h.overhead(), h.Name
		}
	}
	return limit, host
}

func (h *hostRecord) overhead() int {
	if h.VTEP.Is6() {
		return vxlanOverheadV6
	}
	return vxlanOverhead
}

// carried is the size of the largest IP packet of a network that reaches every
// host, where the underlay carries so many bytes; 0 if that is not known.
func (n *networkRecord) carried(limit int) int {
	if limit == 0 {
		return n.MTU
	}
	return min(n.MTU, limit)
}

func (t *tx) chooseMTU() int {
	if limit, _ := t.underlayLimit(); limit > 0 {
		return max(limit, leastIPv6MTU)
	}
	return defaultUnderlayMTU - vxlanOverhead
}

func mtuMessage(mtu, limit int, host string) string {
	return fmt.Sprintf("an MTU of %d is more than the underlay carries: host %s limits it to %d, larger packets do not get through; PUT the network with a smaller mtu, or raise the underlay's and that host's external_ids:weft-underlay-mtu", mtu, host, limit)
}
