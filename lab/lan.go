package lab

import "github.com/vishvananda/netlink"

// A LAN is a bridge in the router's namespace in which the router has no
// address: NICs of hosts and machines that know nothing of Weft are plugged
// into it.

func (l *Lab) buildLANs() error {
	return l.namespace(routerName).link(func(h *netlink.Handle) error {
		for _, name := range l.Topology.lans() {
			if err := addBridge(h, name, l.Topology.Underlay.MTU); err != nil {
				return err
			}
		}
		return nil
	})
}

// plugNICs gives the host its further interfaces.
func (h *Host) plugNICs() error {
	for _, dev := range sortedKeys(h.spec.NICs) {
		if err := h.lab.cableOf(linkEnd{in: h.in, name: dev}, h.Name+"-"+dev, h.spec.NICs[dev]); err != nil {
			return err
		}
		if err := h.takeOver(dev); err != nil {
			return err
		}
	}
	return nil
}

// buildMachine makes a machine of a LAN.
func (l *Lab) buildMachine(spec MachineSpec) error {
	m := l.Machine(spec.Name)
	if err := m.in.create(); err != nil {
		return err
	}
	if err := l.cable(m.in, spec.Name, spec.LAN); err != nil {
		return err
	}
	return m.in.link(func(h *netlink.Handle) error {
		if err := setUp(h, nic); err != nil {
			return err
		}
		for _, p := range spec.Addresses {
			if err := addAddressAtOnce(h, m.device, p); err != nil {
				return err
			}
		}
		for _, g := range spec.Gateway {
			if err := addDefaultRoute(h, m.device, g); err != nil {
				return err
			}
		}
		return nil
	})
}
