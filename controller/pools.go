package controller

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/hashicorp/go-memdb"

	"github.com/weft-sdn/weft/ipam"
	"github.com/weft-sdn/weft/model"
)

// Numbers that Weft chooses for VNIs begin where people no longer mirror VLAN
// ids.
const firstAutomaticVNI = 4097

// maxHosts is as many as fit into a VLAN id, in which a frame that is relayed
// names its destination.
const maxHosts = 4094

// pools are what may be given out. They are derived from the state: those of
// addresses when first asked for, and thrown away when in doubt.
type pools struct {
	vnis      *ipam.Numbers
	endpoints *ipam.Numbers // and of NICs
	hosts     *ipam.Numbers
	zones     *ipam.Numbers
	addresses map[string]map[netip.Prefix]*ipam.Subnet // network → subnet, or part of one (see slices.go)
}

func newPools() *pools {
	return &pools{
		vnis:      ipam.NewNumbers(firstAutomaticVNI, model.MaxAutomaticVNI),
		endpoints: ipam.NewNumbers(1, 1<<24-1),
		hosts:     ipam.NewNumbers(1, maxHosts),
		zones:     ipam.NewNumbers(1, lastZone),
		addresses: map[string]map[netip.Prefix]*ipam.Subnet{},
	}
}

// adopt fills the pools from what was loaded.
func (c *Controller) adopt(changes memdb.Changes) {
	var numbers []uint32
	for _, ch := range changes {
		switch r := ch.After.(type) {
		case *networkRecord:
			c.pools.vnis.Take(r.VNI) // one outside the automatic range is not in the pool
			c.pools.zones.Take(uint32(r.Zone))
		case *presenceRecord:
			c.pools.vnis.Take(r.VNI)
			c.pools.zones.Take(uint32(r.Zone)) // another host may have it, too
		case *endpointRecord:
			numbers = append(numbers, r.Number)
		case *nicRecord:
			numbers = append(numbers, r.Number)
		case *hostRecord:
			c.pools.hosts.Take(r.Number)
		}
	}
	// The largest is taken last, so that new ones go on from there.
	slices.Sort(numbers)
	for _, number := range numbers {
		c.pools.endpoints.Take(number)
	}
}

// release makes the pools follow a committed transaction.
func (c *Controller) release(changes memdb.Changes) {
	v := c.snapshot()
	for _, ch := range changes {
		switch r := either(ch).(type) {
		case *networkRecord:
			c.freeVNI(v, r.VNI)
			c.freeZone(v, r.Zone)
			if was, ok := ch.Before.(*networkRecord); ok {
				c.freeZone(v, was.Zone)
			}
			if ch.After == nil || ch.Before == nil || !sameSubnets(ch.Before.(*networkRecord), ch.After.(*networkRecord)) {
				delete(c.pools.addresses, r.Name)
			}
		case *presenceRecord:
			c.freeVNI(v, r.VNI)
			c.freeZone(v, r.Zone)
		case *hostRecord:
			if ch.After == nil {
				c.pools.hosts.Give(r.Number)
			} else {
				c.pools.hosts.Take(r.Number)
			}
		case *nicRecord:
			if ch.After == nil {
				c.pools.endpoints.Give(r.Number)
			}
		case *endpointRecord:
			if ch.After == nil {
				c.pools.endpoints.Give(r.Number)
			}
			if ch.Before != nil {
				c.freeAddresses(v, ch.Before.(*endpointRecord))
			}
		}
	}
}

// freeVNI puts a VNI back, unless a network has it or the switch of a host may
// still have flows of it.
func (c *Controller) freeVNI(v view, vni uint32) {
	if v.networkByVNI(vni) == nil && first[presenceRecord](v, tablePresence, byVNI, vni) == nil {
		c.pools.vnis.Give(vni)
	} else {
		c.pools.vnis.Take(vni)
	}
}

func (c *Controller) freeAddresses(v view, e *endpointRecord) {
	for subnet, pool := range c.pools.addresses[e.Network] {
		for _, a := range e.Addresses {
			if subnet.Contains(a.Addr) && first[endpointRecord](v, tableEndpoint, byAddress, e.Network, a.String()) == nil {
				pool.Give(a.Addr)
			}
		}
	}
}

// addressPool is what is free in a part of a network's subnets.
func (t *tx) addressPool(n *networkRecord, part netip.Prefix) (*ipam.Subnet, error) {
	pools := t.c.pools.addresses[n.Name]
	if pools == nil {
		pools = map[netip.Prefix]*ipam.Subnet{}
		t.c.pools.addresses[n.Name] = pools
	}
	if pool := pools[part]; pool != nil {
		return pool, nil
	}
	var reserved []netip.Addr
	for _, a := range n.gatewayAddresses() {
		reserved = append(reserved, a.Addr)
	}
	subnet, _ := n.SubnetOf(part.Addr())
	pool, err := ipam.NewPart(subnet, part, reserved...)
	if err != nil {
		return nil, err
	}
	for e := range t.endpointsOf(n.Name) {
		for _, a := range e.Addresses {
			if part.Contains(a.Addr) {
				pool.Take(a.Addr)
			}
		}
	}
	pools[part] = pool
	return pool, nil
}

// chooseAddress gives out the lowest free address of a part of the network's
// subnets. Where none is left the error is an [ipam.ExhaustedError].
func (t *tx) chooseAddress(n *networkRecord, part netip.Prefix) (netip.Addr, error) {
	pool, err := t.addressPool(n, part)
	if err != nil {
		return netip.Addr{}, model.Invalidf("addresses", "%v", err)
	}
	t.touched[n.Name] = true
	for {
		addr, err := pool.Lowest()
		if err != nil {
			return netip.Addr{}, err
		}
		if err := pool.Take(addr); err != nil {
			return netip.Addr{}, err
		}
		// The same document may have given it to somebody by name.
		if first[endpointRecord](t.view, tableEndpoint, byAddress, n.Name, addr.String()) == nil {
			return addr, nil
		}
	}
}

// chooseNumber gives an endpoint, or a NIC, the number that names it in flows, and
// that its transit addresses are made of. Hosts outside may go on sending to those of an
// endpoint that is gone, so a number is used again as late as possible.
func (t *tx) chooseNumber() (uint32, error) {
	number, err := t.c.pools.endpoints.Next(t.transit.Endpoints())
	if err != nil {
		return 0, model.Errorf(model.Exhausted, "", "no more endpoints: %v", err)
	}
	t.c.pools.endpoints.Take(number)
	t.numbers = append(t.numbers, number)
	return number, nil
}

// abort undoes what a transaction took from the pools.
func (t *tx) abort() {
	t.txn.Abort()
	if t.routed {
		t.c.ways.Set(t.c.snapshot().usedLinks())
	}
	for name := range t.touched {
		delete(t.c.pools.addresses, name)
	}
	for _, n := range t.numbers {
		t.c.pools.endpoints.Give(n)
	}
	for _, vni := range t.vnis {
		t.c.freeVNI(t.c.snapshot(), vni)
	}
	for _, zone := range t.zones {
		t.c.freeZone(t.c.snapshot(), zone)
	}
}

// sameSubnets reports whether the same addresses can be given out in both.
func sameSubnets(a, b *networkRecord) bool {
	return slices.Equal(a.Subnets, b.Subnets) && slices.Equal(a.gatewayAddresses(), b.gatewayAddresses()) &&
		maps.EqualFunc(a.Slices, b.Slices, slices.Equal)
}

func (n *networkRecord) gatewayAddresses() []model.Addr {
	if n.Gateway == nil {
		return nil
	}
	return n.Gateway.Addresses
}
