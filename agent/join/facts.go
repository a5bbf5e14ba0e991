package join

import (
	"cmp"
	"net/netip"
	"strconv"

	"github.com/weft-sdn/weft/membership"
)

// facts are what the host says of itself in the gossip: what Open vSwitch has,
// which may be what a person has set there, and else what was found.
func (h *host) facts(there settings, p place) membership.Facts {
	f := membership.Facts{VTEP: p.vtep, UnderlayMTU: p.mtu, Datapath: cmp.Or(there[keyDatapath], h.datapath), Version: h.cfg.Version}
	if vtep, err := netip.ParseAddr(there[keyVTEP]); err == nil {
		f.VTEP = vtep
	}
	if mtu, err := strconv.Atoi(there[keyMTU]); err == nil && mtu > 0 && mtu < 1<<16 {
		f.UnderlayMTU = mtu
	}
	return f
}
