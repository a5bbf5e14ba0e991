package lab

import (
	"context"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/weft-sdn/weft/model"
)

// Machine is anything of a lab that has a network stack of its own, to ask with
// and to be asked: a container, a host, a machine behind a host's NIC, and the
// internet.
type Machine struct {
	Name string

	in        namespace
	device    string         // the interface that it asks and answers on
	addresses []netip.Prefix // there
}

// Interface is the machine's interface, inside it.
func (m *Machine) Interface() string { return m.device }

// Addresses are the addresses that the machine was given.
func (m *Machine) Addresses() []netip.Addr {
	var all []netip.Addr
	for _, p := range m.addresses {
		all = append(all, p.Addr())
	}
	return all
}

// Run runs a command on the machine and returns what it prints.
func (m *Machine) Run(ctx context.Context, name string, args ...string) (string, error) {
	return run(ctx, m.in, os.Environ(), name, args...)
}

// hardwareAddress is the MAC address that the machine's interface has now.
func (m *Machine) hardwareAddress() (mac net.HardwareAddr, err error) {
	err = m.in.link(func(h *netlink.Handle) error {
		l, err := h.LinkByName(m.device)
		if err == nil {
			mac = l.Attrs().HardwareAddr
		}
		return err
	})
	return mac, err
}

// addressLike is the machine's first address of a's family, invalid if it has
// none.
func (m *Machine) addressLike(a netip.Addr) netip.Addr {
	all := m.Addresses()
	if i := slices.IndexFunc(all, func(own netip.Addr) bool { return own.Is4() == a.Is4() }); i >= 0 {
		return all[i]
	}
	return netip.Addr{}
}

// commonAddresses are the addresses of to in families that from has too.
func commonAddresses(from, to *Machine) []netip.Addr {
	var common []netip.Addr
	for _, a := range to.Addresses() {
		if from.addressLike(a).IsValid() {
			common = append(common, a)
		}
	}
	return common
}

// prefixesOf are the addresses of an endpoint with their lengths.
func prefixesOf(e model.Endpoint) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range e.Prefixes {
		all = append(all, p.Prefix)
	}
	return all
}

// Machine returns the machine of that name, or nil: a host, a container that is
// plugged or not, a machine behind a NIC, or the internet.
func (l *Lab) Machine(name string) *Machine {
	all := l.machines()
	if i := slices.IndexFunc(all, func(m *Machine) bool { return m.Name == name }); i >= 0 {
		return all[i]
	}
	return nil
}

func (l *Lab) machines() []*Machine {
	all := slices.Clone(l.outside)
	for _, h := range l.hosts {
		all = append(all, &h.Machine)
	}
	for _, c := range l.Containers() {
		all = append(all, &c.Machine)
	}
	return all
}
