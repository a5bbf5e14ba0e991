package model

import "fmt"

// Protocols that a forward can be of.
const (
	TCP = "tcp"
	UDP = "udp"
)

// Forward is a way into a network: a port of its gateway hosts that leads to a
// port of an endpoint.
type Forward struct {
	ID           string `json:"id,omitempty"`      // unique in the network; chosen when left out
	Network      string `json:"network,omitempty"` // that of the endpoint
	Address      Addr   `json:"address,omitzero"`  // of the gateway hosts; none: any of theirs
	Port         int    `json:"port"`
	Protocol     string `json:"protocol,omitempty"`     // TCP when left out
	Endpoint     string `json:"endpoint"`               // its id; in requests its name will do
	EndpointPort int    `json:"endpointPort,omitempty"` // the same as Port when left out

	// Read-only.
	Conditions []Condition `json:"conditions,omitempty"`
	Revision   uint64      `json:"revision,omitempty"`
}

// Normalize fills in what does not depend on anything else.
func (f *Forward) Normalize() {
	if f.Protocol == "" {
		f.Protocol = TCP
	}
	if f.EndpointPort == 0 {
		f.EndpointPort = f.Port
	}
}

// Check says what is wrong with a normalized forward, whatever endpoints there
// are. An empty id is still to be chosen.
func (f *Forward) Check() *Error {
	if f.ID != "" {
		if err := CheckID("id", f.ID); err != nil {
			return err
		}
	}
	if f.Address != (Addr{}) {
		if err := f.Address.check("address"); err != nil {
			return err
		}
		if f.Address.IsUnspecified() {
			return Invalidf("address", "%s is no address of a host: leave it out, and any address of the gateway hosts will do", f.Address.Addr)
		}
		if err := checkUnicast("address", f.Address.Addr); err != nil {
			return err
		}
	}
	if f.Protocol != TCP && f.Protocol != UDP {
		return Invalidf("protocol", "%q: use %s or %s", shorten(f.Protocol), TCP, UDP)
	}
	if f.Port == 0 {
		return Invalidf("port", "say which port of the gateway hosts leads to the endpoint")
	}
	if err := checkPort("port", f.Port); err != nil {
		return err
	}
	if err := checkPort("endpointPort", f.EndpointPort); err != nil {
		return err
	}
	if f.Endpoint == "" {
		return Invalidf("endpoint", "say which endpoint of the network the port leads to: its id or its name")
	}
	return nil
}

// Title names the forward for people: tcp/8080, or tcp/192.0.2.1:8080.
func (f *Forward) Title() string {
	switch {
	case !f.Address.Addr.IsValid():
		return fmt.Sprintf("%s/%d", f.Protocol, f.Port)
	case f.Address.Is6():
		return fmt.Sprintf("%s/[%s]:%d", f.Protocol, f.Address.Addr, f.Port)
	}
	return fmt.Sprintf("%s/%s:%d", f.Protocol, f.Address.Addr, f.Port)
}

func checkPort(field string, port int) *Error {
	if port < 1 || port > 65535 {
		return Invalidf(field, "%d is not a port: 1 to 65535", port)
	}
	return nil
}
