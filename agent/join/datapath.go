package join

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/weft-sdn/weft/agent/phy"
)

// Datapaths, as in weft-datapath.
const (
	systemDatapath = "system"
	netdevDatapath = "netdev"
)

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
	if h.datapath != netdevDatapath {
		return nil
	}
	p, err := h.waitForUnderlay(ctx)
	if err != nil {
		return err
	}
	ready, err := phy.Ready(ctx, h.ovs.vsctl, p.device)
	if ready || err != nil {
		return err
	}
	if !h.cfg.UserspaceUnderlay && !phy.Prepared(h.cfg.StateDir) {
		return fmt.Errorf("this kernel has no datapath for Open vSwitch (modprobe openvswitch), and the underlay's address %s is on %s, which is no bridge of the userspace datapath: add --userspace-underlay, and the agent moves %s and its addresses into one, %s, which cuts its connections for a moment", p.vtep, p.device, p.device, phy.Bridge)
	}
	h.cfg.Log.Info("moves the underlay into a bridge of the userspace datapath", "nic", p.device, "bridge", phy.Bridge)
	return phy.Prepare(ctx, h.ovs.vsctlDone, h.cfg.StateDir, p.device)
}

// waitForUnderlay waits until there is a way to where the host was told to join.
func (h *host) waitForUnderlay(ctx context.Context) (place, error) {
	for {
		to, err := addressOf(ctx, h.card.Seeds[0])
		var p place
		if err == nil {
			p, err = find(to)
		}
		if err == nil {
			h.complain(nil)
			return p, nil
		}
		h.complain(fmt.Errorf("waiting for the network: %w", err))
		select {
		case <-ctx.Done():
			return place{}, ctx.Err()
		case <-time.After(retry):
		}
	}
}

// addressOf is the address in a seed, which may be a name and have a port.
func addressOf(ctx context.Context, seed string) (netip.Addr, error) {
	name := seed
	if h, _, err := net.SplitHostPort(seed); err == nil {
		name = h
	}
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find the address of %s: %w", seed, err)
	}
	return all[0].Unmap(), nil
}
