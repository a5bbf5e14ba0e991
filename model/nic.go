package model

import "strings"

const maxVLAN = 4094 // 0 and 4095 are reserved (IEEE 802.1Q, section 9.6)

// NIC is a physical interface of a host that is in a network: the machines
// behind it are in the network as well.
type NIC struct {
	Host      string `json:"host,omitempty"`
	Interface string `json:"interface,omitempty"`
	Network   string `json:"network"`
	VLAN      int    `json:"vlan"` // tag of the network's frames on the wire; 0: none

	// Read-only.
	Conditions []Condition `json:"conditions,omitempty"`
	Revision   uint64      `json:"revision,omitempty"`
}

// Check says what is wrong with a NIC, whatever hosts and networks there are.
func (n *NIC) Check() *Error {
	if err := CheckInterface("interface", n.Interface); err != nil {
		return err
	}
	if n.Network == "" {
		return Invalidf("network", "say which network the interface is to be in")
	}
	if n.VLAN < 0 || n.VLAN > maxVLAN {
		return Invalidf("vlan", "%d is not a VLAN: 1 to %d, or 0 for frames without a tag", n.VLAN, maxVLAN)
	}
	return nil
}

// CheckInterface says whether name may be that of a host's interface that is
// put into a network. Those of Weft itself may not.
func CheckInterface(field, name string) *Error {
	switch {
	case !ifaceForm.MatchString(name) || name == "." || name == "..":
		return Invalidf(field, "%q is not the name of an interface: 1 to 15 characters such as %s", shorten(name), DefaultInterface)
	case name == "br-weft" || strings.HasPrefix(name, "weft-"):
		return Invalidf(field, "%q is Weft's own: put an interface of the host into the network", name)
	}
	return nil
}
