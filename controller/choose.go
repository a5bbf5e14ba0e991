package controller

import (
	"crypto/sha256"
	"fmt"

	"github.com/google/uuid"

	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
)

// complete chooses what an endpoint leaves to be chosen.
func (t *tx) complete(e *endpointRecord, n *networkRecord) error {
	if e.ID == "" {
		e.ID = uuid.NewString()
	}
	if len(e.Addresses) == 0 {
		// One address of each family that the network has.
		var families [2]bool
		for _, p := range n.Subnets {
			family := 0
			if p.Prefix.Addr().Is6() {
				family = 1
			}
			if families[family] {
				continue
			}
			a, err := t.chooseFrom(n, e.Host, family == 1)
			if err != nil {
				return err
			}
			families[family] = true
			e.Addresses = append(e.Addresses, model.AddrFrom(a))
		}
	} else if pools := t.c.pools.addresses[n.Name]; pools != nil {
		for subnet, pool := range pools {
			for _, a := range e.Addresses {
				if subnet.Contains(a.Addr) {
					t.touched[n.Name] = true
					pool.Take(a.Addr) // in use already: checkUnique says by whom
				}
			}
		}
	}
	if e.MAC.IsZero() && e.Container == "" {
		e.MAC = t.chooseMAC(e, n)
	}
	return nil
}

// chooseMAC derives the MAC from the first IPv4 address as Docker does, so
// that an endpoint which is declared anew with the same address has the same
// MAC and no neighbour holds a stale one. Where another endpoint has that MAC
// (one that had the address before, and kept it) it is made of the id.
func (t *tx) chooseMAC(e *endpointRecord, n *networkRecord) model.MAC {
	a, ok := e.FirstIPv4()
	if !ok && len(e.Addresses) > 0 {
		a, ok = e.Addresses[0].Addr, true
	}
	mac := macFromID(e.ID) // layer 2 only: there is nothing else to derive it from
	if ok {
		mac = ipam.MAC(a, n.VNI)
	}
	for again := 0; t.hasMAC(n, e.ID, mac); again++ {
		mac = macFromID(fmt.Sprintf("%s/%d", e.ID, again))
	}
	return model.MACFrom(mac)
}

// hasMAC reports whether another endpoint of the network than id has the MAC.
func (t *tx) hasMAC(n *networkRecord, id string, mac [6]byte) bool {
	for o := range each[endpointRecord](t.view, tableEndpoint, byMAC, n.Name, model.MACFrom(mac).String()) {
		if o.ID != id {
			return true
		}
	}
	return false
}

// macFromID makes a locally administered address (IEEE 802c) of an id. It is
// the same for the same id, so an endpoint that is declared anew keeps it.
func macFromID(id string) [6]byte {
	sum := sha256.Sum256([]byte(id))
	mac := [6]byte(sum[:6])
	mac[0] = mac[0]&^3 | 2
	return mac
}
