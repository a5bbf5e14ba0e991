package ovsdb

import (
	"errors"
	"fmt"
	"strings"
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

	// Ports are those of ours, besides the bridge's own.
	Ports []WantedPort

	// RemovePorts are the UUIDs of Port rows on the bridge, whosesoever, that
	// are to go. UUIDs, as a View showed them, because a port made anew under
	// the same name is another port and must stay.
	RemovePorts []string
}

// WantedPort is a port with one interface of its name. What is zero is left as
// it is. Options and BFD are all that the columns shall hold; of ExternalIDs
// those keys are, and are ours, that begin with MarkKey.
type WantedPort struct {
	Name          string
	Type          string // of the interface; empty: a device of the host
	Options       map[string]string
	OfportRequest int
	MAC           string
	IfaceID       string // external_ids:iface-id; empty: none of ours
	MTURequest    int
	BFD           map[string]string
	ExternalIDs   map[string]string
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
	for _, p := range w.Ports {
		if p.Name == "" {
			return fmt.Errorf("a port of type %q has no name", p.Type)
		}
		if names[p.Name] {
			return fmt.Errorf("port %q is given twice", p.Name)
		}
		names[p.Name] = true
		for key := range p.ExternalIDs {
			if !strings.HasPrefix(key, MarkKey+"-") {
				return fmt.Errorf("port %q: external_ids:%s does not begin with %s-", p.Name, key, MarkKey)
			}
		}
	}
	return nil
}
