package ovsdb

import (
	"errors"
	"fmt"
)

// Wanted is the complete state that our part of a host's Open vSwitch should
// have. Rows of ours that it does not name are removed.
type Wanted struct {
	// Mark is the value of external_ids:weft on all that is ours.
	Mark string

	// Adopt takes a bridge over that has another mark or a controller of its
	// own. Without it such a bridge is left exactly as it is.
	Adopt bool

	DatapathID uint64

	// DatapathType is "system" or "netdev", or empty to find out: see
	// View.Datapath.
	DatapathType string

	// ControllerTargets are the OpenFlow controllers, as "tcp:192.0.2.1:6653";
	// at least one.
	ControllerTargets []string

	// ControllerRateLimit and ControllerBurstLimit limit packet-ins, per second
	// and at once; 0 leaves them to ovs-vswitchd.
	ControllerRateLimit  int
	ControllerBurstLimit int

	TableNames map[int]string

	Tunnels []Tunnel

	// RemovePorts are the UUIDs of Port rows on the bridge, whosesoever, that
	// are to go. UUIDs, as a View showed them, because a port made anew under
	// the same name is another port and must stay.
	RemovePorts []string
}

// Tunnel is a tunnel port. OfportRequest 0 leaves the number to ovs-vswitchd.
type Tunnel struct {
	Name          string
	Type          string
	Options       map[string]string
	OfportRequest int
}

func (w Wanted) validate() error {
	switch {
	case w.Mark == "":
		return errors.New("no mark is given")
	case w.DatapathID == 0:
		return errors.New("no datapath id is given")
	case len(w.ControllerTargets) == 0:
		return errors.New("no OpenFlow controller is given; removing the last one would flush all flows")
	}
	names := make(map[string]bool)
	for _, t := range w.Tunnels {
		if t.Name == "" || t.Type == "" {
			return fmt.Errorf("tunnel %q of type %q: both are needed", t.Name, t.Type)
		}
		if names[t.Name] {
			return fmt.Errorf("tunnel %q is given twice", t.Name)
		}
		names[t.Name] = true
	}
	return nil
}
