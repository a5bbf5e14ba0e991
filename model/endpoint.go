package model

import (
	"fmt"
	"net/netip"
	"slices"
)

// DefaultInterface is the interface of a container that is meant when an
// endpoint names none.
const DefaultInterface = "eth0"

// KindHost is the kind of an endpoint that is the host itself. One of no kind is
// whatever has a port that says so.
const KindHost = "host"

// States of an endpoint, each including those before it.
const (
	Declared  = "declared"  // wanted, no port has it
	Bound     = "bound"     // a port on a host has it
	Installed = "installed" // the switch of that host confirmed its flows
)

const maxAddresses = 32

// Endpoint is one interface of a container, a VM or a host in a network.
type Endpoint struct {
	ID        string `json:"id,omitempty"` // an Interface's iface-id; chosen when left out
	Name      string `json:"name,omitempty"`
	Network   string `json:"network,omitempty"`
	Kind      string `json:"kind,omitempty"` // KindHost, or nothing
	MAC       MAC    `json:"mac,omitzero"`
	Addresses []Addr `json:"addresses,omitempty"`
	Container string `json:"container,omitempty"`
	Interface string `json:"interface,omitempty"` // of the container, default eth0
	Host      string `json:"host,omitempty"`      // pins it there

	// Read-only.
	Prefixes   []Prefix    `json:"prefixes,omitempty"`
	Gateway    []Addr      `json:"gateway,omitempty"`
	MTU        int         `json:"mtu,omitempty"`
	Location   string      `json:"location,omitempty"` // the host whose port has it
	State      string      `json:"state,omitempty"`
	Conditions []Condition `json:"conditions,omitempty"`
	Revision   uint64      `json:"revision,omitempty"`
}

// Normalize fills in what does not depend on anything else.
func (e *Endpoint) Normalize() {
	if e.Container != "" && e.Interface == "" {
		e.Interface = DefaultInterface
	}
}

// Check says what is wrong with a normalized endpoint of network n, whatever
// other endpoints there are. What is empty is still to be chosen.
func (e *Endpoint) Check(n *Network) *Error {
	if e.ID != "" {
		if err := CheckID("id", e.ID); err != nil {
			return err
		}
	}
	if e.Name != "" {
		if err := CheckName("name", e.Name); err != nil {
			return err
		}
	}
	if err := e.MAC.check("mac"); err != nil {
		return err
	}
	if e.Container != "" && !containerForm.MatchString(e.Container) {
		return Invalidf("container", "%q is not a container's name or id", shorten(e.Container))
	}
	if e.Interface != "" && e.Container == "" {
		return Invalidf("interface", "names an interface of a container: give container too")
	}
	if e.Interface != "" && !ifaceForm.MatchString(e.Interface) {
		return Invalidf("interface", "%q is not the name of an interface: 1 to 15 characters such as %s", shorten(e.Interface), DefaultInterface)
	}
	if err := e.checkKind(); err != nil {
		return err
	}
	if len(e.Addresses) > maxAddresses {
		return Invalidf("addresses", "%d addresses: an endpoint has %d at the most", len(e.Addresses), maxAddresses)
	}
	for i, a := range e.Addresses {
		if err := e.checkAddress(n, i, a); err != nil {
			return err
		}
	}
	return nil
}

func (e *Endpoint) checkKind() *Error {
	switch {
	case e.Kind == "":
		return nil
	case e.Kind != KindHost:
		return Invalidf("kind", "%q is not a kind of endpoint: use %s for one that is the host itself, and leave it out for all others", shorten(e.Kind), KindHost)
	case e.Host == "":
		return Invalidf("host", "say which host the endpoint is")
	case e.Container != "":
		return Invalidf("container", "an endpoint of kind %s is a host itself, and no container", KindHost)
	}
	return nil
}

func (e *Endpoint) checkAddress(n *Network, i int, a Addr) *Error {
	field := fmt.Sprintf("addresses[%d]", i)
	if err := a.check(field); err != nil {
		return err
	}
	subnet, ok := n.SubnetOf(a.Addr)
	switch {
	case !ok:
		return Invalidf(field, "%s is outside the subnets of network %q (%s)", a.Addr, n.Name, n.subnetList())
	case n.HasGatewayAddress(a.Addr):
		return Invalidf(field, "%s is the gateway's address in network %q", a.Addr, n.Name)
	case slices.Contains(e.Addresses[:i], a):
		return Invalidf(field, "%s stands here twice", a.Addr)
	}
	return CheckHostAddress(field, subnet, a.Addr)
}

// FirstIPv4 returns the endpoint's first IPv4 address, from which its MAC is
// derived when none is given.
func (e *Endpoint) FirstIPv4() (netip.Addr, bool) {
	for _, a := range e.Addresses {
		if a.Is4() {
			return a.Addr, true
		}
	}
	return netip.Addr{}, false
}

// Title names the endpoint for people: by its name where it has one.
func (e *Endpoint) Title() string {
	if e.Name != "" {
		return e.Name
	}
	return e.ID
}

// HostPrefix is an address together with the length of its subnet's prefix,
// as it is set on an interface: 10.0.1.10/24.
func HostPrefix(a netip.Addr, subnet netip.Prefix) Prefix {
	return PrefixFrom(netip.PrefixFrom(a, subnet.Bits()))
}
