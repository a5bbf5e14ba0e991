package join

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strconv"

	"github.com/weft-sdn/weft/membership"
)

// Datapaths, as in weft-datapath.
const (
	systemDatapath = "system"
	netdevDatapath = "netdev"
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

// errUnderlay is of a host that can carry no tunnels as it is.
var errUnderlay = errors.New("this kernel has no datapath for Open vSwitch (modprobe openvswitch), and the underlay's address is not on a bridge of its userspace datapath: start the agent with --userspace-underlay, and it moves the NIC and its address into one, named br-phy")

// chooseDatapath finds out which datapath the host has, and prepares the
// underlay for the userspace one where it may.
func (h *host) chooseDatapath(ctx context.Context, here root) error {
	h.datapath = here.externalIDs[keyDatapath]
	if h.datapath == "" || h.datapath == h.set[keyDatapath] {
		kernel, err := kernelDatapath()
		if err != nil {
			return err
		}
		h.datapath = netdevDatapath
		if kernel {
			h.datapath = systemDatapath
		}
	}
	return nil
}
